"""Unimodal heads: drawn last, trained by losses of their own, with or without a way to the encoders."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmlib.errors import ParameterError, UsageError
from mmlib.experiments.classification import Parameters
from mmlib.experiments.classification.model import build_model
from mmlib.losses.unimodal import unimodal_losses
from mmlib.models import build_classifier

INPUTS = {"audio": torch.randn(4, 1, 33, 32), "visual": torch.randn(4, 3, 2, 16, 16)}
TARGETS = torch.tensor([0, 1, 4, 2])


def classifier_of(heads="none", **options):
    torch.manual_seed(0)
    settings = {"feature_channels": 8, "norm": "group", "fusion": "sum", **options}
    return build_classifier("small", num_classes=5, unimodal_heads=heads, **settings)


def test_heads_are_drawn_last_and_none_draws_nothing():
    plain = classifier_of()
    after_plain = torch.rand(3)
    torch.manual_seed(0)
    build_classifier("small", num_classes=5, feature_channels=8, norm="group", fusion="sum")
    assert torch.equal(torch.rand(3), after_plain)
    assert plain(INPUTS).head_logits is None
    for kind in ("attached", "detached"):
        model = classifier_of(kind)
        state = model.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in plain.state_dict().items())
        assert [name for name in state if name not in plain.state_dict()] == [
            f"unimodal_heads.heads.{modality}.{part}" for modality in ("visual", "audio") for part in ("weight", "bias")
        ]
        assert torch.equal(model(INPUTS).logits, plain(INPUTS).logits)


def test_scores_are_linear_in_the_feature_of_each_modality():
    model = classifier_of("attached")
    output = model(INPUTS)
    for modality, head in model.unimodal_heads.heads.items():
        expected = F.linear(output.features[modality], head.weight, head.bias)
        assert torch.equal(output.head_logits[modality], expected)
        assert head.bias.abs().sum() == 0, "the published initialisation reaches the heads"


@pytest.mark.parametrize("heads", ["attached", "detached"])
def test_only_attached_heads_train_the_encoders(heads):
    model = classifier_of(heads)
    sum(unimodal_losses(model(INPUTS), TARGETS).values()).backward()
    for parameters in model.modality_parameters().values():
        grads = [p.grad for p in parameters]
        assert all(grad is not None for grad in grads) == (heads == "attached")
        assert any(grad is None for grad in grads) == (heads == "detached")
    assert all(p.grad.abs().sum() > 0 for p in model.unimodal_heads.parameters())


def test_losses_by_name_and_weight():
    output = classifier_of("attached")(INPUTS)
    losses = unimodal_losses(output, TARGETS, weight=0.5)
    assert list(losses) == ["unimodal_visual", "unimodal_audio"]
    for modality in ("visual", "audio"):
        expected = 0.5 * F.cross_entropy(output.head_logits[modality], TARGETS)
        assert_close(losses[f"unimodal_{modality}"], expected)

    def squares(logits, targets):
        return (logits[:, 0] - targets).square()

    regression = unimodal_losses(output, TARGETS.float(), criterion=squares)["unimodal_audio"]
    assert_close(regression, (output.head_logits["audio"][:, 0] - TARGETS).square().mean())


def test_a_dropped_sample_teaches_its_head_nothing():
    model = classifier_of("attached")
    kept = torch.tensor([True, False, True, False])
    output = model(INPUTS, {"audio": kept})
    losses = unimodal_losses(output, TARGETS)
    each = F.cross_entropy(output.head_logits["audio"], TARGETS, reduction="none")
    assert_close(losses["unimodal_audio"], each[kept].sum() / 4)
    assert_close(losses["unimodal_visual"], F.cross_entropy(output.head_logits["visual"], TARGETS))
    nothing = model(INPUTS, {"audio": torch.zeros(4, dtype=torch.bool)})
    unimodal_losses(nothing, TARGETS)["unimodal_audio"].backward()
    for parameter in [*model.encoders["audio"].parameters(), *model.unimodal_heads.heads["audio"].parameters()]:
        assert parameter.grad is not None, "two processes wait for the gradient of every parameter"
        assert (parameter.grad == 0).all()


def test_a_weight_of_zero_builds_no_heads():
    shapes = {"audio": (1, 33, 32), "visual": (3, 2, 16, 16)}
    built = {
        weight: build_model(Parameters(unimodal_heads="attached", unimodal_weight=weight), shapes, 5)
        for weight in (0.0, 0.5)
    }
    assert built[0.0].unimodal_heads is None
    assert built[0.5].unimodal_heads is not None
    assert not built[0.5].unimodal_heads.detached


def test_mistakes():
    with pytest.raises(ParameterError, match="unimodal_heads is 'both'"):
        classifier_of("both")
    with pytest.raises(UsageError, match="no unimodal heads"):
        unimodal_losses(classifier_of()(INPUTS), TARGETS)
