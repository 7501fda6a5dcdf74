"""Comparing prepared data with their digests against reading them in training, and what that means at published sizes.

Of each data set a stand-in in its full shapes is read: one epoch of training batches as its plan makes them, and then
every byte by `verifying`, in turns, both from memory (a disk would slow down both). What is held is the share of a
whole run's data time, the network's left out, at the published number of clips and bytes, without what runs of a batch
share. Processor seconds are compared: they change little on a busy machine.

`MMLIB_BENCHMARK_CLIPS` and `MMLIB_BENCHMARK_ROUNDS` change how many clips and turns there are.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

CLIPS = int(os.environ.get("MMLIB_BENCHMARK_CLIPS", "256"))
ROUNDS = int(os.environ.get("MMLIB_BENCHMARK_ROUNDS", "5"))
BAR = 0.03


@dataclass(frozen=True)
class Published:
    """A data set at its published size: clips in all and in train, bytes stored of each, epochs of its recipe."""

    clips: int
    train: int
    bytes: int
    epochs: int


SETS = {
    "cremad": Published(7_442, 6_698, 3 * 256 * 256 * 3 + 66_150 * 4, 100),
    "vggsound": Published(182_572, 168_618, 10 * 256 * 256 * 3 + 160_000 * 2, 100),
    "ave": Published(4_143, 3_339, 10 * 7 * 7 * 512 * 2 + 10 * 128 * 4, 300),
}


def processor_seconds(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


@pytest.mark.benchmark(group="verification")
@pytest.mark.parametrize("name", SETS)
def test_comparing_data_takes_little_of_the_time_in_which_a_run_reads_them(name, tmp_path, benchmark, hold):
    import torch

    from mmlib.data.loader import BatchLoader
    from mmlib.data.standins import write_standin

    torch.set_num_threads(1)
    write_standin(name, tmp_path / "root" / name, samples=CLIPS)
    folder, train = opened(name, tmp_path)
    loader = BatchLoader(train, batch_size=64, shuffle=True, seed=0)
    stored = sum(path.stat().st_size for path in folder.glob("*.npy"))

    def epoch() -> None:
        loader.set_epoch(loader.epoch + 1)
        assert sum(len(batch) for batch in loader) == len(train)

    verify(folder), epoch()  # warm up
    reading: list[float] = []
    comparing: list[float] = []

    def both() -> None:
        reading.append(processor_seconds(epoch))
        comparing.append(processor_seconds(lambda: verify(folder)))

    benchmark.pedantic(both, rounds=ROUNDS, iterations=1)
    published = SETS[name]
    of_run = statistics.median(reading) / len(train) * published.train * published.epochs
    of_comparing = statistics.median(comparing) / stored * published.clips * published.bytes
    facts = {
        "gigabytes_per_second": stored / 1e9 / statistics.median(comparing),
        "milliseconds_per_clip": statistics.median(reading) / len(train) * 1e3,
        "published_gigabytes": published.clips * published.bytes / 1e9,
        "published_seconds_comparing": of_comparing,
        "published_seconds_reading": of_run,
    }
    hold("share of a run's data time", of_comparing / of_run, BAR, **facts)


def opened(name: str, place: Path):
    """The prepared folder of a stand-in and its training split, seen as the plan shows it."""
    where = {"dataset": name, "data_root": str(place / "root"), "data_store": str(place / "store")}
    if name == "ave":
        from mmlib.data.ave import load_segments

        settings = {"data_seed": 0, "feature_storage": "float16", "supervision": "full", "background_clips": True}
        data = load_segments(SimpleNamespace(**where, **settings, clip_target="mil"))
    else:
        from mmlib.data.loading import load_data
        from mmlib.experiments.classification import Parameters

        data = load_data(Parameters(**where))
    return data["train"].prepared.folder, data["train"]


def verify(folder: Path) -> None:
    """What a run does beside training."""
    from mmlib.data.prepared import open_prepared
    from mmlib.data.verification import verifying

    with verifying(None) as data:
        open_prepared(folder)
        data.finish()
