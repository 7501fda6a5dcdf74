"""Slots: what a loader process hands over is what it made, and nobody's batch is written over."""

import gc
import pickle

import numpy as np
import pytest
import torch
from loading_settings import assert_same, loader_of
from loading_settings import epoch_of as epoch

from mmlib.data import room, slots
from mmlib.data.batch import Batch
from mmlib.data.loader import AHEAD, HELD
from mmlib.data.slots import Slots, needed

pytestmark = pytest.mark.skipif(not slots.inherited(), reason="loader processes are not forked here")


@pytest.fixture(autouse=True)
def _nothing_is_small(monkeypatch):
    """The batches here are tiny, and stay in their slots all the same."""
    monkeypatch.setattr(slots, "SMALL", 0)


def a_batch(rows: int = 4, scale: float = 1.0) -> Batch:
    values = torch.arange(rows * 6, dtype=torch.float32).view(rows, 2, 3) * scale
    keep, weight = torch.arange(rows) % 2 == 0, torch.full((rows,), 0.5)
    return Batch({"vector": values}, torch.arange(rows), torch.arange(rows), rows, {}, {"vector": keep}, weight)


def handed_over(shared: Slots, make) -> Batch:
    """Filled and received in this process, as if by two."""
    return pickle.loads(pickle.dumps(shared.filled(shared.lease(), make)))


def test_a_batch_arrives_as_it_was():
    shared = Slots(2, needed(a_batch()))
    batch = handed_over(shared, a_batch)
    assert_same(batch, a_batch())
    assert batch.inputs["vector"].untyped_storage().data_ptr() == batch.weight.untyped_storage().data_ptr()


@pytest.mark.parametrize(
    "make", [lambda t: t.contiguous(memory_format=torch.channels_last), lambda t: t.mT, lambda t: t]
)
def test_the_order_of_axes_in_memory_stays(make):
    values = make(torch.randn(3, 4, 5, 6))
    batch = handed_over(
        Slots(1, 4096), lambda: Batch({"visual": values}, torch.arange(len(values)), torch.arange(len(values)))
    )
    assert batch.inputs["visual"].stride() == values.stride()
    assert torch.equal(batch.inputs["visual"], values)


def test_repeated_and_sparse_tensors_become_dense_ones():
    wide = torch.arange(40.0).view(4, 10)
    inputs = {"spread": wide[:, ::2], "repeated": torch.ones(1, 3).expand(4, 3), "none": torch.empty(4, 0)}
    batch = handed_over(Slots(1, 4096), lambda: Batch(inputs, torch.arange(4), torch.arange(4)))
    for name, values in inputs.items():
        assert torch.equal(batch.inputs[name], values), name


def test_what_is_made_in_the_slot_is_not_copied():
    seen = []

    def make() -> Batch:
        batch = a_batch()
        batch.inputs["vector"] = room.empty(4, 2, 3).copy_(batch.inputs["vector"])
        seen.append(batch.inputs["vector"].data_ptr())
        return batch

    batch = handed_over(Slots(1, 4096), make)
    assert_same(batch, a_batch())
    assert seen == [batch.inputs["vector"].data_ptr()]
    assert room.empty(2).data_ptr() != seen[0], "outside of a slot memory is as ever"


def test_what_does_not_fit_comes_beside_the_slot():
    small = Slots(1, 1)  # a page
    for rows in (4, 4000):
        assert_same(handed_over(small, lambda rows=rows: a_batch(rows)), a_batch(rows))


def test_a_slot_is_free_when_its_last_tensor_is_gone():
    shared = Slots(1, needed(a_batch()))
    batch = handed_over(shared, a_batch)
    assert shared.lease() is None
    weight = torch.nn.Parameter(torch.ones(3))
    (product := batch.inputs["vector"] * weight).sum()  # the graph keeps the input
    part = batch.targets[:2]
    del batch
    assert shared.lease() is None
    product.sum().backward()
    del product
    assert shared.lease() is None, "a part of the targets is left"
    assert part.tolist() == [0, 1]
    del part
    assert shared.lease() == 0


def test_batches_outlive_their_slots_and_slots_make_no_circle():
    shared = Slots(2, needed(a_batch()))
    batch = handed_over(shared, a_batch)
    gc.disable()
    try:
        left = len(slots._OPEN)
        del shared
        assert len(slots._OPEN) == left - 1
    finally:
        gc.enable()
    assert_same(batch, a_batch())


def test_memory_that_was_given_back_can_be_filled_again():
    shared = Slots(2, needed(a_batch()))
    kept = handed_over(shared, a_batch)
    handed_over(shared, a_batch)
    shared.give_back()
    assert_same(kept, a_batch())
    assert_same(handed_over(shared, lambda: a_batch(scale=3.0)), a_batch(scale=3.0))


@pytest.mark.parametrize("training", [True, False])
def test_kept_batches_stay_what_they_were(data, training):
    """More than there are slots, over epochs that are broken off too."""
    loader = loader_of(data["train"], batch_size=2, workers=1, training=training)
    kept = []
    for number in range(3):
        loader.set_epoch(number)
        for place, batch in enumerate(loader):
            if place % 2 == 0:
                kept.append((number, place, batch))
            if (number, place) == (1, 12):
                break
    assert len(kept) > 3 * (AHEAD + HELD)
    alone = [epoch(data["train"], number, batch_size=2) for number in range(3)]
    for number, place, batch in kept:
        assert_same(batch, alone[number][place])


