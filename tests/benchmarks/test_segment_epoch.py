"""One epoch of AVGA and of PSP at AVE's full shape and the papers' widths: memory, time, and what waits for data.

3,339 training clips of 10 x 7 x 7 x 512 are generated (2.2 GB of disk); `MMLIB_BENCHMARK_CLIPS` makes it smaller. The
whole run is measured in a process of its own: preparation found, one epoch, evaluation of both other splits, records.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

CLIPS = int(os.environ.get("MMLIB_BENCHMARK_CLIPS", "4123"))
DATA = {"synthetic_clips": CLIPS, "synthetic_classes": 28, "synthetic_map": 7}
DATA |= {"synthetic_audio_features": 128, "synthetic_visual_features": 512}
WIDTHS = {"hidden": 128, "attention_width": 512, "head_width": 64, "learning_rate": 0.001}
RUN = """
import json, resource, sys, time
from mmlib.data.loader import BatchLoader
from mmlib.experiments import event_localization

waited, batches = 0.0, BatchLoader.__iter__

def timed(self):
    global waited
    found = batches(self)
    while True:
        started = time.perf_counter()
        batch = next(found, None)
        if self.dataset.split == "train":
            waited += time.perf_counter() - started
        if batch is None:
            return
        yield batch

BatchLoader.__iter__ = timed
parameters = event_localization.Parameters.resolve(json.loads(sys.argv[1]))
parameters.prepare_data()
result = event_localization.run(parameters)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
clips = result.splits["train"]
train = clips / result.history[0]["samples_per_s"]
print(json.dumps([peak, train, waited / train, result.history[0]["seconds"], clips]))
"""


def python(parameters: dict) -> list[float]:
    done = subprocess.run([sys.executable, "-c", RUN, json.dumps(parameters)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """With the data prepared: generating them is not what is measured."""
    from mmlib.data.registry import prepare_for
    from mmlib.experiments.event_localization import Parameters

    folder = tmp_path_factory.mktemp("full")
    prepare_for(Parameters.resolve({**DATA, "data_store": str(folder / "data")}))
    return folder


@pytest.mark.benchmark(group="AVE at full shape")
@pytest.mark.parametrize(("network", "batch_size"), [("avga", 64), ("psp", 128)])
def test_an_epoch_at_full_shape(root, benchmark, hold, network, batch_size):
    given = {**DATA, **WIDTHS, "network": network, "batch_size": batch_size, "epochs": 1}
    given |= {"data_store": str(root / "data"), "output": str(root / network), "device": "cpu"}
    peak, train, share, epoch, clips = benchmark.pedantic(python, args=(given,), rounds=1)
    more = {"train_s": train, "epoch_with_evaluation_s": epoch, "share_waiting_for_data": share, "clips": clips}
    hold("resident GiB", peak, 4.0, **more)
