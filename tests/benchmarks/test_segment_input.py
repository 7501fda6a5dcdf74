"""AVE at full shape: convert 8 GB of published files, then read training batches of 10 x 7 x 7 x 512, in little memory.

Everything is generated (about 13 GB of disk while it runs). `MMLIB_BENCHMARK_CLIPS` makes it smaller; the default gives
3,339 training clips as published.
"""

from __future__ import annotations

import os

import pytest
from python_process import python

CLIPS = int(os.environ.get("MMLIB_BENCHMARK_CLIPS", "4123"))
OPTIONS = {"clips": CLIPS, "classes": 28, "audio_features": 128, "visual_features": 512}
CONVERT = """
import sys
from mmlib.data.registry import prepare
print(prepare("ave", data_root=sys.argv[1], store=sys.argv[2]))
print(peak_gib())
"""
READ = """
import sys, time
from types import SimpleNamespace
import torch
from mmlib.data.ave import load_segments
from mmlib.data.loader import BatchLoader

torch.set_num_threads(1)
before = peak_gib()
train = load_segments(SimpleNamespace(
    dataset="ave", data_root=sys.argv[1], data_store=sys.argv[2], data_seed=0, feature_storage="float16",
    supervision="full", background_clips=True, clip_target="mil"))["train"]
loader, seconds = BatchLoader(train, batch_size=64, shuffle=True, seed=0), []
for epoch in range(3):
    loader.set_epoch(epoch)
    started = time.perf_counter()
    assert sum(len(batch) for batch in loader) == len(train)
    seconds.append(time.perf_counter() - started)
print(len(train), seconds[0], sorted(seconds)[1], before, peak_gib())
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    from mmlib.data.ave.synthetic import write_files

    return write_files(tmp_path_factory.mktemp("full") / "root" / "ave", OPTIONS).parent


@pytest.mark.benchmark(group="AVE at full shape")
def test_conversion_never_loads_the_visual_file(published, benchmark, hold):
    """The published file is 8.3 GB of float64."""
    store = published.parent / "store"
    *_, folder, gib = benchmark.pedantic(python, args=(CONVERT, published, store), rounds=1)
    assert folder.startswith(str(store))
    size = (published / "ave" / "visual_feature.h5").stat().st_size / 2**30
    rate = CLIPS / benchmark.stats.stats.median
    hold("resident GiB", float(gib), 1.0, visual_file_gib=size, clips_per_second=rate)


@pytest.mark.benchmark(group="AVE at full shape")
def test_an_epoch_of_batches_stays_on_disk(published, benchmark, hold):
    """Reading alone: no network. `before` is what Python and torch take."""
    python(CONVERT, published, published.parent / "store")  # found, if the benchmark before this one ran
    (line,) = benchmark.pedantic(python, args=(READ, published, published.parent / "store"), rounds=1)
    clips, first, median, before, peak = (float(value) for value in line.split())
    rates = {"first_epoch_clips_per_second": clips / first, "clips_per_second": clips / median}
    hold("resident GiB", peak, 1.5, before=before, clips=clips, **rates)
