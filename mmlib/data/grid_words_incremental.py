"""GRID words as classes that arrive in steps: 51 words of one speaker, 8 tasks, frozen features.

Source: GRID corpus, speaker 1 (Cooke et al. 2006). A small real set: its numbers say nothing about AVE, Kinetics-Sounds
or VGGSound.

We do: the tasks are digits (10), commands and colours (8), prepositions and adverbs (8), then five letters five times,
in alphabetical order (no w); classes are numbered in that order. Words have 40, 100 or 250 tokens: report means per
class. Clips are divided, never tokens, and stratified by their letter (32 / 4 / 4 clips of each), because otherwise
some letters would have no test token: 4800 / 600 / 600 tokens.

Features come from an encoder that saw the first task only, as a pretrained one would: principal components fitted to
the train tokens of task 0, then frozen.

- `audio` (128,): 40 log mel bands (window 32 ms, hop 10 ms) of the token alone, averaged over 8 equal parts of its
  length, on 128 components.
- `visual` (6, 6, 128): the frames at the centres of 6 equal parts, each cut into 2 x 3 patches of 12 x 12 pixels. A
  token is the part of its patch in the 128 components of the *whole* word (all frames, all pixels), so the mean over
  the 36 tokens is the word's projection on them: what attention does not single out keeps its place and time. Tokens on
  components of their own patch would lose both, since attention adds them up.

Both modalities are scaled by one number each, to unit mean variance of the components on the train tokens of task 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.features.checks import check_storage
from mmlib.data.grid_digits import DIGITS
from mmlib.data.grid_words import (
    ARCHIVE,
    AUDIO,
    FOLDER,
    SAMPLE_RATE,
    UNITS_PER_FRAME,
    UNITS_PER_SECOND,
    WINDOW,
    cut_sound,
    inputs,
    missing,
    read_archive,
    read_sound,
)
from mmlib.data.prepared import SPLITS, write_prepared
from mmlib.data.progress import Progress
from mmlib.data.ranges import narrowed
from mmlib.errors import DataError

__all__ = ["LAYOUT", "TASKS", "inputs", "missing", "prepare_folder"]

LAYOUT = 1  # raise when the same options would write other content
LETTERS = "abcdefghijklmnopqrstuvxyz"
TASKS: tuple[tuple[str, ...], ...] = (
    DIGITS,
    ("bin", "lay", "place", "set", "blue", "green", "red", "white"),
    ("at", "by", "in", "with", "again", "now", "please", "soon"),
    *(tuple(LETTERS[first : first + 5]) for first in range(0, len(LETTERS), 5)),
)
CLIPS_OF_A_LETTER = (32, 4, 4)  # train, validation, test
LETTER_PLACE = 3  # of a clip's name: command, colour, preposition, letter, digit, adverb
STEPS = 8  # parts of a token's sound
FRAMES, ROWS, COLUMNS = 6, 2, 3  # frames of a token, and patches of a frame
COMPONENTS = 128
N_FFT, HOP, MELS, FLOOR = 512, 160, 40, 1e-2
CHUNK = 500
MODALITIES = {"audio": "features", "visual": "features"}


def prepare_folder(folder: Path, root: Path, options: dict[str, Any], inputs_hash: str) -> Path:
    """Cut all tokens, fit the components and write the prepared folder (half a minute). Raises `DataError`."""
    import soundfile

    check_storage("grid_words_incremental", options["storage"])
    archive = root / FOLDER / ARCHIVE
    names, words, align = (read_archive(archive, key) for key in ("names", "words", "align"))
    classes = [word for task in TASKS for word in task]
    spoken = words[align[:, 3]]  # (N,) of all entries, silence among them
    tokens, spoken = align[np.isin(spoken, classes)], spoken[np.isin(spoken, classes)]
    order = np.argsort(classes)
    label = order[np.searchsorted(classes, spoken, sorter=order)]
    task = np.repeat(np.arange(len(TASKS)), [len(words) for words in TASKS])
    split = stratified_splits(archive, names, options["seed"])[tokens[:, 0]]
    fitted = (split == "train") & (task[label] == 0)
    if fitted.sum() <= COMPONENTS:
        raise DataError(f"{archive}: {fitted.sum()} train tokens of digits, too few for {COMPONENTS} components.")
    audio = project(audio_parts(root / FOLDER / AUDIO, names, tokens), fitted)
    visual = patch_tokens(cut_frames(read_archive(archive, "mouth"), tokens), fitted)
    place = np.arange(len(tokens)) - np.searchsorted(tokens[:, 0], tokens[:, 0])  # word number within its clip
    return write_prepared(
        folder,
        dataset="grid_words_incremental",
        classes=classes,
        index={
            "id": [f"{names[clip]}_{number}" for clip, number in zip(tokens[:, 0], place, strict=True)],
            "label": label,
            "split": split,
            "group": names[tokens[:, 0]],
            "task": task[label],
            "start_s": tokens[:, 1] / UNITS_PER_SECOND,
            "end_s": tokens[:, 2] / UNITS_PER_SECOND,
        },
        arrays={"audio": audio.astype(np.float32), "visual": narrowed(visual, options["storage"], "visual")},
        source={
            "layout": LAYOUT,
            "inputs_sha256": inputs_hash,
            "modalities": MODALITIES,
            "tasks": [np.flatnonzero(task == step).tolist() for step in range(len(TASKS))],
            "fitted_on": int(fitted.sum()),
            **options,
        },
        versions={"soundfile": soundfile.__version__, "libsndfile": soundfile.__libsndfile_version__},
        replace=True,
    )


def stratified_splits(archive: Path, names: np.ndarray, seed: int) -> np.ndarray:
    """The split of every clip, `(clips,)`: of each letter 32 / 4 / 4 in an order drawn with `seed`.

    Raises `DataError` where a letter has another number of clips.
    """
    letters = np.array([name[LETTER_PLACE : LETTER_PLACE + 1] for name in names.tolist()])
    split = np.empty(len(names), "U10")
    rng = np.random.default_rng([seed, 4])
    for letter in LETTERS:
        clips = np.flatnonzero(letters == letter)
        if len(clips) != sum(CLIPS_OF_A_LETTER):
            raise DataError(
                f"{archive}: {len(clips)} clips have the letter {letter!r}, expected {sum(CLIPS_OF_A_LETTER)}. Copy "
                "the file again from its source."
            )
        split[rng.permutation(clips)] = np.repeat(SPLITS, CLIPS_OF_A_LETTER)
    return split


def audio_parts(
    folder: Path, names: np.ndarray, tokens: np.ndarray, title: str = "grid_words_incremental"
) -> np.ndarray:
    """Log mel bands averaged over equal parts of each token, `(N, 8 * 40)`. Raises `DataError`."""
    edges = np.rint(tokens[:, 1:3] * (SAMPLE_RATE / UNITS_PER_SECOND)).astype(np.int64)  # in samples
    windows, samples = np.zeros((len(tokens), WINDOW), np.int16), np.zeros(len(tokens), np.int64)
    first = np.searchsorted(tokens[:, 0], np.arange(len(names) + 1))  # tokens are in clip order
    progress = Progress(f"{title}: sound", len(names), "clips")
    for clip, name in enumerate(names):
        sound = read_sound(folder / f"{name}.ogg")
        for row in range(first[clip], first[clip + 1]):
            windows[row], samples[row], _ = cut_sound(sound, *edges[row])
        progress.advance(1)
    chunks = range(0, len(tokens), CHUNK)
    bands = np.concatenate([log_mel(windows[start : start + CHUNK]) for start in chunks])
    return averaged_parts(bands, samples).reshape(len(tokens), -1)


def log_mel(windows: np.ndarray) -> np.ndarray:
    """ln(mel + floor) of windows `(n, samples)` int16, frames centred every 10 ms: `(n, frames, 40)` float32."""
    import torch

    from mmlib.data.spectrogram import SpectrogramPreset, spectrogram

    preset = SpectrogramPreset("grid", SAMPLE_RATE, N_FFT, HOP, "ours", floor=FLOOR, mels=MELS, padding="constant")
    sound = torch.from_numpy(windows).float().div_(32768)
    return spectrogram(sound, preset)[:, 0].transpose(1, 2).numpy()  # (n, frames, 40)


def averaged_parts(bands: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Bands `(N, frames, 40)`, frame i centred at i hops, averaged over 8 equal parts of a token, `(N, 8, 40)`.

    The token's `samples` (N,) lie centred in the window. A part takes its share of a frame that it covers in part.
    """
    count, frames, mels = bands.shape
    left = (WINDOW - samples) // 2
    edges = (left[:, None] + np.arange(STEPS + 1) * samples[:, None] / STEPS) / HOP + 0.5  # (N, 9); a frame is [i, i+1)
    total = np.concatenate([np.zeros((count, 1, mels)), np.cumsum(bands, axis=1, dtype=np.float64)], axis=1)
    below = np.clip(np.floor(edges).astype(np.int64), 0, frames - 1)
    share = np.clip(edges - below, 0, 1)[:, :, None]
    rows = np.arange(count)[:, None]
    until = total[rows, below] * (1 - share) + total[rows, below + 1] * share  # (N, 9, 40): sum up to each edge
    return np.diff(until, axis=1) / np.diff(edges, axis=1)[:, :, None]


