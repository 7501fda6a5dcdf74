"""Several loaders in one step: what each gives, lengths, joining, two processes equal one, resuming."""

import io

import numpy as np
import pytest
import torch
from loading_settings import assert_same, loader_of, stacked

from mmlib.data.batch import Batch
from mmlib.data.dataset import MultimodalDataset
from mmlib.data.joint import JointBatch, JointLoader
from mmlib.data.sampling import SamplingPlan
from mmlib.errors import ParameterError

COPIES = SamplingPlan(
    [5, 5, 1, 0, 17, 2, 2, 2, 9, 3, 4],
    keep={"audio": np.arange(11) % 3 > 0},
    weight=np.linspace(0, 1, 11),
)


def joint(data, length="first", **options):
    """New data in 5 batches of 16 (the last of 8), exemplars in 3 of 7 (the last of 4)."""
    new = loader_of(data["train"], **options)
    exemplars = loader_of(data["validation"], batch_size=7, seed=4, **options)
    return JointLoader({"new": new, "exemplars": exemplars}, length)


def epoch(loader, number):
    loader.set_epoch(number)
    return list(loader)


@pytest.mark.parametrize(("length", "steps"), [("first", 5), ("longest", 5), ("shortest", 3)])
def test_length_of_an_epoch(data, length, steps):
    loader = joint(data, length)
    assert len(loader) == steps == len(list(loader))
    turned = JointLoader(dict(reversed(loader.loaders.items())), length)
    assert len(turned) == {"first": 3, "longest": 5, "shortest": 3}[length] == len(list(turned))


def test_each_part_is_what_its_loader_alone_gives(data):
    batches = epoch(joint(data), 2)
    alone = {"new": loader_of(data["train"]), "exemplars": loader_of(data["validation"], batch_size=7, seed=4)}
    for name, loader in alone.items():
        for one, other in zip(batches, epoch(loader, 2), strict=False):
            assert_same(one[name], other)


def test_a_shorter_loader_begins_anew_in_another_order(data):
    parts = [batch["exemplars"].index.tolist() for batch in epoch(joint(data), 0)]
    assert [len(part) for part in parts] == [7, 7, 4, 7, 7]
    first, again = parts[0] + parts[1] + parts[2], parts[3] + parts[4]
    assert sorted(first) == list(range(18))
    assert len(set(again)) == 14
    assert again != first[:14]
    assert again != [row for batch in epoch(joint(data), 1)[:2] for row in batch["exemplars"].index.tolist()]
    assert [batch["exemplars"].index.tolist() for batch in epoch(joint(data), 0)] == parts


def test_augmentation_differs_between_turns(data):
    """The batch number goes on counting: the same row shown again does not meet the same noise."""
    few = loader_of(data["train"], batch_size=4, seed=4)
    few.set_plan(SamplingPlan([0, 1, 2, 3], shuffle=False))
    first, second = list(few.batches(2))
    assert torch.equal(first.index, second.index)
    assert not torch.equal(first.inputs["audio"], second.inputs["audio"])


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_see_together_what_one_sees(data, world_size):
    whole = joint(data)
    parts = [joint(data, rank=rank, world_size=world_size) for rank in range(world_size)]
    for number in range(3):
        for loader in [whole, *parts] if number == 1 else []:
            loader["exemplars"].set_plan(COPIES)
        batches, shards = epoch(whole, number), [epoch(part, number) for part in parts]
        assert {len(shard) for shard in shards} == {len(batches)} == {5}
        for batch, *pieces in zip(batches, *shards, strict=True):
            assert {piece.size for piece in pieces} == {batch.size} == {len(batch)}
            assert sum(map(len, pieces)) == len(batch)
            for name in ("new", "exemplars"):
                assert_same(stacked([piece[name] for piece in pieces]), batch[name])
            if number:
                assert batch["exemplars"].weight is not None


def test_worker_processes_change_nothing(data):
    mine, alone = joint(data, workers=1), joint(data)
    for number in range(3):
        for loader in (mine, alone) if number == 1 else ():
            loader["exemplars"].set_plan(COPIES)
        for one, other in zip(epoch(mine, number), epoch(alone, number), strict=True):
            for name in ("new", "exemplars"):
                assert_same(one[name], other[name])


def test_a_resumed_run_sees_the_same_batches(data):
    going = joint(data)
    epoch(going, 0)
    going["exemplars"].set_plan(COPIES)
    file = io.BytesIO()
    torch.save(going.state_dict(), file)
    file.seek(0)
    resumed = joint(data)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert len(resumed["exemplars"]) == 2
    for number in (1, 2):
        for one, other in zip(epoch(resumed, number), epoch(going, number), strict=True):
            assert_same(one.joined(), other.joined())


