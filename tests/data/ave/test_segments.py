"""Segments through the loaders: shapes, published order, weak supervision, dropping the last batch."""

import numpy as np
import pytest
import torch

from mmlib.data.ave import load_segments
from mmlib.data.loader import BatchLoader
from mmlib.errors import BlockedError, DataError, ParameterError
from mmlib.experiments.event_localization.data_settings import SegmentDataSettings


@pytest.fixture
def load(tiny, settings):
    return lambda **values: load_segments(settings(data_root=str(tiny.parent), **values))


def test_batches(load):
    data = load()
    assert {split: len(rows) for split, rows in data.items()} == {"train": 24, "validation": 8, "test": 8}
    batch = next(iter(BatchLoader(data["train"], batch_size=5, shuffle=False, seed=0)))
    assert tuple(batch.inputs["audio"].shape) == (5, 10, 8)
    assert tuple(batch.inputs["visual"].shape) == (5, 10, 7, 7, 16)
    assert {values.dtype for values in batch.inputs.values()} == {torch.float32}
    assert batch.targets.dtype == torch.int64
    assert tuple(batch.targets.shape) == (5, 10)
    assert batch.extra == {}
    assert len(batch) == batch.size == 5
    assert data["train"].classes[-1] == "background"


def test_rows_follow_the_order_file(load):
    train = load()["train"]
    assert (np.diff(train.column("label")) >= 0).all()  # the published order is sorted by class
    np.testing.assert_array_equal(train.column("order"), np.arange(len(train)))
    batches = list(BatchLoader(train, batch_size=7, shuffle=False, seed=0))
    np.testing.assert_array_equal(torch.cat([batch.targets for batch in batches]).numpy(), train.targets)
    prepared = train.prepared.arrays
    np.testing.assert_array_equal(batches[0].inputs["visual"].numpy(), prepared["visual"][train.rows[:7]])


def test_weak_supervision(load):
    weak = load(supervision="weak")
    train = weak["train"]
    assert len(train) == 28
    assert train.column("background_only").tolist() == [False] * 24 + [True] * 4
    batch = train[np.arange(28)]
    target = batch.extra["clip_target"]
    assert tuple(target.shape) == (28, 29)
    np.testing.assert_array_equal(target.argmax(dim=1).numpy(), train.column("label"))
    assert (target[24:, 28] == 1).all()
    assert (target[:24, 28] == 0).all()  # the background bit is never set for an annotated clip
    assert len(weak["test"]) == 8


def test_shares_of_segments_as_weak_target(load):
    train = load(supervision="weak", clip_target="prob", background_clips=False)["train"]
    assert len(train) == 24
    batch = train[np.arange(24)]
    expected = torch.nn.functional.one_hot(batch.targets, 29).float().mean(dim=1)
    torch.testing.assert_close(batch.extra["clip_target"], expected)


def test_background_clips_that_are_not_there(copy, settings):
    (copy / "visual_feature_noisy.h5").unlink()
    values = {"data_root": str(copy.parent), "supervision": "weak"}
    with pytest.raises(BlockedError, match=r"audio_feature_noisy.h5 and .* or set background_clips = false"):
        load_segments(settings(**values))
    assert len(load_segments(settings(background_clips=False, **values))["train"]) == 24


def test_split_without_clips(copy, settings, rewrite):
    import h5py

    with h5py.File(copy / "train_order.h5") as file:
        order = file["order"][...]
    rewrite(copy / "train_order.h5", order[:1], key="order")
    assert len(load_segments(settings(data_root=str(copy.parent)))["train"]) == 1
    rewrite(copy / "train_order.h5", np.zeros(0, int), key="order")
    with pytest.raises(DataError, match=r"train_order.h5 is int64 \(0,\)"):
        load_segments(settings(data_root=str(copy.parent)))


def test_last_batch(load):
    train = load()["train"]
    kept = BatchLoader(train, batch_size=7, shuffle=True, seed=0)
    dropped = BatchLoader(train, batch_size=7, shuffle=True, seed=0, drop_last=True)
    assert (len(kept), len(dropped)) == (4, 3)
    assert [len(batch) for batch in kept] == [7, 7, 7, 3]
    for ours, theirs in zip(dropped, kept, strict=False):
        assert torch.equal(ours.index, theirs.index)
    with pytest.raises(ParameterError, match="drop_last leaves no batch of 24 samples"):
        BatchLoader(train, batch_size=25, shuffle=True, seed=0, drop_last=True)


def test_two_processes_see_what_one_sees(load):
    train = load(supervision="weak")["train"]
    whole = list(BatchLoader(train, batch_size=8, shuffle=True, seed=3))
    parts = [list(BatchLoader(train, batch_size=8, shuffle=True, seed=3, rank=rank, world_size=2)) for rank in (0, 1)]
    for batch, first, second in zip(whole, *parts, strict=True):
        assert torch.equal(batch.targets, torch.cat([first.targets, second.targets]))
        target = [part.extra["clip_target"] for part in (first, second)]
        assert torch.equal(batch.extra["clip_target"], torch.cat(target))
        assert first.size == batch.size


def test_extra_travels_with_the_batch(load):
    batch = load(supervision="weak")["train"][[0, 1]].to("cpu")
    assert set(batch.extra) == {"clip_target"}
    assert len(batch.extra["clip_target"]) == 2


def test_large_splits_stay_on_disk(load, monkeypatch):
    from mmlib.data import splits
    from mmlib.data.ave import segments

    monkeypatch.setattr(segments, "CACHE_BYTES", 0)
    monkeypatch.setattr(splits, "MEMORY_BYTES", 0)
    train = load()["train"]
    assert isinstance(train.prepared.arrays["visual"], np.memmap)
    batch = train[[3, 1]]
    np.testing.assert_array_equal(batch.inputs["visual"].numpy(), train.prepared.arrays["visual"][train.rows[[3, 1]]])
    assert train._cache == {"audio": None, "visual": None}


def test_defaults_load_generated_data(tmp_path):
    small = {"synthetic_clips": 48, "synthetic_visual_features": 8, "synthetic_audio_features": 8, "synthetic_map": 4}
    data = load_segments(SegmentDataSettings(data_store=str(tmp_path), **small))
    assert data["train"].input_shapes == {"audio": (10, 8), "visual": (10, 4, 4, 8)}
    assert data["train"].prepared.origin == "generated"
