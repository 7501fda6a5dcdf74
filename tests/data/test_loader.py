"""The loader: determinism, exact sharding, independence of worker processes, plans that change."""

import gc
import io
import weakref

import numpy as np
import pytest
import torch
from loading_settings import assert_same, loader_of, stacked
from loading_settings import epoch_of as epoch

from mmlib.data.loader import BatchLoader
from mmlib.data.sampling import SamplingPlan
from mmlib.errors import ParameterError


def test_shapes_and_types(data):
    batch = epoch(data["train"])[0]
    assert batch.inputs["audio"].shape == (16, 1, 65, 61)
    assert batch.inputs["visual"].shape == (16, 1, 3, 32, 32)
    assert batch.inputs["audio"].dtype == batch.inputs["visual"].dtype == torch.float32
    assert batch.targets.dtype == torch.int64
    assert len(batch) == batch.size == 16
    assert data["train"].input_shapes == {"audio": (1, 65, 61), "visual": (1, 3, 32, 32)}
    assert {name: len(split) for name, split in data.items()} == {"train": 72, "validation": 18, "test": 30}


def test_batch_holds_its_rows(data):
    train = data["train"]
    for batch in epoch(train):
        np.testing.assert_array_equal(batch.targets, train.targets[batch.index])
        raw = train.prepared.arrays["frames"][train.rows[batch.index]]
        torch.testing.assert_close(batch.inputs["visual"][:, 0], (torch.from_numpy(raw) / 255 - 0.5) / 0.25)


def test_every_sample_once_and_the_last_batch_is_kept(data):
    batches = epoch(data["train"])
    assert [len(batch) for batch in batches] == [16, 16, 16, 16, 8]
    assert sorted(torch.cat([batch.index for batch in batches]).tolist()) == list(range(72))
    assert len(BatchLoader(data["train"], batch_size=16, shuffle=True, seed=0)) == 5


def test_an_epoch_repeats_exactly_and_another_differs(data):
    for first, second in zip(epoch(data["train"], 4), epoch(data["train"], 4), strict=True):
        assert_same(first, second)
    assert not torch.equal(epoch(data["train"], 4)[0].index, epoch(data["train"], 5)[0].index)
    assert not torch.equal(epoch(data["train"], seed=3)[0].index, epoch(data["train"], seed=4)[0].index)


def test_the_global_generator_does_not_matter_and_is_left_alone(data):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = epoch(data["train"])[0]
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert_same(first, epoch(data["train"])[0])


@pytest.mark.parametrize("kind", ["data", "standin"])
def test_worker_processes_change_nothing(kind, request):
    train = request.getfixturevalue(kind)["train"]
    state = torch.get_rng_state()
    loader = BatchLoader(train, batch_size=8, shuffle=True, seed=3, workers=2)
    for number in (0, 1):  # the epoch reaches workers that are running already
        loader.set_epoch(number)
        for mine, alone in zip(loader, epoch(train, number, batch_size=8), strict=True):
            assert_same(mine, alone)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("kind", ["data", "standin"])
@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_see_together_what_one_sees(kind, world_size, request):
    train = request.getfixturevalue(kind)["train"]
    whole = epoch(train, 1)
    parts = [epoch(train, 1, rank=rank, world_size=world_size) for rank in range(world_size)]
    for number, batch in enumerate(whole):
        shards = [part[number] for part in parts]
        assert all(shard.size == len(batch) for shard in shards)
        assert max(map(len, shards)) - min(map(len, shards)) <= 1
        assert_same(stacked(shards), batch)


def test_evaluation_never_drops_or_repeats(data):
    test = data["test"]
    for world_size in (1, 2, 4, 7):
        parts = [
            epoch(test, shuffle=False, batch_size=29, rank=rank, world_size=world_size) for rank in range(world_size)
        ]
        assert len({len(part) for part in parts}) == 1  # as many steps in every process
        seen = torch.cat([batch.index for part in parts for batch in part])
        assert sorted(seen.tolist()) == list(range(30))


