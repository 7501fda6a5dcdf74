"""Face-voice association at published size: metrics of 30,496 pairs, and 110,272 training rows of 4096 + 512 features.

Everything is generated (about 6 GB of disk while it runs). `MMLIB_BENCHMARK_ROWS` makes the training file smaller.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from python_process import python

ROWS = int(os.environ.get("MMLIB_BENCHMARK_ROWS", "110272"))
PAIRS, IDENTITIES, TRAINED = 30_496, 250, 901
PREPARE = """
import sys
from mmlib.data.registry import prepare
print(prepare("voxceleb1", data_root=sys.argv[1], store=sys.argv[2]))
print(peak_gib())
"""
SETUP = """
import sys, time
from types import SimpleNamespace
import torch
from mmlib.data.batch import Batch
from mmlib.data.loader import BatchLoader
from mmlib.data.voxceleb import load_face_voice
from mmlib.losses.orthogonal_projection import orthogonal_projection
from mmlib.models.fop import FOP

torch.set_num_threads(1)
data = load_face_voice(SimpleNamespace(
    dataset="voxceleb1", data_root=sys.argv[1], data_store=sys.argv[2], data_seed=0, seed=0, face_features=4096,
    voice_features=512, exclude_seen_heard=False, hold_out_validation=False))
model = FOP(4096, 512, len(data.identities))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-5, weight_decay=0.01)

def step(batch):
    optimizer.zero_grad()
    out = model(batch.inputs)
    loss = torch.nn.functional.cross_entropy(out.logits, batch.targets)
    loss = loss + orthogonal_projection(out.fused, batch.targets).loss
    loss.backward()
    optimizer.step()

def memory():
    fields = dict(line.split(":") for line in open("/proc/self/status") if ":" in line)
    return [int(fields[name].split()[0]) / 2**20 for name in ("VmHWM", "RssAnon", "RssFile")]

loader = BatchLoader(data.train, batch_size=128, shuffle=False, seed=0, drop_last=True)
"""
EPOCH = (
    SETUP
    + """
started = time.perf_counter()
for batch in loader:
    step(batch)
trained = time.perf_counter() - started
with torch.inference_mode():
    model.eval()
    pairs = sum(len(model.embeddings(inputs)["face"]) for inputs in data.lists["unseen_unheard_random"].chunks())
print(len(loader) * 128 / trained, pairs, *memory())
"""
)
COMPARE = (
    SETUP
    + """
pool = data.train[list(range(16384 if len(data.train) > 16384 else len(data.train)))]
order = torch.randperm(len(pool))
def in_memory():
    while True:
        for rows in order.split(128):
            if len(rows) == 128:
                inputs = {name: values[rows] for name, values in pool.inputs.items()}
                yield Batch(inputs, pool.targets[rows], rows)
def from_disk():
    while True:
        yield from loader
sources = {"memory": in_memory(), "disk": from_disk()}
seconds = {"memory": [], "disk": []}
for turn in range(int(sys.argv[3])):
    for name in (("memory", "disk"), ("disk", "memory"))[turn % 2]:
        started = time.perf_counter()
        for _ in range(5):
            step(next(sources[name]))
        if turn >= 2:
            seconds[name].append((time.perf_counter() - started) / 5)
