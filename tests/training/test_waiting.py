"""A step waits for no value: of the real loop, with every modulation; by its operations on a CPU, by torch on a GPU."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from device_steps import TOY, VARIANTS, Ours, held, measure
from torch.utils._python_dispatch import TorchDispatchMode

WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "unique")


class NoValues(TorchDispatchMode):
    """Fails at an operation whose result, or whose result's size, the host must know."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.__name__.partition(".")[0]
        assert name.rstrip("2") not in WAITING, f"{name} waits for the device"
        if name in ("index", "index_put_"):
            masks = [place for place in args[1] if place is not None and place.dtype in (torch.bool, torch.uint8)]
            assert not masks, f"{name} by a mask waits for the device"
        return function(*args, **(kwargs or {}))


def test_the_check_sees_what_waits():
    for work in (lambda x: x.sum().item(), lambda x: x[x > 0], lambda x: bool(x.any()), lambda x: x.nonzero()):
        with pytest.raises(AssertionError, match="waits"), NoValues():
            work(torch.ones(3))


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_operation_of_a_step_waits(variant):
    steps = Ours(variant, "default", TOY, torch.device("cpu"))
    batches, _ = held(TOY, torch.device("cpu"))
    with NoValues():
        for batch in batches * 2:
            steps.trainer._step(batch)
    steps.trainer.log.trace.close_epoch(0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("way", ["default", "fastest"])
def test_torch_sees_no_wait_on_a_gpu(variant, way):
    device = torch.device("cuda")
    sizes = replace(TOY, encoder="resnet18", image=64)
    steps = Ours(variant, way, sizes, device)
    batches, _ = held(sizes, device)
    steps.take(iter(batches * 2))  # what is set up once may wait
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in batches * 2:
            steps.trainer._step(batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_the_comparison_for_a_lent_device_still_runs():
    said = []
    found = measure(TOY, torch.device("cpu"), 300, ["default", "fastest"], said.append)
    assert list(found) == [f"{variant}, {way}" for variant in VARIANTS for way in ("default", "fastest")] + [
        "OGM-GE, fastest, fed"
    ]
    assert all(0 < result["fastest"] <= result["time"] <= result["slowest"] for result in found.values())
    assert len(said) == len(found)
    measure(TOY, torch.device("cpu"), 0, ["default"], said.append)
    assert "left out" in said[-1]
