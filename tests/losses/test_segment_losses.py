"""Losses of event localisation: golden values, and the published buffer that is never cleared."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mmlib.errors import ParameterError
from mmlib.losses.segment_similarity import Targets, segment_similarity
from mmlib.losses.soft_margin import soft_margin_of_softmax

BACKGROUND = 3


def test_soft_margin_lives_in_a_narrow_band():
    target = torch.eye(29, dtype=torch.float64)[:1]
    for scores, expected in ((1e4 * target, 0.6800476808), (0 * target, 0.7093481244), (-1e4 * target, None)):
        found = soft_margin_of_softmax(scores, target).item()
        assert expected is None or found == pytest.approx(expected, abs=1e-10)
    wrong = 1e4 * torch.eye(29, dtype=torch.float64)[1:2]
    assert soft_margin_of_softmax(wrong, target).item() == pytest.approx(0.7145304394, abs=1e-10)


def test_similarity_of_a_toy():
    cosines = torch.tensor([[0.9, 0.5, -0.2, 0, 0.1, 0.3, 0.8, -0.6, 0.4, 0.2]], dtype=torch.float64)
    target = torch.zeros(1, 10, dtype=torch.float64)
    target[:, :4] = 0.25
    assert segment_similarity(cosines, target).item() == pytest.approx(0.0226562499, abs=1e-10)


def test_clean_targets():
    classes = torch.tensor([[3, 1, 1, 3], [2, 2, 2, 2], [3, 3, 3, 3]])
    expected = torch.tensor([[0, 0.5, 0.5, 0], [0.25] * 4, [0.0] * 4])
    assert_close(Targets("clean", BACKGROUND)(classes), expected)


def test_stale_targets_keep_what_an_earlier_batch_left():
    targets = Targets("stale", BACKGROUND)
    first = torch.tensor([[2, 2, 2, 2], [3, 1, 1, 3]])
    assert_close(targets(first), torch.tensor([[0.25] * 4, [0, 0.5, 0.5, 0]]))
    second = torch.tensor([[3, 3, 1, 3], [3, 3, 3, 3]])
    assert_close(targets(second), torch.tensor([[0.25, 0.25, 1.0, 0.25], [0.25] * 4]))
    assert_close(Targets("clean", BACKGROUND)(second), torch.tensor([[0, 0, 1.0, 0], [0.0] * 4]))


def test_stale_targets_survive_a_resume():
    targets, resumed = Targets("stale", BACKGROUND), Targets("stale", BACKGROUND)
    assert targets.state_dict() == {}
    targets(torch.tensor([[2, 2, 2, 2], [3, 1, 1, 3]]))
    resumed.load_state_dict({name: value.clone() for name, value in targets.state_dict().items()})
    second = torch.tensor([[3, 3, 1, 3], [1, 3, 3, 3], [1, 1, 3, 3]])
    assert torch.equal(targets(second), resumed(second))
    assert resumed(second)[0].tolist() == [0.25, 0.25, 1.0, 0.25]
    resumed.load_state_dict({})
    assert resumed(second)[0].tolist() == [0, 0, 1.0, 0]


def test_unknown_kind():
    with pytest.raises(ParameterError, match="avps_target"):
        Targets("fresh", BACKGROUND)