def test_evaluation_does_not_depend_on_seed_epoch_or_batch_size(data):
    whole = data["test"][np.arange(30)]
    again = epoch(data["test"], 7, shuffle=False, batch_size=7, seed=99)
    for name, values in whole.inputs.items():
        assert torch.equal(torch.cat([batch.inputs[name] for batch in again]), values)


def test_training_refuses_a_batch_too_small_to_share(data):
    with pytest.raises(ParameterError, match="last batch of 1 of 72"):
        BatchLoader(data["train"], batch_size=71, shuffle=True, seed=0, world_size=2)


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"workers": -1}, {"rank": 2, "world_size": 2}])
def test_arguments_out_of_range(data, wrong):
    with pytest.raises(ParameterError, match="must be at least"):
        BatchLoader(data["train"], **({"batch_size": 4, "shuffle": True, "seed": 0} | wrong))


def test_worker_processes_end_with_the_loader(data):
    loader = BatchLoader(data["test"], batch_size=16, shuffle=False, seed=0, workers=1)
    assert sum(len(batch) for batch in loader) == len(data["test"])
    left = weakref.ref(loader)
    gc.disable()
    try:
        del loader
        assert left() is None, "a cycle would leave the processes to the garbage collector, which waits for each"
    finally:
        gc.enable()


COPIES = SamplingPlan(
    np.concatenate([np.arange(72), [3, 3, 3, 40, 71]]),
    keep={"audio": np.arange(77) < 74, "visual": (np.arange(77) < 72) | (np.arange(77) >= 74)},
    weight=np.linspace(0.5, 2, 77),
)


def test_a_plan_gives_rows_masks_and_weights(data):
    loader = loader_of(data["train"])
    loader.set_plan(COPIES)
    batches = list(loader)
    assert len(loader) == len(batches) == 5
    assert [len(batch) for batch in batches] == [16, 16, 16, 16, 13]
    assert batches[0].keep["audio"].dtype == torch.bool
    assert batches[0].weight.dtype == torch.float32
    order = np.random.default_rng([3, 0]).permutation(77)
    seen = {name: torch.cat([batch.keep[name] for batch in batches]).numpy() for name in ("audio", "visual")}
    np.testing.assert_array_equal(torch.cat([batch.index for batch in batches]), COPIES.index[order])
    np.testing.assert_array_equal(torch.cat([batch.weight for batch in batches]), COPIES.weight[order])
    for name, mask in seen.items():
        np.testing.assert_array_equal(mask, COPIES.keep[name][order])
    for batch in batches:
        np.testing.assert_array_equal(batch.targets, data["train"].targets[batch.index])


def test_without_a_plan_batches_hold_no_masks_and_no_weights(data):
    batch = epoch(data["train"])[0]
    assert (batch.keep, batch.weight) == ({}, None)


def test_a_plan_may_be_of_any_length_and_holds_until_the_next(data):
    loader = loader_of(data["train"], batch_size=10)
    assert len(loader) == 8
    loader.set_plan(SamplingPlan([7] * 25))
    for number in (1, 2):
        loader.set_epoch(number)
        assert len(loader) == 3
        assert [batch.index.tolist() for batch in loader] == [[7] * 10, [7] * 10, [7] * 5]
    loader.set_plan(SamplingPlan(np.arange(4), shuffle=False))
    assert [batch.index.tolist() for batch in loader] == [[0, 1, 2, 3]]