def test_joined_is_one_batch_that_knows_its_sources(data):
    loader = joint(data)
    loader["exemplars"].set_plan(COPIES)
    batch = epoch(loader, 0)[0]
    joined = batch.joined()
    assert len(joined) == joined.size == len(batch) == batch.size == 16 + 7
    for name, source in (("new", 0), ("exemplars", 1)):
        rows, part = batch.rows(name), batch[name]
        assert torch.equal(joined.inputs["audio"][rows], part.inputs["audio"])
        assert torch.equal(joined.inputs["visual"][rows], part.inputs["visual"])
        assert torch.equal(joined.targets[rows], part.targets)
        assert torch.equal(joined.index[rows], part.index)
        assert joined.extra["source"][rows].tolist() == [source] * len(part)
    assert joined.keep["audio"][:16].all()
    assert torch.equal(joined.keep["audio"][16:], batch["exemplars"].keep["audio"])
    assert joined.weight[:16].tolist() == [1.0] * 16
    assert torch.equal(joined.weight[16:], batch["exemplars"].weight)
    assert joined is batch.joined()
    for name in ("inputs", "targets", "index", "extra", "keep", "weight"):
        assert getattr(batch, name) is getattr(joined, name)


def test_plain_parts_join_without_keep_and_weight(data):
    joined = epoch(joint(data), 0)[0].joined()
    assert (joined.keep, joined.weight) == ({}, None)


def test_moving_moves_the_parts_and_then_joins(data):
    batch = epoch(joint(data), 0)[0]
    moved = batch.to("meta")
    assert moved.inputs["audio"].device.type == moved.targets.device.type == "meta"
    assert moved.extra["source"].device.type == "meta"
    assert (len(moved), moved.size) == (len(batch), batch.size)


def plain(values, targets, **more):
    return Batch({"x": values}, targets, torch.arange(len(targets)), **more)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32])
def test_parts_join_as_they_are_under_autocast(kind):
    """Stored tokens may be float16 where a network computes in bfloat16."""
    parts = {
        name: Batch({"visual": torch.randn(2, 3).to(kind)}, torch.arange(2), torch.arange(2)) for name in ("new", "old")
    }
    with torch.autocast("cpu", torch.bfloat16):
        joined = JointBatch(parts).joined()
        assert torch.is_autocast_enabled("cpu")
    assert joined.inputs["visual"].dtype == kind
    assert torch.equal(joined.inputs["visual"], torch.cat([part.inputs["visual"] for part in parts.values()]))


def test_only_extra_tensors_of_all_parts_are_joined():
    one = plain(torch.zeros(2, 3), torch.zeros(2), extra={"a": torch.zeros(2), "b": torch.zeros(2)})
    other = plain(torch.ones(1, 3), torch.ones(1), extra={"b": torch.ones(1)})
    joined = JointBatch({"one": one, "other": other}).joined()
    assert list(joined.extra) == ["b", "source"]
    assert joined.extra["b"].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("values", "targets", "what"),
    [
        (torch.zeros(1, 4), torch.zeros(1), "inputs"),
        (torch.zeros(1, 3, dtype=torch.int64), torch.zeros(1), "inputs"),
        (torch.zeros(1, 3), torch.zeros(1, dtype=torch.int64), "targets"),
    ],
)
def test_parts_that_differ_are_not_joined(values, targets, what):
    batch = JointBatch({"one": plain(torch.zeros(2, 3), torch.zeros(2)), "other": plain(values, targets)})
    with pytest.raises(ParameterError, match=f"the {what} of loaders 'one' and 'other' cannot be joined"):
        batch.joined()
    assert len(batch["other"]) == 1  # the parts can be used all the same


def test_loaders_that_cannot_go_together(data):
    with pytest.raises(ParameterError, match="same seed"):
        JointLoader({"a": loader_of(data["train"]), "b": loader_of(data["validation"])})
    with pytest.raises(ParameterError, match="different ranks"):
        JointLoader({"a": loader_of(data["train"]), "b": loader_of(data["test"], seed=4, rank=1, world_size=2)})
    with pytest.raises(ParameterError, match="length 'both'"):
        joint(data, "both")
    with pytest.raises(ParameterError, match="0 loaders"):
        JointLoader({})


def test_a_loader_without_batches_is_named(data):
    train = data["train"]
    none = MultimodalDataset(train.prepared, train.rows[:0], train.views, split="train")
    with pytest.raises(ParameterError, match="loader 'exemplars' has no batches"):
        JointLoader({"new": loader_of(train), "exemplars": loader_of(none, seed=4)})
