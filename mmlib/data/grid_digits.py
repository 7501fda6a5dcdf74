"""GRID digits: when is a digit spoken, and which? Ten labelled segments per clip, AVE's shape on real speech.

Source: GRID corpus, speaker 1 (Cooke et al. 2006), one digit in each of 1000 clips. A small real set: speech, one
speaker, 0.8 s; its numbers say nothing about AVE.

We do: from every clip a window of 20 video frames that contains the whole digit, its start uniform between
max(0, end - 20) and min(onset, 55), fixed per clip by the seed; ten segments of 2 video frames and 8 audio frames. A
segment's class is the digit if at least half of its frames are that digit's, else background. Clips are divided
800 / 100 / 100.

Features, one row per segment. `audio` (10, 80): mean and deviation over the segment's 8 frames of 40 log mel bands
(window 32 ms, hop 10 ms), each scaled to zero mean and unit deviation over the train clips. `noise` adds white noise to
the sound first, its RMS that share of the window's own (1: 0 dB; 0.5: 6 dB): on clean sound no host network tried does
better with both than with the sound alone. `visual` (10, 4, 6, 64): 4 x 6 places, each an overlapping view of 18 x 26
of the mouth region's 24 x 36 pixels (as a place of VGG's last map sees most of the picture), both frames, at half
resolution, on 64 principal components of the train clips' views. Patches that do not overlap would lose where they
were: attention adds up places, and a network of attention over 6 x 6 pixel patches learned nothing from them in ten
epochs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.features.checks import check_storage
from mmlib.data.grid_words import (
    ARCHIVE,
    AUDIO,
    FOLDER,
    SAMPLE_RATE,
    clip_splits,
    inputs,
    missing,
    read_archive,
    read_sound,
)
from mmlib.data.prepared import write_prepared
from mmlib.data.progress import Progress
from mmlib.errors import DataError

__all__ = ["LAYOUT", "inputs", "missing", "prepare_folder"]

LAYOUT = 2  # raise when the same options would write other content
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
BACKGROUND = len(DIGITS)
SEGMENTS = 10
FRAMES = 2  # video frames of a segment
HOPS = 8  # audio frames of a segment, 10 ms each
WINDOW = SEGMENTS * FRAMES  # video frames: 0.8 s
LAST_START = 55  # a clip has 75 frames
SAMPLES_PER_FRAME = 640  # 40 ms at 16 kHz
N_FFT, HOP, MELS, FLOOR = 512, 160, 40, 1e-2
VIEW = (9, 13)  # rows and columns of pixels that a place sees, at half resolution: 12 x 18 in all
COMPONENTS = 64
CHUNK = 100


def prepare_folder(folder: Path, root: Path, options: dict[str, Any], inputs_hash: str) -> Path:
    """Cut windows and compute features (about ten seconds). Raises `DataError`, `OutputsError`."""
    import soundfile

    check_storage("grid_digits", options["storage"])
    archive = root / FOLDER / ARCHIVE
    names, words = read_archive(archive, "names"), read_archive(archive, "words")
    frames = frame_digits(read_archive(archive, "frame_word"), words)
    onset, end = digit_extent(archive, frames)
    start = window_starts(onset, end, options["seed"])
    segments = segment_digits(frames, start)
    split = clip_splits(len(names), options["seed"])
    train = split == "train"
    audio = audio_features(root / FOLDER / AUDIO, names, start, noise=options["noise"], seed=options["seed"])
    visual = views(read_archive(archive, "mouth"), start, train)
    write_prepared(
        folder,
        dataset="grid_digits",
        classes=[*DIGITS, "background"],
        index=_index(names, frames, split, start, segments),
        arrays={
            "audio": scaled(audio, train),
            "visual": visual.astype(options["storage"]),
            "segments": segments,
        },
        source={"layout": LAYOUT, "inputs_sha256": inputs_hash, "sample_rate": SAMPLE_RATE, "mels": MELS, **options},
        versions={"soundfile": soundfile.__version__, "libsndfile": soundfile.__libsndfile_version__},
        replace=True,
    )
    return folder


def _index(
    names: np.ndarray, frames: np.ndarray, split: np.ndarray, start: np.ndarray, segments: np.ndarray
) -> dict[str, np.ndarray]:
    event = segments != BACKGROUND
    count = len(names)
    return {
        "id": names,
        "label": frames.min(axis=1),  # the clip's digit: every other frame counts as the higher background
        "split": split,
        "group": names,
        "order": np.arange(count),
        "start_frame": start,
        "onset": event.argmax(axis=1),
        "offset": SEGMENTS - event[:, ::-1].argmax(axis=1),
        "leaky": np.zeros(count, bool),
        "background_only": np.zeros(count, bool),
    }


def frame_digits(frame_word: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Word of every frame `(N, 75)` to digit, `BACKGROUND` for any other word."""
    table = np.array([DIGITS.index(word) if word in DIGITS else BACKGROUND for word in words.tolist()])
    return table[frame_word]


