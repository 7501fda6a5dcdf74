"""Raw media at the speed of a loop over decoded frames, and training from prepared arrays at the speed of the step.

Preparing, one process each: every clip is handed to external decoder processes (`ffmpeg`, at `MMLIB_FFMPEG` or on the
path) as IEMF's scripts do it, three for a clip: convert, wav, frames; and to a single one that writes wav and frames
together. Against that stands `prepare_media` with one worker: starting it, resampling, manifest and hashes included,
which the other side still has before it. Without `ffmpeg` one Python with PyAV for each clip stands in for it, which
starts more slowly. Processor seconds are compared (a busy machine changes them little) and the clock is printed too.

Training: the published network and shapes of CREMA-D, from the memory-mapped folder with augmentation, against the same
step on tensors that are there. All of it alternates in one run and the median of the ratios counts.
`MMLIB_BENCHMARK_ROUNDS`, `MMLIB_BENCHMARK_BATCH` and `MMLIB_DATA_ROOT` (with `grid_raw`; generated clips otherwise).
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmlib.data.media.prepare import Options, prepare_media
from mmlib.data.media.source import Clip, MediaSource

ROUNDS = int(os.environ.get("MMLIB_BENCHMARK_ROUNDS", "5"))
BATCH = int(os.environ.get("MMLIB_BENCHMARK_BATCH", "8"))
REPEATS = 8
FFMPEG = os.environ.get("MMLIB_FFMPEG") or shutil.which("ffmpeg")
PYAV = """
import sys, av
with av.open(sys.argv[1]) as media:
    for number, frame in enumerate(media.decode(video=0)):
        if number % 25 == 0:
            frame.to_image().save(f"{sys.argv[2]}/{number // 25:05d}.jpg", quality=95)
with av.open(sys.argv[1]) as media, av.open(sys.argv[2] + "/sound.wav", "w") as wav:
    stream = wav.add_stream("pcm_s16le", rate=16000, layout="mono")
    resampler = av.AudioResampler("s16", "mono", 16000)
    for frame in media.decode(audio=0):
        for part in resampler.resample(frame):
            wav.mux(stream.encode(part))
    wav.mux(stream.encode(None))
"""


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> list[Path]:
    folder = Path(os.environ.get("MMLIB_DATA_ROOT", "../shared/data")) / "grid_raw" / "video"
    if not folder.is_dir():
        from mmlib.data.corpora import write_corpus

        folder = tmp_path_factory.mktemp("generated") / "corpus"
        write_corpus("folder", folder, clips=8, faults=False, side=256)
    return sorted(path for path in folder.rglob("*.*") if path.suffix in (".mpg", ".mp4", ".avi"))


def listed(videos: list[Path], repeats: int, preset: str) -> MediaSource:
    clips = [
        Clip(f"{path.stem}_{again}", k % 6, "train", "s1", path, path)
        for again in range(repeats)
        for k, path in enumerate(videos)
    ]
    return MediaSource("cremad", ["NEU", "HAP", "SAD", "FEA", "DIS", "ANG"], clips, preset)


def external(clip: Path, folder: Path) -> None:
    """One decoder process for one clip."""
    folder.mkdir()
    if FFMPEG:
        wav = ["-ar", "16000", "-ac", "1", "-acodec", "pcm_s16le", str(folder / "sound.wav")]
        frames = ["-threads", "1", "-r", "1", "-q:v", "2", str(folder / "%05d.jpg")]
        command = [FFMPEG, "-y", "-loglevel", "error", "-threads", "1", "-i", str(clip), *wav, *frames]
    else:
        command = [sys.executable, "-c", PYAV, str(clip), str(folder)]
    subprocess.run(command, check=True)
    assert (folder / "sound.wav").stat().st_size > 10_000


def published_scripts(clip: Path, folder: Path) -> None:
    """IEMF's order with `ffmpeg`: convert to avi at short side 256, wav of that, frames of that: three processes."""
    folder.mkdir()
    run = [FFMPEG, "-y", "-loglevel", "error", "-threads", "1", "-i"]
    avi = str(folder / "clip.avi")
    scale = r"scale=min(iw\,(256*iw)/min(iw\,ih)):-2"  # -1 in the script, which some sizes refuse
    subprocess.run([*run, str(clip), "-c:v", "mpeg4", "-filter:v", scale, "-b:v", "512k", avi], check=True)
    wav = ["-f", "wav", "-ar", "16000", "-ac", "1", "-acodec", "pcm_s16le", str(folder / "sound.wav")]
    subprocess.run([*run, avi, *wav], check=True)
    subprocess.run([*run, avi, "-r", "3.4", "-q:v", "2", str(folder / "frame_%d.jpg")], check=True)


