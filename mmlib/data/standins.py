"""Generated stand-ins for CREMA-D, VGGSound, AVE, VoxCeleb1, MUSIC-AVQA and the sets of AV-CIL, at full shape: few
samples.

The first two in the prepared layout; the others as their published files, so that the conversion is tried as well.

They run the code of the published benchmarks where the media are not at hand: tests, a rehearsal before a long run.
Their class names say "stand-in" where the published ones are not needed, and the manifest's `truth` always does: a
number obtained on them means nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmlib.data import cremad, vggsound
from mmlib.data.prepared import write_prepared
from mmlib.data.registry import find_dataset
from mmlib.errors import ParameterError

STORED_FRAMES = {"cremad": 3, "vggsound": 4}
AV_CIL = ("av_cil_ave", "av_cil_kinetics_sounds", "av_cil_vggsound100")
AVQA = ("music_avqa", "music_avqa_updated")
AVE_SIZES = {"audio_features": 128, "visual_features": 512}


def write_standin(
    name: str, folder: str | Path, *, samples: int = 48, classes_present: int = 4, side: int = 256, seed: int = 0
) -> Path:
    """Write a stand-in of `cremad` or `vggsound` with `samples` rows (a quarter of them test) and return its folder.

    Only the first `classes_present` classes occur. Frames are `side` x `side`. `ave` gives a folder of published files
    with `samples` clips, eight classes present; `ucf101` one with about `samples` clips of four classes, not prepared;
    `voxceleb1` one with at least `samples` training rows of 16 people, and all lists; the sets of AV-CIL (`av_cil_ave`
    and so on) one with about `samples` clips, in each split at least one of every class (4.8 MB each); `music_avqa` and
    `music_avqa_updated` a folder of published files with `samples` clips (24 MB each), at least 20.
    Raises `ParameterError`.
    """
    if name in AV_CIL:
        from mmlib.data.av_cil.standin import write_files as write_av_cil

        published = find_dataset(name).module.PUBLISHED
        share = min(1.0, samples / sum(map(sum, published.counts.values())))
        return write_av_cil(folder, published, share=share, seed=seed)
    if name in AVQA:
        from mmlib.data.avqa.standin import write_files as write_avqa

        return write_avqa(folder, find_dataset(name).module.PUBLISHED, clips=max(20, samples), seed=seed)
    if name == "ave":
        from mmlib.data.ave.synthetic import write_files

        return write_files(folder, {"clips": samples, "seed": seed} | AVE_SIZES)
    if name == "voxceleb1":
        from mmlib.data.voxceleb.generator import WIDE
        from mmlib.data.voxceleb.synthetic import write_files as write_voxceleb

        people = {
            "train_identities": 16,
            "test_identities": 12,
            "test_rows": 20,
        }  # enough for a batch of 128 and for 1:10 matching
        sizes = WIDE | people | {"rows": max(10, -(-samples // 16)), "seed": seed}
        return write_voxceleb(folder, sizes, (".npz",))  # as CSV a hundred megabytes, and twenty times as slow
    if name == "ucf101":
        from mmlib.data.ucf101.generated import write_corpus

        return write_corpus(folder, clips=max(2, samples // 6), seed=seed)
    if name not in STORED_FRAMES:
        known = ", ".join([*STORED_FRAMES, "ave", "ucf101", "voxceleb1", *AV_CIL, *AVQA])
        raise ParameterError(f"there is no stand-in for {name!r}. Choose one of: {known}.")
    if not 1 <= classes_present <= len(cremad.EMOTIONS) or samples < 4 * classes_present:
        raise ParameterError("a stand-in has 1 to 6 classes present and at least four samples for each of them.")
    rng = np.random.default_rng(seed)
    labels = np.arange(samples) % classes_present
    split = np.where(np.arange(samples) // classes_present % 4 == 3, "test", "train")
    valid = rng.integers(1, STORED_FRAMES[name] + 1, samples) if name == "cremad" else np.full(samples, 4)
    length, rate = (
        (cremad.SAMPLES, cremad.SAMPLE_RATE) if name == "cremad" else (vggsound.SAMPLES, vggsound.SAMPLE_RATE)
    )
    return write_prepared(
        folder,
        dataset=name,
        classes=_classes(name),
        index={"label": labels, "split": split, "frames": valid, **_names(name, labels)},
        arrays={
            "waveform": pulsed_tones(rng, labels, length, rate),
            "frames": gratings(rng, labels, STORED_FRAMES[name], side),
        },
        source={"generator": "mmlib.data.standins", "sample_rate": rate, "seed": seed, "side": side},
        truth={"standin": True},
        replace=True,
    )


def _classes(name: str) -> list[str]:
    if name == "cremad":
        return list(cremad.EMOTIONS)
    return [f"stand-in {number:03d}" for number in range(vggsound.CLASSES)]


def _names(name: str, labels: np.ndarray) -> dict[str, list[str]]:
    """Ids in the published form, and what must not cross splits."""
    if name == "cremad":
        ids = [f"{1001 + i % 12}_IEO_{cremad.EMOTIONS[label]}_{i:02d}" for i, label in enumerate(labels)]
        return {"id": ids, "group": [cremad.actor(clip) for clip in ids]}
    ids = [f"standin{i:04d}_{10 * (i % 30)}" for i in range(len(labels))]
    return {"id": ids, "group": [clip.rsplit("_", 1)[0] for clip in ids]}


def pulsed_tones(rng: np.random.Generator, labels: np.ndarray, length: int, rate: int) -> np.ndarray:
    """A tone of the class's pitch, pulsed at the class's rate, in noise: `(N, length)` int16."""
    time = np.arange(length, dtype=np.float32) / rate
    pitch = (300.0 * 1.6 ** labels.astype(np.float32))[:, None]
    phase = rng.random((2, len(labels), 1), dtype=np.float32)
    pulse = 0.5 + 0.5 * np.cos(2 * np.pi * ((2 + labels)[:, None] * time + phase[0]))
    tone = pulse * np.sin(2 * np.pi * (pitch * time + phase[1]))
    noise = rng.standard_normal((len(labels), length), dtype=np.float32)
    return np.rint((0.3 * tone + 0.05 * noise) * 32767).clip(-32768, 32767).astype(np.int16)


def gratings(rng: np.random.Generator, labels: np.ndarray, frames: int, side: int) -> np.ndarray:
    """Coloured gratings whose orientation is the class: `(N, frames, side, side, 3)` uint8."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    result = np.empty((len(labels), frames, side, side, 3), np.uint8)
    for row, label in enumerate(labels):
        angle = np.pi * label / len(cremad.EMOTIONS)
        across = 2 * np.pi / 24 * (np.cos(angle) * x + np.sin(angle) * y)
        wave = np.cos(across + 2 * np.pi * rng.random((frames, 1, 1), dtype=np.float32))  # (T, H, W)
        colour = rng.uniform(0.5, 1.0, 3).astype(np.float32)
        noise = rng.integers(-20, 21, (frames, side, side, 1), dtype=np.int16)
        result[row] = np.clip(128 + 90 * wave[..., None] * colour + noise, 0, 255).astype(np.uint8)
    return result
