"""MUSIC-AVQA at full shape: convert published files, then read an epoch of 10 x 512 x 14 x 14 maps from disk.

Everything is generated, clip by clip. `MMLIB_BENCHMARK_SHARE` of the 9,288 videos are read as batches; the default, a
quarter, makes 4.7 GB on disk, more than the memory that reading may take. A hundredth as many (at least 20) are
converted, from 24 MB each.
"""

from __future__ import annotations

import os

import pytest
from python_process import python

SHARE = float(os.environ.get("MMLIB_BENCHMARK_SHARE", "0.25"))
CLIPS = max(20, round(9288 * SHARE))
CONVERTED = max(20, CLIPS // 40)
CONVERT = """
import sys
from mmlib.data.registry import prepare
before = peak_gib()
print(prepare("music_avqa", data_root=sys.argv[1], store=sys.argv[2]))
print(before, peak_gib())
"""
READ = """
import sys, time
from types import SimpleNamespace
import torch
from mmlib.data import splits
from mmlib.data.avqa.generator import OPTIONS
from mmlib.data.loader import BatchLoader
from mmlib.data.loading import load_data

torch.set_num_threads(1)
splits.MEMORY_BYTES = 0
before = peak_gib()
options = {f"synthetic_{name}": value for name, value in OPTIONS.items() if name != "seed"}
options |= {"synthetic_clips": int(sys.argv[2]), "synthetic_audio_features": 128}
options |= {"synthetic_visual_features": 512, "synthetic_map": 14}
train = load_data(SimpleNamespace(
    dataset="synthetic_avqa", data_root="", data_store=sys.argv[1], data_seed=0, split="official",
    feature_storage="float16", **options))["train"]
loader = BatchLoader(train, batch_size=64, shuffle=True, seed=0)
layer = torch.nn.Linear(512, 512)
questions, waited, started = 0, 0.0, time.perf_counter()
stream, asked = iter(loader), time.perf_counter()
while (batch := next(stream, None)) is not None:
    waited += time.perf_counter() - asked
    questions += len(batch)
    layer(batch.inputs["visual"].mean(dim=(3, 4))).square().mean().backward()  # the least a network does with the maps
    del batch  # as when it went to a device: the next one takes its place
    asked = time.perf_counter()
seconds = time.perf_counter() - started
size = train.prepared.arrays["visual"].nbytes / 2**30
print(questions, seconds, waited, size, before, peak_gib())
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    from mmlib.data.avqa.music_avqa import PUBLISHED
    from mmlib.data.avqa.standin import write_files

    folder = tmp_path_factory.mktemp("full") / "root" / "music_avqa"
    return write_files(folder, PUBLISHED, clips=CONVERTED).parent


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """With the clips generated: that is not what is measured."""
    from mmlib.data.registry import prepare

    folder = tmp_path_factory.mktemp("store")
    sizes = {"clips": CLIPS, "audio_features": 128, "visual_features": 512, "map": 14}
    prepare("synthetic_avqa", data_root=None, store=folder, options=sizes)
    return folder


@pytest.mark.benchmark(group="MUSIC-AVQA at full shape")
def test_conversion_reads_a_few_clips_at_a_time(published, benchmark, hold):
    """Of the 224 GB that are published a sixth is read."""
    *_, line = benchmark.pedantic(python, args=(CONVERT, published, published.parent / "store"), rounds=1)
    before, peak = (float(value) for value in line.split())
    rate = CONVERTED / benchmark.stats.stats.median
    hold("resident GiB", peak, 1.0, before=before, videos=CONVERTED, videos_per_second=rate)


@pytest.mark.benchmark(group="MUSIC-AVQA at full shape")
def test_an_epoch_of_batches_stays_on_disk(store, benchmark, hold):
    """64 questions at a time, 257 MB of float32 maps. The mean of a map and one layer stand for the network: what a
    real one waits is less.
    """
    line = benchmark.pedantic(python, args=(READ, store, CLIPS), rounds=1)[-1]
    questions, seconds, waited, size, before, peak = (float(value) for value in line.split())
    more = {"questions_per_second": questions / seconds, "share_waiting_for_data": waited / seconds}
    hold("resident GiB", peak, 4.0, before=before, maps_gib=size, epoch_s=seconds, **more)
