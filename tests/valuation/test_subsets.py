"""Predictions of all subsets from one pass: the golden head of the spec, every fusion, how often what is computed."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmlib.fusion import SimAM2Options
from mmlib.models import MultimodalClassifier, build_classifier
from mmlib.models.encoders import Input
from mmlib.valuation.contributions import contributions, subsets_of
from mmlib.valuation.resampling import copies_of, pairs_of, sample_plan
from mmlib.valuation.subsets import is_affine, subset_predictions, subset_scores, valued_modalities

W = torch.tensor([[1, 0, 0.5, -1, 0, 1], [0, 1, -0.5, 1, 0.5, 0], [-1, 0.5, 1, 0, 1, -0.5]], dtype=torch.float64)
BIAS = torch.tensor([0.1, 0, -0.1], dtype=torch.float64)
X = torch.tensor([[1, 0, 0.5, 0.5, 0, 1], [0, 1, 1, 0, 1, 0], [0.5, 0.5, 0, 1, 1, 0], [0, 1, 0, 1, 0, 0.5]])
LABELS = torch.tensor([0, 1, 0, 1])
TRIO = ("0", "1", "2")


def golden_head(features):
    return F.linear(torch.cat([features[name] for name in TRIO], dim=-1), W, BIAS)


@pytest.mark.parametrize("affine", [False, True])
def test_golden_from_features_to_copies(affine):
    features = dict(zip(TRIO, X.double().split(2, dim=1), strict=True))
    scores = dict(subset_scores(golden_head, features, affine=affine))
    assert tuple(scores) == subsets_of(TRIO)
    correct = torch.stack([value.argmax(dim=1) == LABELS for value in scores.values()], dim=1)
    assert correct.int().tolist() == [
        [1, 0, 1, 1, 1, 1, 1],
        [1, 0, 0, 0, 1, 0, 0],
        [1, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 1, 1, 1, 1],
    ]
    found = contributions(correct, TRIO)
    expected = ["7/6 2/3 7/6", "2/3 -5/6 1/6", "1/3 -1/6 -1/6", "7/6 7/6 2/3"]
    assert [[Fraction(unit, 6) for unit in row] for row in found.units.tolist()] == [
        [Fraction(value) for value in row.split()] for row in expected
    ]
    assert found.units.sum(axis=1).tolist() == [18, 0, 0, 18]
    assert copies_of(found).tolist() == [[0, 1, 0], [1, 3, 2], [1, 2, 2], [0, 0, 1]]
    plan = sample_plan(found)
    copies = [(row, next(int(m) for m, keeps in keep.items() if keeps)) for row, keep in pairs_of(plan)[4:]]
    assert copies == [(0, 1), (1, 0), *[(1, 1)] * 3, *[(1, 2)] * 2, (2, 0), *[(2, 1)] * 2, *[(2, 2)] * 2, (3, 2)]
    assert len(plan) == 17


def network(count, **options):
    torch.manual_seed(0)
    names = ("audio", "visual", "text", "more")[:count]
    inputs = {name: Input("vector", 5) for name in names}
    model = build_classifier(num_classes=4, inputs=inputs, feature_channels=8, norm="batch", **options).eval()
    return model, {name: torch.randn(16, 5) for name in names}


CASES = [
    (2, {"fusion": "concat"}, True),
    (3, {"fusion": "concat"}, True),
    (4, {"fusion": "concat"}, True),
    (3, {"fusion": "sum"}, True),
    (3, {"fusion": "sum", "sum_site": "logit"}, True),
    (3, {"fusion": "sum", "sum_site": "feature"}, True),
    (2, {"fusion": "film"}, False),
    (2, {"fusion": "weighted_sum"}, False),
    (3, {"fusion": "weighted_sum"}, False),
    (3, {"fusion": "gated"}, False),
    (2, {"fusion": "concat", "simam2": SimAM2Options(zeta="learned")}, False),
    (2, {"fusion": "sum", "simam2": SimAM2Options()}, False),
]


@pytest.mark.parametrize(("count", "options", "affine"), CASES)
def test_one_pass_says_what_masked_passes_say(count, options, affine):
    model, inputs = network(count, **options)
    assert is_affine(model.fusion) is affine
    calls = dict.fromkeys([*inputs, "fusion"], 0)

    def counting(name):
        def count_call(*_):
            calls[name] += 1

        return count_call

    handles = [encoder.register_forward_hook(counting(name)) for name, encoder in model.encoders.items()]
    handles.append(model.fusion.register_forward_hook(counting("fusion")))
    output = model(inputs)
    found = subset_predictions(model.fusion, output)
    for handle in handles:
        handle.remove()
    assert {name: calls[name] for name in inputs} == dict.fromkeys(inputs, 1), "an encoder ran again"
    # the pass itself, and one call for each modality alone and nothing, from which larger subsets are added up
    assert calls["fusion"] == (2 if affine else 2**count - 1)
    order = valued_modalities(model.fusion)
    for column, subset in enumerate(subsets_of(order)):
        keep = {name: torch.full((16,), name in subset) for name in inputs}
        np.testing.assert_array_equal(found[:, column], model(inputs, keep).logits.argmax(dim=1), err_msg=str(subset))
    assert not found.requires_grad


def test_scores_of_one_modality_have_the_whole_bias():
    """Toy C: a dropped modality's feature is exactly zero, and its encoder learns nothing from that sample."""
    model, inputs = network(2, fusion="concat")
    output = model(inputs)
    scores = dict(subset_scores(lambda kept: model.fusion(kept).logits, output.features, affine=True))
    layer, (first, last) = model.fusion.classifier, (model.fusion.channels["audio"], model.fusion.channels["visual"])
    weight = layer.weight[:, first : first + last]
    expected = F.linear(output.features["visual"], weight, layer.bias)
    torch.testing.assert_close(scores["visual",], expected)
    model.train()
    keep = {"audio": torch.zeros(16, dtype=torch.bool), "visual": torch.ones(16, dtype=torch.bool)}
    output = model(inputs, keep)
    assert (output.features["audio"] == 0).all()
    F.cross_entropy(output.logits, torch.zeros(16, dtype=torch.long)).backward()
    assert all((p.grad == 0).all() for p in model.encoders["audio"].parameters())
    assert any((p.grad != 0).any() for p in model.encoders["visual"].parameters())


def test_the_published_pair_is_listed_audio_first():
    model, _ = network(2, fusion="sum")
    assert isinstance(model, MultimodalClassifier)
    assert valued_modalities(model.fusion) == ("audio", "visual")


def test_equally_high_scores_give_the_first_class():
    features = {"a": torch.ones(2, 1), "b": torch.ones(2, 1)}
    found = dict(subset_scores(lambda kept: torch.zeros(2, 5), features))
    assert {tuple(value.argmax(dim=1).tolist()) for value in found.values()} == {(0, 0)}
