"""Parameters of `load_data` as the loading tests use them, and how they read an epoch."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from mmlib.data.loader import BatchLoader


def loading_parameters(store, **changes):
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


def loader_of(dataset, **options):
    return BatchLoader(dataset, **({"batch_size": 16, "shuffle": True, "seed": 3} | options))


def epoch_of(dataset, epoch=0, **options):
    loader = loader_of(dataset, **options)
    loader.set_epoch(epoch)
    return list(loader)


def assert_same(first, second):
    """Two batches are equal bit for bit, all of them."""
    assert (len(first), first.size) == (len(second), second.size)
    assert torch.equal(first.index, second.index)
    assert torch.equal(first.targets, second.targets)
    for one, other in ((getattr(b, part) for b in (first, second)) for part in ("inputs", "extra", "keep")):
        assert list(one) == list(other)
        for name, values in one.items():
            assert values.dtype == other[name].dtype, name
            assert torch.equal(values, other[name]), name
    assert (first.weight is None) == (second.weight is None)
    assert first.weight is None or torch.equal(first.weight, second.weight)


def stacked(shards):
    """The batch that the shards of all processes make."""
    first = shards[0]
    inputs, extra, keep = (
        {name: torch.cat([getattr(shard, part)[name] for shard in shards]) for name in getattr(first, part)}
        for part in ("inputs", "extra", "keep")
    )
    weight = None if first.weight is None else torch.cat([shard.weight for shard in shards])
    targets, index = (torch.cat([getattr(shard, part) for shard in shards]) for part in ("targets", "index"))
    return type(first)(inputs, targets, index, first.size, extra, keep, weight)