def cut_frames(mouth: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Frames `(N, 6, 24, 36)` uint8 at the centres of equal parts of each token (clip, start, end, word)."""
    start, length = tokens[:, 1:2], tokens[:, 2:3] - tokens[:, 1:2]
    centres = start + (np.arange(FRAMES) + 0.5) * length / FRAMES  # (N, 6) in alignment units
    number = np.clip((centres // UNITS_PER_FRAME).astype(np.int64), 0, mouth.shape[1] - 1)
    return mouth[tokens[:, :1], number]


def components(values: np.ndarray, count: int = COMPONENTS) -> tuple[np.ndarray, np.ndarray]:
    """Mean `(F,)` and components `(F, count)` of rows `(n, F)`, scaled to unit mean variance of the projections."""
    mean = values.mean(axis=0, dtype=np.float64)
    centred = values - mean
    # Through the smaller of the two products; its eigenvectors give the same components.
    wide = values.shape[1] > len(values)
    variances, vectors = np.linalg.eigh((centred @ centred.T if wide else centred.T @ centred) / len(values))
    variances, vectors = variances[::-1][:count], vectors[:, ::-1][:, :count]
    basis = centred.T @ vectors if wide else vectors
    basis /= np.linalg.norm(basis, axis=0)
    basis *= np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(count)])  # an eigenvector's sign is free
    return mean, basis / np.sqrt(variances.mean())


def project(values: np.ndarray, fitted: np.ndarray, count: int = COMPONENTS) -> np.ndarray:
    """Rows `(N, F)` on the components of the `fitted` ones, `(N, count)`."""
    mean, basis = components(values[fitted], count)
    return (values - mean) @ basis


def patch_tokens(frames: np.ndarray, fitted: np.ndarray, count: int = COMPONENTS) -> np.ndarray:
    """Frames `(N, 6, 24, 36)` to tokens `(N, 6, 6, count)` float32 whose mean over time and patches is `project`'s."""
    mean, basis = components(frames[fitted].reshape(fitted.sum(), -1).astype(np.float64), count)
    patches = FRAMES * ROWS * COLUMNS
    parts = _patches(basis.T.reshape(count, *frames.shape[1:]))  # (count, 36, pixels)
    offset = np.einsum("pf,cpf->pc", _patches(mean.reshape(1, *frames.shape[1:]))[0], parts)
    tokens = np.empty((len(frames), patches, count), np.float32)
    for start in range(0, len(frames), CHUNK):
        rows = slice(start, start + CHUNK)
        seen = _patches(frames[rows]).astype(np.float32)  # (n, 36, pixels)
        for patch in range(patches):  # one product each: a single one would need the parts' zeros written out
            tokens[rows, patch] = patches * (seen[:, patch] @ parts[:, patch].T.astype(np.float32) - offset[patch])
    return tokens.reshape(len(frames), FRAMES, ROWS * COLUMNS, count)


def _patches(frames: np.ndarray) -> np.ndarray:
    """`(n, 6, 24, 36)` cut into 2 x 3 patches a frame, `(n, 36, 144)`, frames first."""
    count, _, height, width = frames.shape
    cut = frames.reshape(count, FRAMES, ROWS, height // ROWS, COLUMNS, width // COLUMNS)
    return cut.transpose(0, 1, 2, 4, 3, 5).reshape(count, FRAMES * ROWS * COLUMNS, -1)
