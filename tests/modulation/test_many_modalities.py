"""Ratios and coefficients of more than two modalities, the pair as the case n = 2, and pinned numbers of the pair."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from waves import wave

from mmlib.errors import ParameterError, UsageError
from mmlib.modulation import build_modulation
from mmlib.modulation.ratios import (
    coefficients,
    decoupled_scores,
    discrepancy_ratios,
    modality_coefficients,
    score_ratio,
    zeta_ratio,
    zeta_scores,
)

PINNED = {  # first weights after two steps, before modulations had n modalities; noise is torch's, float64, on a CPU
    "ogm": {"visual": [-0.67927904, -0.53945554, -0.32661927], "audio": [1.40308698, 0.93276829, 0.33620378]},
    "ogm_ge": {"visual": [-0.98156085, 0.14286676, 0.9281062], "audio": [2.3753834, 0.76420201, 0.29645818]},
    "decoupling_free": {
        "visual": [-0.20784221, 1.06662295, 1.87687388],
        "audio": [1.72293652, 0.01538865, -0.4473733],
    },
}


def kernels(*names):
    return {name: [nn.Parameter(wave((2, 1, 2, 2), number))] for number, name in enumerate(names)}


def scalar(value):
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("method", PINNED)
def test_pinned_numbers_of_the_pair(method):
    groups = kernels("visual", "audio")
    optimizer = torch.optim.SGD([p for group in groups.values() for p in group], lr=1.0)
    modulation = build_modulation(method, groups, alpha=0.8, seed=3).attach(optimizer)
    for step in range(2):
        logits = {"visual": wave((4, 3), 3 + step), "audio": wave((4, 3), 4 + step)}
        zeta = wave((4, 3), 5 + step).abs()
        modulation.observe(unimodal_logits=logits, zeta=zeta, targets=torch.tensor([0, 1, 2, 1]))
        for group in groups.values():
            group[0].grad = wave((2, 1, 2, 2), 7 + step)
        optimizer.step()
    for modality, expected in PINNED[method].items():
        assert_close(groups[modality][0].detach().flatten()[:3].tolist(), expected, atol=2e-8, rtol=0)


def test_ratios_and_coefficients_of_three():
    ratios = discrepancy_ratios({"text": scalar(3.0), "audio": scalar(1.0), "visual": scalar(1.0)})
    assert [value.item() for value in ratios.values()] == [3.0, 0.5, 0.5]
    k = modality_coefficients(ratios, 0.5)
    assert k["text"].item() == pytest.approx(1 - math.tanh(1.5))
    assert k["audio"] == k["visual"] == 1
    ratios = discrepancy_ratios({"text": scalar(4.0), "audio": scalar(5.0), "visual": scalar(1.0)})
    k = modality_coefficients(ratios, 0.5)
    assert ratios["text"].item() == pytest.approx(4 / 3)
    assert k["audio"] < k["text"] < k["visual"] == 1, "two may lead the third, each by its own ratio"
    equal = discrepancy_ratios({"text": scalar(2.0), "audio": scalar(2.0), "visual": scalar(2.0)})
    assert all(value == 1 for value in modality_coefficients(equal, 0.5).values())


def test_two_are_the_published_case_bit_for_bit():
    for one, other in ((0.7, 1.3), (1.3, 0.7), (1.0, 1.0), (0.0, 2.0)):
        scores = {"visual": torch.tensor(one), "audio": torch.tensor(other)}
        ratio = score_ratio(scores["visual"], scores["audio"])
        ratios = discrepancy_ratios(scores)
        assert torch.equal(ratios["visual"], ratio)
        assert torch.equal(ratios["audio"], 1 / ratio)
        expected = coefficients(ratio, 0.8)
        assert all(torch.equal(value, expected[name]) for name, value in modality_coefficients(ratios, 0.8).items())


def test_equals_a_slow_reference_for_four():
    logits = {name: wave((7, 5), number) for number, name in enumerate("abcd")}
    targets = torch.arange(7) % 5
    sums = {}
    for name, rows in logits.items():
        pairs = zip(rows.tolist(), targets.tolist(), strict=True)
        sums[name] = sum(math.exp(row[t]) / sum(map(math.exp, row)) for row, t in pairs)
    modulation = build_modulation("ogm", kernels(*"abcd"), alpha=0.3)
    modulation.observe(unimodal_logits=logits, targets=targets)
    for name in "abcd":
        ratio = sums[name] / (sum(value for other, value in sums.items() if other != name) / 3)
        assert modulation.ratios[name].item() == pytest.approx(ratio)
        expected = 1 - math.tanh(0.3 * ratio) if ratio > 1 else 1
        assert modulation.coefficients[name].item() == pytest.approx(expected)


def test_scores_do_not_depend_on_the_order_of_the_modalities():
    logits = {name: wave((7, 5), number) for number, name in enumerate("abc")}
    first, second = (build_modulation("ogm", kernels(*names), alpha=0.3) for names in ("abc", "cab"))
    for modulation in (first, second):
        modulation.observe(unimodal_logits=logits, targets=torch.arange(7) % 5)
    for name in "abc":
        assert_close(first.coefficients[name], second.coefficients[name])


def test_rows_that_do_not_count():
    rows = torch.tensor([True, False, True, True, False])
    logits = {name: wave((5, 3), number) for number, name in enumerate("ab")}
    targets = torch.tensor([0, 1, 2, 1, 0])
    some = decoupled_scores({name: value[rows] for name, value in logits.items()}, targets[rows])
    masked = decoupled_scores(logits, targets, rows)
    segments = decoupled_scores({"a": wave((5, 4, 3), 0)}, targets[:, None].expand(5, 4), rows)
    assert_close(segments, decoupled_scores({"a": wave((5, 4, 3), 0)[rows]}, targets[:, None].expand(5, 4)[rows]))
    assert_close(masked, some)
    zeta = wave((5, 3), 1).abs()
    for reduce in ("batch", "sample"):
        assert_close(score_ratio(*zeta_scores(zeta, reduce, rows)), zeta_ratio(zeta[rows], reduce))
        assert_close(zeta_scores(zeta, reduce, torch.ones(5, dtype=torch.bool)), zeta_scores(zeta, reduce))


def test_what_is_for_two_and_what_is_for_classes_says_so():
    with pytest.raises(ParameterError, match="ζ weighs one term against another.*text, audio, visual.*'ogm_ge'"):
        build_modulation("decoupling_free", kernels("text", "audio", "visual"))
    with pytest.raises(ParameterError, match="two modalities or more; its groups are text"):
        build_modulation("ogm", kernels("text"))
    modulation = build_modulation("ogm_ge", kernels("text", "audio", "visual"))
    logits = {name: wave((4, 3), 0) for name in ("text", "audio", "visual")}
    for targets in (torch.rand(4), torch.randint(2, (4, 3)), torch.rand(4, 3)):
        with pytest.raises(UsageError, match="targets must be class indices"):
            modulation.observe(unimodal_logits=logits, targets=targets, rows=torch.ones(4, dtype=torch.bool))
    with pytest.raises(UsageError, match="needs unimodal_logits"):
        modulation.observe(unimodal_logits={"text": wave((4, 3), 0)}, targets=torch.zeros(4).long())
