"""Loading: determinism, exact sharding, independence of worker processes, the cache, and `load_data`."""

import gc
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmlib.data.batch import Batch
from mmlib.data.dataset import MultimodalDataset
from mmlib.data.loader import BatchLoader
from mmlib.data.loading import load_data
from mmlib.data.standins import write_standin
from mmlib.errors import ParameterError


def parameters(store, **changes):
    values = {
        "dataset": "synthetic",
        "data_root": "",
        "data_store": str(store),
        "data_seed": 0,
        "split": "official",
        "audio_snr_db": 0.0,
        "validation_fraction": 0.1,
        "synthetic_classes": 4,
        "synthetic_samples": 120,
        "synthetic_audio_snr_db": 10.0,
        "synthetic_visual_snr_db": -10.0,
        "synthetic_uninformative": 0.1,
        "synthetic_correlation": 0.7,
        "spectrogram": "",
        "frames": None,
        "frame_pick": "first",
        "test_crop": "center",
    }
    return SimpleNamespace(**(values | changes))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def data(store):
    """Synthetic with noise on the sound: the training sound is random, everything else is not."""
    return load_data(parameters(store))


@pytest.fixture(scope="module")
def standin(tmp_path_factory):
    root = tmp_path_factory.mktemp("standin")
    write_standin("cremad", root / "cremad", samples=32, side=64)
    return load_data(parameters(root / "store", dataset="cremad", data_root=str(root), audio_snr_db=None, frames=2))


def epoch(dataset, epoch=0, **options):
    loader = BatchLoader(dataset, **({"batch_size": 16, "shuffle": True, "seed": 3} | options))
    loader.set_epoch(epoch)
    return list(loader)


def assert_same(first, second):
    assert torch.equal(first.index, second.index)
    assert torch.equal(first.targets, second.targets)
    for name, values in first.inputs.items():
        assert torch.equal(values, second.inputs[name]), name


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
        joined = Batch(
            {name: torch.cat([shard.inputs[name] for shard in shards]) for name in batch.inputs},
            torch.cat([shard.targets for shard in shards]),
            torch.cat([shard.index for shard in shards]),
        )
        assert_same(joined, batch)


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


def test_kept_inputs_equal_computed_ones(data):
    kept = data["validation"]
    fresh = MultimodalDataset(kept.prepared, kept.rows, kept.views, split="validation", cache_bytes=0)
    assert_same(kept[np.arange(18)], fresh[np.arange(18)])
    assert fresh._cache == {"audio": None, "visual": None}


def test_what_is_random_is_not_kept(data, store):
    data["train"].fill_cache()
    assert set(data["train"]._cache) == {"visual"}
    clean = load_data(parameters(store, audio_snr_db=None))["train"].fill_cache()
    assert set(clean._cache) == {"audio", "visual"}


def test_plain_positions(data):
    assert torch.equal(data["test"][3].inputs["audio"], data["test"][[3, 5]].inputs["audio"][:1])
    assert data["test"].column("audio_informative").shape == (30,)


def test_moving_a_batch_keeps_everything(data):
    batch = epoch(data["train"], rank=0, world_size=2)[0]
    moved = batch.to("cpu")
    assert_same(batch, moved)
    assert (len(moved), moved.size) == (8, 16)


def test_published_layout_at_full_shape(standin):
    batch = epoch(standin["train"])[0]
    assert batch.inputs["audio"].shape[1:] == (1, 257, 188)
    assert batch.inputs["visual"].shape[1:] == (3, 2, 224, 224)
    assert len(standin["validation"]) == 4  # carved: a stand-in has train and test only, as published
    again = epoch(standin["train"], 1)[0]
    assert not torch.equal(batch.inputs["visual"], again.inputs["visual"])


def test_prepared_once(store):
    first = load_data(parameters(store))["train"].prepared
    second = load_data(parameters(store))["train"].prepared
    assert first.folder == second.folder
    assert load_data(parameters(store, synthetic_correlation=0.5))["train"].prepared.folder != first.folder


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