def timed(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def processor_seconds() -> float:
    """Of this process and of all that it has waited for: another user of the machine does not change them."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def costs(work, clips: int) -> tuple[float, float]:
    """Processor seconds and seconds for one clip."""
    before, started = processor_seconds(), time.perf_counter()
    work()
    return (processor_seconds() - before) / clips, (time.perf_counter() - started) / clips


def compare(videos, place: Path, preset: str, other) -> dict[str, list[float]]:
    """Round by round: how many times what we take `other` takes, in processor time and in time; our clips a second."""
    found: dict[str, list[float]] = {"processor": [], "clock": [], "clips_per_second": []}
    for number in range(ROUNDS):
        media, outside = listed(videos, REPEATS, preset), place / f"out{number}"
        outside.mkdir()
        ours = costs(lambda m=media, n=number: prepare_media(m, place / f"in{n}", Options(1, 60.0)), len(media.clips))
        theirs = costs(lambda o=outside: [other(path, o / path.stem) for path in videos], len(videos))
        found["processor"].append(theirs[0] / ours[0])
        found["clock"].append(theirs[1] / ours[1])
        found["clips_per_second"].append(1 / ours[1])
        shutil.rmtree(outside)
        shutil.rmtree(place / f"in{number}")
    return found


def report(hold, found: dict[str, list[float]], bar: float | None, against: str) -> None:
    more = {name: statistics.median(values) for name, values in found.items()}
    worst, rounds = min(found["processor"]), len(found["processor"])
    hold("share of its time", 1 / more["processor"], bar, **more, worst=worst, against=against, rounds=rounds)


@pytest.mark.benchmark(group="media")
@pytest.mark.skipif(not FFMPEG, reason="the published scripts need ffmpeg: MMLIB_FFMPEG names it")
def test_preparing_against_the_published_scripts(videos, tmp_path, benchmark, hold):
    """Kinetics-Sounds, where the scripts start three processes for a clip. Everything of ours counts."""
    found = benchmark.pedantic(compare, args=(videos, tmp_path, "iemf_kinetics", published_scripts), rounds=1)
    report(hold, found, 0.5, "the published scripts' three ffmpeg")


@pytest.mark.benchmark(group="media")
def test_preparing_against_one_external_process_per_clip(videos, tmp_path, benchmark, hold):
    """A single command for sound and pictures, which is better than any published script. No bar with `ffmpeg`."""
    found = benchmark.pedantic(compare, args=(videos, tmp_path, "ogm_head", external), rounds=1)
    report(hold, found, None if FFMPEG else 0.5, "one ffmpeg" if FFMPEG else "one Python with PyAV")


@pytest.mark.benchmark(group="media")
@pytest.mark.parametrize("frames", [1, 3])
def test_training_from_prepared_arrays_against_tensors(videos, tmp_path, benchmark, hold, frames):
    """ResNet-18 pair, 257 x 188 and `frames` of 224 x 224; the folder is in the page cache, as a small set's is."""
    import torch
    from torch.nn.functional import cross_entropy

    from mmlib.data.assembly import build_views
    from mmlib.data.dataset import MultimodalDataset
    from mmlib.data.loader import BatchLoader
    from mmlib.data.prepared import open_prepared
    from mmlib.models import build_classifier

    prepared = open_prepared(prepare_media(listed(videos, REPEATS, "ogm_head"), tmp_path / "folder", Options(1, 60.0)))
    parameters = SimpleNamespace(frame_pick="first", frames=frames, spectrogram="", test_crop="center")
    rows = MultimodalDataset(
        prepared, prepared.rows("train"), build_views(prepared, parameters, True), split="train"
    ).fill_cache()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    model = build_classifier("resnet18", num_classes=6, fusion="concat").to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
    loader = BatchLoader(rows, batch_size=BATCH, shuffle=True, seed=0, drop_last=True)
    batches, epoch = iter(loader), 0

    def fetched():
        nonlocal batches, epoch
        batch = next(batches, None)
        if batch is None:
            epoch += 1
            loader.set_epoch(epoch)
            batches = iter(loader)
            batch = next(batches)
        return batch.to(device)

    def step(batch) -> None:
        cross_entropy(model(batch.inputs).logits, batch.targets).backward()
        optimizer.step()
        optimizer.zero_grad()
        if device == "cuda":
            torch.cuda.synchronize()

    held = fetched()
    assert tuple(held.inputs["audio"].shape) == (BATCH, 1, 257, 188)
    assert tuple(held.inputs["visual"].shape) == (BATCH, 3, frames, 224, 224)

    def shares() -> list[float]:
        found = []
        for _ in range(ROUNDS):
            read, memory = timed(lambda: step(fetched())), timed(lambda: step(held))
            found.append(memory / read)
        return found

    step(held)
    step(fetched())
    found = benchmark.pedantic(shares, rounds=1)
    share = statistics.median(found)
    more = {"speed_share": share, "batch": BATCH, "device": device, "rounds": ROUNDS}
    hold("time over that of tensors in memory", 1 / share, 1 / 0.9, slowest=min(found), fastest=max(found), **more)