def digit_extent(archive: Path, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First frame of each clip's digit and the one after its last, `(N,)`. Raises `DataError`."""
    spoken = frames != BACKGROUND
    onset, end = spoken.argmax(axis=1), frames.shape[1] - spoken[:, ::-1].argmax(axis=1)
    unfit = np.flatnonzero(~spoken.any(axis=1) | (end - onset > WINDOW))
    if unfit.size:
        raise DataError(
            f"{archive}: clip {unfit[0]} has no digit, or one longer than {WINDOW} frames. Copy the file again."
        )
    return onset, end


def window_starts(onset: np.ndarray, end: np.ndarray, seed: int) -> np.ndarray:
    """First frame of every clip's window, `(N,)`: uniform over those that hold the digit, one stream per clip."""
    low, high = np.maximum(0, end - WINDOW), np.minimum(onset, LAST_START)
    rooms = enumerate(zip(low, high, strict=True))
    draws = [np.random.default_rng([seed, clip]).integers(first, last + 1) for clip, (first, last) in rooms]
    return np.array(draws, np.int64)


def segment_digits(frames: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Class of every segment `(N, 10)` int64: the digit where at least half of the frames are its own."""
    shown = _window(frames, start).reshape(-1, SEGMENTS, FRAMES)  # (N, 10, 2)
    enough = 2 * (shown != BACKGROUND).sum(axis=2) >= FRAMES
    return np.where(enough, shown.min(axis=2), BACKGROUND).astype(np.int64)


def views(mouth: np.ndarray, start: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Mouth frames `(N, 75, 24, 36)` uint8 to components `(N, 10, 4, 6, 64)` float32, of unit deviation in `train`."""
    frames = halved(_window(mouth, start))  # (N, 20, 12, 18)
    seen = frames[train].reshape(-1, *frames.shape[2:])
    deviation = seen.std(axis=0)
    frames = (frames - seen.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    pairs = frames.reshape(len(frames), SEGMENTS, FRAMES, *frames.shape[2:])
    cut = np.lib.stride_tricks.sliding_window_view(pairs, VIEW, axis=(3, 4))  # (N, 10, 2, 4, 6, 9, 13)
    cut = cut.transpose(0, 1, 3, 4, 2, 5, 6)  # (N, 10, 4, 6, 2, 9, 13)
    basis, mean = components(cut, train)
    found = np.empty((*cut.shape[:4], COMPONENTS), np.float32)
    for first in range(0, len(cut), CHUNK):  # the views themselves are 17 times the frames
        rows = slice(first, first + CHUNK)
        found[rows] = (cut[rows].reshape(-1, len(mean)) - mean).dot(basis).reshape(*cut[rows].shape[:4], COMPONENTS)
    return found


def halved(frames: np.ndarray) -> np.ndarray:
    """`(N, 20, 24, 36)` uint8 to means of 2 x 2 pixels, `(N, 20, 12, 18)` float32."""
    count, time, height, width = frames.shape
    return frames.reshape(count, time, height // 2, 2, width // 2, 2).mean(axis=(3, 5), dtype=np.float32)


def components(cut: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`(pixels, 64)` that takes views to their first components, each of unit deviation, and the views' mean.

    Both are measured on the `train` clips alone.
    """
    pixels = int(np.prod(cut.shape[4:]))
    total, products, count = np.zeros(pixels), np.zeros((pixels, pixels)), 0
    for row in np.flatnonzero(train):
        seen = cut[row].reshape(-1, pixels).astype(np.float64)
        total, products, count = total + seen.sum(axis=0), products + seen.T @ seen, count + len(seen)
    mean = total / count
    variances, vectors = np.linalg.eigh(products / count - np.outer(mean, mean))
    variances, vectors = variances[::-1][:COMPONENTS], vectors[:, ::-1][:, :COMPONENTS]
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(COMPONENTS)])  # an eigenvector's sign is free
    scale = np.sqrt(np.maximum(variances, 1e-6 * variances[0]))
    return (vectors * signs / scale).astype(np.float32), mean.astype(np.float32)


def _window(values: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The frames of each clip's window, `(N, 20, ...)`."""
    return values[np.arange(len(start))[:, None], start[:, None] + np.arange(WINDOW)]


def audio_features(
    folder: Path, names: np.ndarray, start: np.ndarray, *, noise: float = 0.0, seed: int = 0
) -> np.ndarray:
    """Mean and deviation of log mel bands per segment, `(N, 10, 80)` float32. Raises `DataError`."""
    progress = Progress("grid_digits: sound", len(names), "clips")
    parts = []
    for first in range(0, len(names), CHUNK):
        rows = slice(first, first + CHUNK)
        clips = zip(names[rows], start[rows], strict=True)
        windows = np.stack([sound_window(read_sound(folder / f"{name}.ogg"), at) for name, at in clips])
        windows = with_noise(windows, noise, seed, first)
        parts.append(segment_statistics(log_mel(windows)))
        progress.advance(len(windows))
    return np.concatenate(parts)


def sound_window(sound: np.ndarray, start: int) -> np.ndarray:
    """The samples of a window and half an FFT beside it on either side, zeros beyond the recording, int16."""
    margin = N_FFT // 2
    first = start * SAMPLES_PER_FRAME - margin
    length = WINDOW * SAMPLES_PER_FRAME + 2 * margin
    window = np.zeros(length, np.int16)
    piece = sound[max(0, first) : first + length]
    left = max(0, -first)
    window[left : left + len(piece)] = piece
    return window


def with_noise(windows: np.ndarray, noise: float, seed: int, first: int) -> np.ndarray:
    """Windows `(n, samples)` int16 of clips `first`, `first` + 1, ... in white noise, one stream per clip."""
    if not noise:
        return windows
    noisy = np.empty_like(windows)
    for row, window in enumerate(windows.astype(np.float32)):
        stream = np.random.default_rng([seed, first + row, 1])
        added = stream.standard_normal(len(window), np.float32) * (noise * np.sqrt(np.mean(window**2)))
        noisy[row] = np.clip(np.rint(window + added), -32768, 32767)
    return noisy


def log_mel(windows: np.ndarray) -> np.ndarray:
    """ln(mel + floor) of windows `(n, samples)` int16, frames centred every 10 ms: `(n, 80, 40)` float32."""
    import torch

    from mmlib.data.spectrogram import SpectrogramPreset, spectrogram

    preset = SpectrogramPreset("grid_digits", SAMPLE_RATE, N_FFT, HOP, "ours", centred=False, floor=FLOOR, mels=MELS)
    bands = spectrogram(torch.from_numpy(windows).float().div_(32768), preset)  # (n, 1, 40, frames)
    return bands[:, 0, :, : SEGMENTS * HOPS].transpose(1, 2).numpy()


def segment_statistics(bands: np.ndarray) -> np.ndarray:
    """Bands `(n, 80, 40)` to mean and deviation over each segment's 8 frames, `(n, 10, 80)`."""
    parts = bands.reshape(len(bands), SEGMENTS, HOPS, -1)
    return np.concatenate([parts.mean(axis=2), parts.std(axis=2)], axis=2)


def scaled(features: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Zero mean and unit deviation per feature, measured on the `train` clips."""
    seen = features[train].reshape(-1, features.shape[-1])
    deviation = seen.std(axis=0)
    return ((features - seen.mean(axis=0)) / np.where(deviation > 0, deviation, 1)).astype(np.float32)
