"""MSLR: which gradients it scales, when, and what accuracies make of the factors."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from waves import wave

from mmlib.errors import ParameterError, UsageError
from mmlib.modulation import MSLR, build_modulation

SHAPES = {"visual": [(4, 3, 2, 2), (4,)], "audio": [(5, 2), (3,)], "touch": [(2, 2)]}


def parts(*names, **settings):
    groups = {name: [nn.Parameter(torch.zeros(shape)) for shape in SHAPES[name]] for name in names}
    fusion = nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.SGD([p for group in groups.values() for p in group] + [fusion], lr=0.0)
    return groups, fusion, optimizer, MSLR(groups, **settings).attach(optimizer)


def factors(groups, fusion, optimizer, mslr, epoch=0):
    """What a step multiplies the gradients of each group by; checks that it is one number for all of its tensors."""
    mslr.set_epoch(epoch)
    mslr.observe(targets=None)
    tensors = {"fusion": [fusion], **groups}
    for parameter in (p for group in tensors.values() for p in group):
        parameter.grad = wave(parameter.shape, 1).float() + 2
    optimizer.step()
    found = {}
    for name, group in tensors.items():
        quotients = torch.cat([(p.grad / (wave(p.shape, 1).float() + 2)).flatten() for p in group])
        assert_close(quotients, quotients[:1].expand_as(quotients))
        found[name] = quotients[0].item()
    return found


def evaluated(mslr, accuracies, split="validation", name="top1"):
    for epoch, values in enumerate(accuracies):
        mslr.end_epoch(epoch, {split: {f"{name}_{m}": value for m, value in values.items()}})


def test_every_tensor_of_each_modality_and_nothing_of_the_fusion():
    found = factors(*parts("visual", "audio"))
    assert found == pytest.approx({"visual": 1.1, "audio": 0.9, "fusion": 1.0})
    found = factors(*parts("visual", "audio", "touch", factors={"audio": 0.5, "touch": 0.0}))
    assert found == pytest.approx({"visual": 1.0, "audio": 0.5, "touch": 0.0, "fusion": 1.0})


def test_q_is_one_up_to_the_fifth_evaluation_and_slides_from_the_sixth_on():
    """Evaluation after epoch 5 is divided by the mean of those after epochs 0 to 4, and first trains epoch 6."""
    accuracies = [0.2, 0.3, 0.4, 0.5, 0.6, 0.5, 0.7]
    groups, fusion, optimizer, mslr = parts("visual", "audio")
    seen = []
    for epoch, value in enumerate(accuracies):
        seen.append(factors(groups, fusion, optimizer, mslr, epoch)["audio"] / 0.9)
        evaluated(mslr, [{"audio": value, "visual": 0.5}])
    seen.append(factors(groups, fusion, optimizer, mslr, 7)["audio"] / 0.9)
    expected = [1.0] * 6 + [0.5 / 0.4, 0.7 / 0.46]
    assert seen == pytest.approx(expected)
    assert mslr.q["visual"] == pytest.approx(1.0)


def test_window_edges():
    groups, fusion, optimizer, mslr = parts("visual", "audio")
    for epoch in range(53):
        found = factors(groups, fusion, optimizer, mslr, epoch)
        assert found["visual"] == pytest.approx(1.1 if epoch <= 50 else 1.0), epoch
        assert mslr.coefficients["audio"].item() == pytest.approx(0.9 if epoch <= 50 else 1.0)


def test_accuracies_of_another_split_and_of_heads():
    *_, mslr = parts("visual", "audio", split="test", accuracy="top1_head")
    values = [{"audio": 0.1 * (1 + n), "visual": 0.2} for n in range(6)]
    evaluated(mslr, values, "test", "top1_head")
    assert mslr.q == pytest.approx({"audio": 0.6 / 0.3, "visual": 1.0})


def test_what_is_not_defined_leaves_q_alone():
    *_, mslr = parts("visual", "audio")
    evaluated(mslr, [{"audio": 0.0, "visual": 0.5}] * 3 + [{"audio": None, "visual": None}])
    evaluated(mslr, [{"audio": 0.0, "visual": 0.5}] * 3)
    assert mslr.q == {"audio": 1.0, "visual": 1.0}
    evaluated(mslr, [{"audio": 0.5, "visual": 0.6}])
    assert mslr.q == pytest.approx({"audio": 1.0, "visual": 1.2}), "after five accuracies of 0 there is no quotient"


def test_state_is_plain_numbers_and_continues(tmp_path):
    first, second = parts("visual", "audio"), parts("visual", "audio")
    evaluated(first[3], [{"audio": 0.1 * (1 + n % 4), "visual": 0.3} for n in range(7)])
    torch.save(first[3].state_dict(), tmp_path / "state.pt")
    second[3].load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for mslr in (first[3], second[3]):
        evaluated(mslr, [{"audio": 0.9, "visual": 0.6}])
    assert first[3].q == second[3].q
    assert first[3].state_dict() == second[3].state_dict()
    assert factors(*first) == factors(*second)


def test_mistakes():
    with pytest.raises(ParameterError, match="at least 0; got {'audio': -1"):
        parts("visual", "audio", factors={"audio": -1.0})
    *_, mslr = parts("visual", "audio")
    with pytest.raises(
        UsageError, match="follows top1_visual on the split 'validation', .* epoch 0 lacks. It has test"
    ):
        mslr.end_epoch(0, {"test": {"top1_visual": 0.5}})
    groups, fusion, optimizer, mslr = parts("visual", "audio")
    for group in (*groups.values(), [fusion]):
        for parameter in group:
            parameter.grad = torch.zeros_like(parameter)
    with pytest.raises(UsageError, match="no batch was observed"):
        optimizer.step()


def test_by_name():
    groups = {name: [nn.Parameter(torch.zeros(2))] for name in ("visual", "audio")}
    built = build_modulation("mslr", groups, alpha=0.3, factors={"audio": 0.7}, split="test")
    assert (type(built), built.factors, built.split, built.window) == (
        MSLR,
        {"visual": 1.0, "audio": 0.7},
        "test",
        (0, 50),
    )
