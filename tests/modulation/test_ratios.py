"""Discrepancy ratios and coefficients."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from mmlib.errors import UsageError
from mmlib.modulation.ratios import coefficients, decoupled_ratio, decoupled_scores, zeta_ratio, zeta_scores

LOGITS = {
    "visual": torch.tensor([[1, 1, 0], [0.2, 0.1, 0], [0, 0.5, 0.3]], dtype=torch.float64),
    "audio": torch.tensor([[2, 1, 0], [0.5, 1.5, 0], [0, 0, 1]], dtype=torch.float64),
}
TARGETS = torch.tensor([0, 1, 2])
ZETA = torch.tensor([[0.6, 0.4, 0.5, 0.7], [0.3, 0.5, 0.8, 0.45], [0.9, 0.2, 0.5, 0.35]], dtype=torch.float64)


def near(actual, expected):
    assert actual.shape == ()
    assert actual.item() == pytest.approx(expected, abs=1e-6)


def test_decoupled_ratio_of_the_worked_example():
    scores = decoupled_scores(LOGITS, TARGETS)
    near(scores["audio"], 1.869890)
    near(scores["visual"], 1.092128)
    ratio = decoupled_ratio(LOGITS, TARGETS)
    near(ratio, 0.584060)
    near(1 / ratio, 1.712152)
    for alpha, expected in ((0.1, 0.830438), (0.8, 0.121371)):
        k = coefficients(ratio, alpha)
        assert k["visual"] == 1
        near(k["audio"], expected)


def test_coefficient_at_a_ratio_of_one_and_a_half():
    k = coefficients(torch.tensor(1.5, dtype=torch.float64), 0.8)
    near(k["visual"], 0.166345)
    assert k["audio"] == 1


def test_zeta_ratio_of_the_worked_example():
    near(zeta_ratio(ZETA), 1.068966)
    near(zeta_ratio(ZETA, reduce="sample"), 1.074908)
    near(zeta_ratio(ZETA[:1]), 1.222222)
    near(zeta_ratio(torch.tensor([[0.6, 0.5, 0.4, 0.7]])), 1.222222)
    near(coefficients(zeta_ratio(ZETA), 0.8)["visual"], 0.306238)


@pytest.mark.parametrize(("alpha", "expected"), [(0.1, 0.900332), (0.3, 0.708687), (0.8, 0.335963)])
def test_a_tie_holds_back_audio_by_the_full_jump(alpha, expected):
    k = coefficients(torch.ones(()), alpha)
    assert k["visual"] == 1
    near(k["audio"], expected)
    near(zeta_ratio(torch.full((4, 8), 0.5)), 1.0)


def test_targets_of_any_shape():
    generator = torch.Generator().manual_seed(0)
    logits = {name: torch.randn(3, 4, 5, generator=generator) for name in ("visual", "audio")}
    targets = torch.randint(5, (3, 4), generator=generator)
    flat = decoupled_ratio({name: value.flatten(0, 1) for name, value in logits.items()}, targets.flatten())
    assert_close(decoupled_ratio(logits, targets), flat)


def test_equals_a_slow_reference():
    generator = torch.Generator().manual_seed(0)
    logits = {name: torch.randn(7, 5, generator=generator, dtype=torch.float64) for name in ("visual", "audio")}
    targets = torch.randint(5, (7,), generator=generator)
    sums = {}
    for name, rows in logits.items():
        sums[name] = 0.0
        for row, target in zip(rows.tolist(), targets.tolist(), strict=True):
            sums[name] += math.exp(row[target]) / sum(math.exp(value) for value in row)
    near(decoupled_ratio(logits, targets), sums["visual"] / sums["audio"])


def test_sums_of_parts_make_the_ratio_of_the_whole():
    for reduce in ("batch", "sample"):
        parts = [zeta_scores(part, reduce) for part in ZETA.split(2)]
        near(sum(p[0] for p in parts) / sum(p[1] for p in parts), zeta_ratio(ZETA, reduce).item())


def test_a_modality_that_scores_nothing_gives_a_finite_ratio():
    logits = {"visual": torch.tensor([[0.0, 200.0]]), "audio": torch.tensor([[200.0, 0.0]])}
    ratio = decoupled_ratio(logits, torch.tensor([0]))
    assert torch.isfinite(ratio)
    assert torch.isfinite(1 / ratio)
    both = {"visual": torch.tensor([[0.0, 200.0]]), "audio": torch.tensor([[0.0, 200.0]])}
    near(decoupled_ratio(both, torch.tensor([0])), 1.0)


def test_targets_that_do_not_fit():
    with pytest.raises(UsageError, match="class indices of shape"):
        decoupled_ratio(LOGITS, torch.tensor([0, 1]))
    with pytest.raises(UsageError, match="class indices"):
        decoupled_ratio(LOGITS, TARGETS.float())
