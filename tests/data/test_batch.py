"""What a batch carries goes with it."""

import pytest
import torch
from loading_settings import assert_same, epoch_of

from mmlib.data.batch import Batch


def test_moving_a_batch_keeps_everything(data):
    batch = epoch_of(data["train"], rank=0, world_size=2)[0]
    moved = batch.to("cpu")
    assert_same(batch, moved)
    assert (len(moved), moved.size) == (8, 16)


def full_batch():
    return Batch(
        {"audio": torch.randn(3, 2), "text": torch.tensor([[1, 2], [3, 0], [4, 0]])},
        torch.tensor([0.5, -1.0, 2.0]),
        torch.tensor([7, 7, 2]),
        size=6,
        extra={"audio_length": torch.tensor([1, 2, 2])},
        keep={"audio": torch.tensor([True, False, True])},
        weight=torch.tensor([1.0, 0.5, 2.0]),
    )


def test_every_tensor_is_moved():
    moved = full_batch().to("meta")
    tensors = [*moved.inputs.values(), *moved.extra.values(), *moved.keep.values()]
    tensors += [moved.targets, moved.index, moved.weight]
    assert len(tensors) == 7
    assert all(value.device.type == "meta" for value in tensors)
    assert (moved.inputs["text"].dtype, moved.keep["audio"].dtype) == (torch.int64, torch.bool)
    assert (len(moved), moved.size) == (3, 6)


def test_without_more_nothing_is_dropped_and_all_weigh_alike():
    batch = Batch({"audio": torch.zeros(2, 1)}, torch.tensor([0, 1]), torch.tensor([0, 1]))
    assert (batch.size, batch.keep, batch.weight) == (2, {}, None)
    assert batch.to("meta").weight is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_every_tensor_is_pinned():
    pinned = full_batch().pin_memory()
    for value in [*pinned.inputs.values(), *pinned.keep.values(), pinned.weight, pinned.targets]:
        assert value.is_pinned()


def media_batches(standin, deferred):
    """An epoch of the media stand-in, as a training loop on a CPU receives it."""
    return [batch.to("cpu") for batch in epoch_of(standin["train"], deferred=deferred, batch_size=8)]


def test_what_is_left_to_the_device_is_what_the_loader_computes(standin):
    here, there = (media_batches(standin, deferred) for deferred in (False, True))
    for one, other in zip(here, there, strict=True):
        assert other.deferred == {}
        assert_same(one, other)


def test_until_then_bytes_travel(standin):
    batch = epoch_of(standin["train"], deferred=True, batch_size=8)[0]
    assert batch.inputs == {}
    pictures, sound = batch.deferred["visual"], batch.deferred["audio"]
    assert (pictures.pictures.dtype, sound.waveform.dtype) == (torch.uint8, torch.int16)
    assert pictures.shown().shape == (8, 3, 2, 224, 224)
    halves = [
        epoch_of(standin["train"], deferred=True, batch_size=8, rank=r, world_size=2)[0].to("cpu") for r in (0, 1)
    ]
    whole = batch.to("cpu").inputs
    for name, values in whole.items():
        assert torch.equal(torch.cat([half.inputs[name] for half in halves]), values), name


def test_noise_is_added_before_it_travels(data):
    batch = epoch_of(data["train"], deferred=True)[0]
    assert batch.deferred == {}, "noise is drawn and scaled by the loader"
    assert_same(batch, epoch_of(data["train"])[0])