def test_the_whole_list_as_a_plan_is_the_epoch_without_one(data):
    loader = loader_of(data["train"])
    loader.set_plan(SamplingPlan(np.arange(72)))
    loader.set_epoch(2)
    for one, other in zip(loader, epoch(data["train"], 2), strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_epoch_under_way_ends_as_it_began(data, workers):
    loader = loader_of(data["train"], workers=workers)
    batches = iter(loader)
    seen = [next(batches)]
    loader.set_plan(SamplingPlan([0] * 40))
    seen += batches
    for one, other in zip(seen, epoch(data["train"]), strict=True):
        assert_same(one, other)
    assert [batch.index.tolist() for batch in loader] == [[0] * 16, [0] * 16, [0] * 8]


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_see_together_what_one_sees_of_changing_lists(data, world_size):
    loaders = [loader_of(data["train"], rank=rank, world_size=world_size) for rank in range(world_size)]
    whole = loader_of(data["train"])
    plans = {1: COPIES, 2: SamplingPlan([9, 9, 2] * 7), 3: SamplingPlan(np.arange(30), {"visual": np.arange(30) > 4})}
    for number in range(5):
        for loader in [whole, *loaders] if number in plans else []:
            loader.set_plan(plans[number])
        for loader in (whole, *loaders):
            loader.set_epoch(number)
        assert {len(loader) for loader in loaders} == {len(whole)}
        for batch, *shards in zip(whole, *loaders, strict=True):
            assert max(map(len, shards)) - min(map(len, shards)) <= 1
            assert_same(stacked(shards), batch)


def test_worker_processes_follow_changing_lists(data):
    loader, alone = loader_of(data["train"], workers=2), loader_of(data["train"])
    for number, plan in enumerate([None, COPIES, SamplingPlan([9, 9, 2] * 7)]):
        for one in (loader, alone):
            if plan is not None:
                one.set_plan(plan)
            one.set_epoch(number)
        for mine, other in zip(loader, alone, strict=True):
            assert_same(mine, other)


class Growing:
    """Easy rows first: one more batch of rows in every epoch."""

    def plan(self, epoch):
        return SamplingPlan(np.arange(16 * (epoch + 1)), shuffle=epoch > 0)


def test_a_sampler_gives_each_epoch_its_list_and_its_length(data):
    loader = loader_of(data["train"], sampler=Growing())
    for number in (0, 1, 2):
        loader.set_epoch(number)
        seen = torch.cat([batch.index for batch in loader]).tolist()
        assert len(loader) == number + 1
        assert sorted(seen) == list(range(16 * (number + 1)))
        assert (seen == sorted(seen)) == (number == 0)


@pytest.mark.parametrize("sampler", [None, Growing()])
def test_a_resumed_run_sees_the_same_batches(data, sampler):
    def saved(loader):
        file = io.BytesIO()
        torch.save(loader.state_dict(), file)
        file.seek(0)
        return torch.load(file, weights_only=True)

    going = loader_of(data["train"], sampler=sampler)
    resumed = loader_of(data["train"], sampler=sampler)
    for number, plan in [(1, None), (2, COPIES), (3, None)]:
        if plan is not None:
            going.set_plan(plan)
        resumed.load_state_dict(saved(going))
        for loader in (going, resumed):
            loader.set_epoch(number)
        for one, other in zip(going, resumed, strict=True):
            assert_same(one, other)
    resumed.load_state_dict({})  # as at the start of a run
    resumed.set_epoch(0)
    assert len(resumed) == (5 if sampler is None else 1)


@pytest.mark.parametrize(
    ("plan", "options", "message"),
    [
        (SamplingPlan([0, 72]), {}, "row 72 of a dataset of 72"),
        (SamplingPlan([-1, 0]), {}, "row -1"),
        (SamplingPlan([0], {"flow": np.array([True])}), {}, "'flow'; the dataset has audio, visual"),
        (SamplingPlan([]), {}, "no rows"),
        (SamplingPlan([0] * 17), {"world_size": 2}, "last batch of 1 of 17"),
        (SamplingPlan([0] * 15), {"drop_last": True}, "no batch of 15"),
    ],
)
def test_plans_that_the_loader_cannot_follow(data, plan, options, message):
    loader = loader_of(data["train"], **options)
    with pytest.raises(ParameterError, match=message):
        loader.set_plan(plan)
    assert len(loader.plan) == 72  # the list before stays
    assert loader.state_dict() == {}


def test_drop_last_of_a_changed_list(data):
    loader = loader_of(data["train"], drop_last=True, world_size=2)
    loader.set_plan(SamplingPlan([0] * 33))
    assert [(len(batch), batch.size) for batch in loader] == [(8, 16), (8, 16)]


def test_a_batch_that_is_dropped_is_gone_before_the_next_one_is_made(data):
    """Batches of tokens take a gigabyte: two at once would be the largest part of the memory."""
    made, gone = iter(loader_of(data["train"])), []
    batch = next(made)
    weakref.finalize(batch, gone.append, True)
    del batch
    assert gone
    next(made)
