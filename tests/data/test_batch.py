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
