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
LOAD = """
import sys, time
import torch
from mmlib.data import splits
from mmlib.data.joint import JointLoader
from mmlib.data.loader import BatchLoader
from mmlib.experiments.continual import Parameters
from mmlib.experiments.continual.clips import load_clips
from mmlib.models.incremental import IncrementalAudioVisual

torch.set_num_threads(1)
splits.MEMORY_BYTES = 0
before = peak_gib()
asked = Parameters(dataset="av_cil_vggsound100", data_root=sys.argv[1], data_store=sys.argv[2])
train = load_clips(asked).splits["train"]
new = BatchLoader(train, batch_size=min(256, len(train)), shuffle=True, seed=0)
exemplars = BatchLoader(train, batch_size=min(128, len(train)), shuffle=True, seed=1)
steps = JointLoader({"new": new, "exemplars": exemplars})
"""
READ = (
    LOAD
    + """
clips, started = 0, time.perf_counter()
for batch in steps:
    clips += len(batch)
    del batch  # as when it went to a device: the next one takes its place
print(clips / (time.perf_counter() - started), before, peak_gib())
"""
)
TRAIN = (
    LOAD
    + """
model = IncrementalAudioVisual(100, audio_channels=768, activation="relu")
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
waited, worked, stream = 0.0, 0.0, iter(steps)
for _ in range(min(3, len(new))):
    asked = time.perf_counter()
    batch = next(stream)
    got = time.perf_counter()
    loss = torch.nn.functional.cross_entropy(model(batch.inputs).logits, batch.targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    del batch, loss
    waited, worked = waited + got - asked, worked + time.perf_counter() - got
print(waited, worked, before, peak_gib())
"""
)


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
    """256 new clips and 128 exemplars at a time (0.9 GB as stored). Reading alone: no network."""
    python(CONVERT, published, published.parent / "store")  # found, if the benchmark before this one ran
    (line,) = benchmark.pedantic(python, args=(READ, published, published.parent / "store"), rounds=1)
    rate, before, peak = (float(value) for value in line.split())
    hold("resident GiB", peak, 4.0, before=before, clips_per_second=rate)


@pytest.mark.benchmark(group="VGGSound100 at full shape")
def test_steps_of_the_network_hold_one_batch(published, benchmark, hold):
    """Three steps on 256 new clips and 128 exemplars, one thread: what is resident, and how long they wait for data."""
    python(CONVERT, published, published.parent / "store")
    (line,) = benchmark.pedantic(python, args=(TRAIN, published, published.parent / "store"), rounds=1)
    waited, worked, before, peak = (float(value) for value in line.split())
    hold("resident GiB", peak, 4.0, before=before, share_waiting_for_data=waited / (waited + worked))