def test_a_loop_that_keeps_nothing_needs_no_more_than_the_slots(data, monkeypatch):
    """Also after epochs that were broken off, whose batches nobody took."""
    loader, refused = loader_of(data["train"], batch_size=2, workers=2), []
    lease = loader._slots.lease
    monkeypatch.setattr(loader._slots, "lease", lambda: slot if (slot := lease()) is not None else refused.append(1))
    for number in range(4):
        loader.set_epoch(number)
        for place, _ in enumerate(loader):
            if number < 2 and place == 5:
                break
    del _
    assert not refused
    assert sorted(loader._slots._free) == list(range(2 * AHEAD + HELD))


def test_pictures_and_sound_that_are_computed_later(standin):
    train = standin["train"]
    with_processes = epoch(train, deferred=True, workers=2)
    for batch, alone in zip(with_processes, epoch(train, deferred=True), strict=True):
        assert_same(batch.to("cpu"), alone.to("cpu"))


def test_where_the_system_promises_no_memory_batches_come_as_they_did(data, monkeypatch):
    def refuse(*_):
        raise OSError("cannot allocate memory")

    monkeypatch.setattr(slots.mmap, "mmap", refuse)
    loader = loader_of(data["train"], workers=1)
    assert loader._slots is None
    for batch, alone in zip(loader, epoch(data["train"]), strict=True):
        assert_same(batch, alone)


def test_positions_from_the_end(data):
    train = data["train"]
    for name, values in train[[-1, -72]].inputs.items():
        assert torch.equal(values, train[np.array([71, 0])].inputs[name])
    with pytest.raises(IndexError):
        train[[72]]


def test_small_tensors_are_copied_so_that_keeping_them_keeps_no_slot(monkeypatch):
    monkeypatch.setattr(slots, "SMALL", 40)
    shared = Slots(1, 4096)
    batch = handed_over(shared, a_batch)
    assert_same(batch, a_batch())
    targets, vector = batch.targets, batch.inputs["vector"]
    assert targets.untyped_storage().nbytes() == targets.nbytes
    del batch
    assert shared.lease() is None, "the inputs are larger"
    del vector
    assert shared.lease() == 0
    assert targets.tolist() == [0, 1, 2, 3]


class Failing(torch.utils.data.Dataset):
    """A dataset of which one row cannot be read."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __getattr__(self, name):
        return getattr(self.dataset, name)

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, request):
        if len(request.index) > 1 and 7 in request.index:
            raise ValueError("row 7")
        return self.dataset[request]


def test_slots_of_a_process_that_failed_come_back(data):
    loader = loader_of(Failing(data["train"]), batch_size=2, workers=1)
    for _ in range(2 * (AHEAD + HELD)):
        with pytest.raises(ValueError, match="row 7"):
            list(loader)
    assert len(loader._slots._free) + len(loader._slots._leased) == AHEAD + HELD
    loader._slots.recall()
    gc.collect()  # the errors' frames held batches
    assert sorted(loader._slots._free) == list(range(AHEAD + HELD))


def test_what_is_free_is_known_to_one_process(monkeypatch):
    shared = Slots(2, 4096)
    monkeypatch.setattr(slots.os, "getpid", lambda: shared._owner + 1)
    assert shared.lease() is None, "a fork of this process leases none of the slots that this one does"


def test_memory_that_cannot_be_given_back_stays(monkeypatch):
    shared = Slots(1, needed(a_batch()))
    monkeypatch.setattr(slots.mmap, "MADV_REMOVE", -1, raising=False)  # the system refuses
    shared.give_back()
    assert_same(handed_over(shared, a_batch), a_batch())


def resident_kilobytes() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssShmem"))


@pytest.mark.skipif(not hasattr(slots.mmap, "MADV_REMOVE"), reason="only Linux takes shared memory back")
def test_after_an_evaluation_its_memory_is_given_back():
    shared = Slots(2, 8 << 20)
    before = resident_kilobytes()

    def large() -> Batch:
        return Batch({"vector": torch.ones(2, 1 << 20)}, torch.arange(2), torch.arange(2))

    batch = handed_over(shared, large)
    handed_over(shared, large)
    assert resident_kilobytes() - before > 8000
    shared.give_back()
    del batch  # the loop's own, held when the epoch ended
    assert resident_kilobytes() - before < 100


def test_tensors_that_are_more_than_numbers_in_a_row_come_beside():
    values = torch.randn(4, 3, dtype=torch.complex64)
    inputs = {
        "conjugate": values.conj(),
        "sparse": torch.eye(4).to_sparse(),
        "learned": torch.nn.Parameter(torch.ones(4)),
    }
    batch = handed_over(Slots(1, 4096), lambda: Batch(inputs, torch.arange(4), torch.arange(4)))
    assert torch.equal(batch.inputs["conjugate"], values.conj())
    assert batch.inputs["learned"].requires_grad