median = {name: sorted(times)[len(times) // 2] for name, times in seconds.items()}
print(128 / median["disk"], 128 / median["memory"], *memory())
"""
)


def write_npz(path, rows: int, width: int, labels: np.ndarray | None) -> None:
    """Random features, written in pieces."""
    import zipfile

    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("features.npy", "w", force_zip64=True) as stream:
            header = {"descr": "<f4", "fortran_order": False, "shape": (rows, width)}
            np.lib.format.write_array_header_1_0(stream, header)
            for start in range(0, rows, 4096):
                stream.write(np.maximum(rng.random((min(4096, rows - start), width), np.float32) - 0.5, 0).tobytes())
        if labels is not None:
            with archive.open("labels.npy", "w") as stream:
                np.lib.format.write_array(stream, labels, allow_pickle=False)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A data root with feature files and one list of published size, as .npz."""
    root = tmp_path_factory.mktemp("full") / "root"
    features = root / "voxceleb1" / "features"
    features.mkdir(parents=True)
    names = np.array([f"Person_{number:04d}" for number in range(TRAINED + IDENTITIES)])
    codes = [1] * TRAINED + [4] * IDENTITIES
    (root / "voxceleb1" / "identity_splits.txt").write_text(
        "".join(f"{name} {code}\n" for name, code in zip(names, codes, strict=True))
    )
    labels = names[np.arange(ROWS) % TRAINED]
    stem = "veriflist_test_random_unseenunheard"
    for name, width in (("face", 4096), ("voice", 512)):
        write_npz(features / f"{name}Train.npz", ROWS, width, labels)
        write_npz(features / f"{name}_{stem}.npz", PAIRS, width, None)
    rows = ["id,voice-speaker-id,face-speaker-id,label,voice-path,face-path"]
    for row in range(PAIRS):
        voice = TRAINED + 1 + row % IDENTITIES
        face = voice if row % 2 == 0 else TRAINED + 1 + (row + 1) % IDENTITIES
        rows.append(f"{row + 1},{voice},{face},{int(voice == face)},v,f")
    (root / "voxceleb1" / f"{stem}.txt").write_text("\n".join(rows) + "\n")
    return root


@pytest.mark.benchmark(group="face-voice at full size")
def test_conversion_streams(published, benchmark, hold):
    store = published.parent / "store"
    *_, gib = benchmark.pedantic(python, args=(PREPARE, published, store), rounds=1)
    hold("resident GiB", float(gib), 1.0, rows_per_second=(ROWS + PAIRS) / benchmark.stats.stats.median)


@pytest.mark.benchmark(group="face-voice at full size")
def test_an_epoch_and_its_evaluation_stay_on_disk(published, benchmark, hold):
    """FOP itself trains; mapped pages count as long as they are held."""
    line = benchmark.pedantic(python, args=(EPOCH, published, published.parent / "store"), rounds=1)[-1]
    rate, pairs, peak, anonymous, mapped = map(float, line.split())
    assert pairs == PAIRS
    hold("resident GiB", peak, 3.0, end_anonymous=anonymous, end_mapped=mapped, samples_per_second=rate)


@pytest.mark.benchmark(group="face-voice at full size")
def test_the_loader_keeps_up_with_tensors_in_memory(published, benchmark, hold):
    line = benchmark.pedantic(python, args=(COMPARE, published, published.parent / "store", 30), rounds=1)[-1]
    disk, memory, *_ = map(float, line.split())
    hold("time against memory", memory / disk, 1 / 0.9, share=disk / memory, samples_per_second=disk)


@pytest.mark.benchmark(group="face-voice at full size")
def test_csv_conversion(tmp_path, benchmark, hold):
    """Published widths as text: 4,000 rows, 130 MB."""
    from mmlib.data.voxceleb.generator import WIDE
    from mmlib.data.voxceleb.synthetic import write_files

    write_files(tmp_path / "root" / "voxceleb1", WIDE | {"rows": 500})
    size = sum(path.stat().st_size for path in (tmp_path / "root").rglob("*.csv"))
    *_, gib = benchmark.pedantic(python, args=(PREPARE, tmp_path / "root", tmp_path / "store"), rounds=1)
    hold("resident GiB", float(gib), 1.0, megabytes_per_second=size / 1e6 / benchmark.stats.stats.median)


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    who = rng.integers(IDENTITIES, size=PAIRS)
    same = np.arange(PAIRS) % 2 == 0
    return rng.normal(1.0, 0.2, PAIRS) - 0.25 * same, same, who


@pytest.mark.benchmark(group="verification metrics")
def test_eer_and_auc_of_the_unseen_pairs(pairs, benchmark, hold):
    from mmlib.metrics.verification import auc, eer

    distances, same, _ = pairs
    benchmark.pedantic(lambda: (eer(distances, same), auc(distances, same)), rounds=15, warmup_rounds=2)
    hold("milliseconds", benchmark.stats.stats.median * 1e3, 50)


@pytest.mark.benchmark(group="verification metrics")
def test_a_thousand_bootstrap_draws(pairs, benchmark, hold):
    from mmlib.metrics.identity_bootstrap import identity_bootstrap

    benchmark.pedantic(identity_bootstrap, args=pairs, kwargs={"draws": 1000}, rounds=3)
    hold("seconds", benchmark.stats.stats.median, 10)
