"""AV-CIL's VGGSound100 at full shape: convert published files, then read training batches of 8 x 196 x 768 tokens.

Everything is generated, clip by clip. `MMLIB_BENCHMARK_SHARE` of the clips; the default, a tenth, takes about 45 GB of
disk while it runs (the published file is ten times as large; what is resident does not depend on it).
"""

from __future__ import annotations

import os

import pytest
from python_process import python

SHARE = float(os.environ.get("MMLIB_BENCHMARK_SHARE", "0.1"))
CONVERT = """
import sys
from mmlib.data.registry import prepare
print(prepare("av_cil_vggsound100", data_root=sys.argv[1], store=sys.argv[2]))
print(peak_gib())
"""
READ = """
import sys, time
from types import SimpleNamespace
import torch
from mmlib.data import splits
from mmlib.data.loader import BatchLoader
from mmlib.data.loading import load_data

torch.set_num_threads(1)
splits.MEMORY_BYTES = 0
before = peak_gib()
train = load_data(SimpleNamespace(
    dataset="av_cil_vggsound100", data_root=sys.argv[1], data_store=sys.argv[2], data_seed=0, split="official",
    feature_storage="float16"))["train"]
new = BatchLoader(train, batch_size=min(256, len(train)), shuffle=True, seed=0)
exemplars = BatchLoader(train, batch_size=min(128, len(train)), shuffle=True, seed=1)
clips, started, memory = 0, time.perf_counter(), exemplars.batches(len(new))
for batch in new:
    other = next(memory)
    clips += len(batch) + len(other)
    del batch, other  # as when they went to a device: the next ones take their place
seconds = time.perf_counter() - started
print(clips / seconds, before, peak_gib())
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    from mmlib.data.av_cil.standin import write_files
    from mmlib.data.av_cil.vggsound100 import PUBLISHED

    folder = tmp_path_factory.mktemp("full") / "root" / "av_cil" / "VGGSound_100"
    return write_files(folder, PUBLISHED, share=SHARE).parent.parent


@pytest.mark.benchmark(group="VGGSound100 at full shape")
def test_conversion_never_loads_the_visual_file(published, benchmark, hold):
    """4.8 MB of float32 a clip; 295 GB in the published file."""
    store = published.parent / "store"
    *_, folder, gib = benchmark.pedantic(python, args=(CONVERT, published, store), rounds=1)
    assert folder.startswith(str(store))
    visual = published / "av_cil" / "VGGSound_100" / "visual_pretrained_feature" / "visual_features.h5"
    size = visual.stat().st_size / 2**30
    hold("resident GiB", float(gib), 1.0, visual_file_gib=size, gib_per_second=size / benchmark.stats.stats.median)


@pytest.mark.benchmark(group="VGGSound100 at full shape")
def test_batches_of_new_clips_and_exemplars_stay_on_disk(published, benchmark, hold):
    """256 new clips and 128 exemplars at a time (1.8 GB as float32). Reading alone: no network."""
    python(CONVERT, published, published.parent / "store")  # found, if the benchmark before this one ran
    (line,) = benchmark.pedantic(python, args=(READ, published, published.parent / "store"), rounds=1)
    rate, before, peak = (float(value) for value in line.split())
    hold("resident GiB", peak, 4.0, before=before, clips_per_second=rate)
