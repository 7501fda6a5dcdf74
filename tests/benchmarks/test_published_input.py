"""Samples a second and core: prepared arrays against files that are decoded anew, as published code reads them.

CREMA-D's shapes: a spectrogram of 257 x 188 and 1 or 3 frames of 224 x 224, augmented. What is compared is described in
`tests/support/published_input.py`. `cold`: the system's cache is asked to let the files go and nothing computed before
is kept, as in a first epoch; `warm`: as in all others. Passes alternate within one run; bars are on the ratio of time.
`MMLIB_BENCHMARK_CLIPS` changes how many clips there are.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from published_input import PublishedDataset, prepared_clips, write_clips
from torch.utils.data import DataLoader

from mmlib.data.assembly import build_views
from mmlib.data.dataset import MultimodalDataset
from mmlib.data.loader import BatchLoader
from mmlib.data.prepared import open_prepared

CLIPS = int(os.environ.get("MMLIB_BENCHMARK_CLIPS", "96"))
BATCH = 32
MANY = 512
RIVALS = {"OGM-GE": (False, 1 / 2.5), "BalanceBenchmark": (True, 1 / 2)}  # reads stored spectrograms; bar


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_clips(folder, CLIPS)
    return folder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    return prepared_clips(tmp_path_factory.mktemp("prepared") / "cremad", CLIPS)


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    """Enough clips for epochs of some batches."""
    return prepared_clips(tmp_path_factory.mktemp("many") / "cremad", MANY)


def let_go(folder: Path) -> None:
    """Ask the system to forget what it keeps of these files."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.iterdir():
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)  # what is not on the disk yet stays
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def rows_of(folder: Path, frames: int, resize: str) -> MultimodalDataset:
    """Opened anew: what another map of the files has read would stay in the system's cache."""
    prepared = open_prepared(folder)
    settings = {"frame_pick": "first", "frames": frames, "spectrogram": "", "test_crop": "center", "resize": resize}
    views = build_views(prepared, SimpleNamespace(**settings), True)
    return MultimodalDataset(prepared, prepared.rows("train"), views, split="train")


def ours(folder: Path, frames: int, resize: str, warm: bool) -> Callable[[], int]:
    kept = rows_of(folder, frames, resize) if warm else None

    def epoch() -> int:
        if kept is None:
            let_go(folder)
        rows = kept or rows_of(folder, frames, resize)
        loader = BatchLoader(rows, batch_size=BATCH, shuffle=True, seed=0)
        return sum(len(batch) for batch in loader)

    return epoch


def published(files: Path, frames: int, stored: bool, warm: bool) -> Callable[[], int]:
    loader = DataLoader(PublishedDataset(files, CLIPS, frames, stored), batch_size=BATCH, shuffle=True)

    def epoch() -> int:
        if not warm:
            let_go(files)
        return sum(len(targets) for _, _, targets in loader)

    return epoch


@pytest.mark.benchmark(group="published input")
@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("rival", RIVALS)
def test_the_fast_way_against_published_input(files, prepared, alternate, rival, frames, warm):
    stored, bar = RIVALS[rival]
    one, other = published(files, frames, stored, warm), ours(prepared, frames, "fast", warm)
    alternate(f"time of {rival}'s", one, other, bar, rounds=5, steps=CLIPS, frames=frames)


@pytest.mark.benchmark(group="published input")
@pytest.mark.parametrize("frames", [1, 3])
def test_the_exact_way_against_published_input(files, prepared, alternate, frames):
    """No bar: unrounded values on the CPU cost what they cost; beside a GPU they are its own work."""
    one, other = published(files, frames, False, True), ours(prepared, frames, "exact", True)
    alternate("time of OGM-GE's", one, other, None, rounds=5, steps=CLIPS, frames=frames)


@pytest.mark.benchmark(group="published input")
@pytest.mark.parametrize("frames", [1, 3])
def test_what_a_loader_does_where_the_device_does_the_rest(files, prepared, alternate, frames):
    """Stored bytes are gathered and nothing is computed: what is left to a CPU beside a GPU."""
    rows = rows_of(prepared, frames, "device")

    def epoch() -> int:
        loader = BatchLoader(rows, batch_size=BATCH, shuffle=True, seed=0, deferred=True)
        return sum(len(batch) for batch in loader)

    one = published(files, frames, False, True)
    alternate("time of OGM-GE's", one, epoch, 1 / 2.5, rounds=5, steps=CLIPS, frames=frames)


@pytest.mark.benchmark(group="published input")
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two processes need two cores")
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("others", [1, 0], ids=["one", "none"])
def test_two_loader_processes(many, alternate, frames, others):
    """Epochs of loaders that are running already, as all epochs but the first are; CREMA-D's batches of 64."""
    rows = rows_of(many, frames, "fast")
    loaders = [BatchLoader(rows, batch_size=64, shuffle=True, seed=0, workers=workers) for workers in (others, 2)]

    def passes(loader: BatchLoader) -> Callable[[], int]:
        return lambda: sum(len(batch) for _ in range(2) for batch in loader)

    fewer, two = map(passes, loaders)
    # Against one there is no bar: a machine whose cores are not its own cannot reach it (the next benchmark).
    name, bar = ("time of one process's", None) if others else ("time without", 1 / 1.8)
    alternate(name, fewer, two, bar, rounds=9, steps=2 * MANY, frames=frames)


@pytest.mark.benchmark(group="published input")
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two processes need two cores")
def test_what_two_processes_can_reach(alternate):
    """No bar: two processes that only reckon against one, which is as far as this machine goes."""

    def reckoning(processes: int) -> Callable[[], None]:
        def run() -> None:
            running = [multiprocessing.Process(target=_reckon, args=(8 // processes,)) for _ in range(processes)]
            for process in running:
                process.start()
            for process in running:
                process.join()

        return run

    alternate("time of one process's", reckoning(1), reckoning(2), None, rounds=9)


def _reckon(times: int) -> None:
    for _ in range(times):
        sum(value * value for value in range(1_000_000))


def test_both_ways_show_the_same_shapes(tmp_path):
    """So that what is compared is the same work (it runs with the benchmarks alone)."""
    write_clips(tmp_path / "files", 2)
    sound, frames, _ = PublishedDataset(tmp_path / "files", 2, 3)[0]
    inputs = rows_of(prepared_clips(tmp_path / "prepared", 2), 3, "fast")[0].inputs
    assert tuple(inputs["audio"].shape[1:]) == tuple(sound.shape)
    assert tuple(inputs["visual"].shape[1:]) == tuple(frames.shape)
    assert torch.isfinite(sound).all()
