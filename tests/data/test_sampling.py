"""Plans: the order of today's epochs, what a plan may hold, what a checkpoint keeps of it."""

import io

import numpy as np
import pytest
import torch

from mmlib.data.sampling import SamplingPlan, WholeDataset
from mmlib.errors import ParameterError


def test_orders_are_those_of_every_record_so_far():
    """Written down before there were plans: seed 3, 72 rows, epochs 0 and 5."""
    plan = WholeDataset(72, shuffle=True).plan(0)
    assert plan.index.tolist() == list(range(72))
    assert plan.order(3, 0)[:16].tolist() == [0, 42, 58, 35, 22, 18, 2, 43, 38, 39, 4, 69, 3, 62, 17, 56]
    assert plan.order(3, 5)[:16].tolist() == [58, 57, 35, 22, 34, 18, 55, 53, 48, 20, 49, 40, 60, 70, 0, 59]
    assert WholeDataset(72, shuffle=False).plan(5).order(3, 5).tolist() == list(range(72))


def test_orders_visit_every_place_once_and_differ_by_seed_epoch_and_turn():
    plan = SamplingPlan(np.array([4, 4, 4, 0, 1] * 10))
    orders = [plan.order(*keys) for keys in [(0, 0), (1, 0), (0, 1), (0, 0, 1), (0, 0, 2), (0, 1, 1)]]
    assert all(sorted(order.tolist()) == list(range(50)) for order in orders)
    assert len({tuple(order.tolist()) for order in orders}) == len(orders)


def test_a_plan_is_a_copy_in_the_right_types():
    index, mask, weight = np.array([2, 0], np.int32), np.array([True, False]), np.array([0.5, 2.0])
    plan = SamplingPlan(index, {"audio": mask}, weight)
    index[:], mask[:], weight[:] = 0, True, 0
    assert plan.index.dtype == np.int64
    assert plan.index.tolist() == [2, 0]
    assert plan.keep["audio"].tolist() == [True, False]
    assert plan.weight.dtype == np.float32
    assert plan.weight.tolist() == [0.5, 2.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"index": [0.5, 1.0]}, "give \\(rows,\\) integers"),
        ({"index": [[0, 1]]}, "int64 \\[1, 2\\]"),
        ({"index": [0, 1], "keep": {"audio": np.array([True])}}, "keep\\['audio'\\].* one bool per row"),
        ({"index": [0, 1], "keep": {"audio": np.array([1, 0])}}, "keep\\['audio'\\].* int64"),
        ({"index": [0, 1], "weight": [1.0]}, "one finite number"),
        ({"index": [0, 1], "weight": [1.0, -1.0]}, "one finite number"),
        ({"index": [0, 1], "weight": [1.0, np.nan]}, "one finite number"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, message):
    with pytest.raises(ParameterError, match=message):
        SamplingPlan(**arguments)


@pytest.mark.parametrize("full", [False, True])
def test_state_loads_as_weights_only(full):
    parts = {"keep": {"audio": np.array([True, False, True])}, "weight": [1.0, 0.25, 0.0]} if full else {}
    plan = SamplingPlan([5, 5, 1], **parts, shuffle=not full)
    file = io.BytesIO()
    torch.save(plan.state_dict(), file)
    file.seek(0)
    again = SamplingPlan.from_state(torch.load(file, weights_only=True))
    assert again.index.tolist() == [5, 5, 1]
    assert again.shuffle is not full
    if full:
        assert again.keep["audio"].tolist() == [True, False, True]
        assert again.weight.tolist() == [1.0, 0.25, 0.0]
    else:
        assert again.keep is None
        assert again.weight is None
