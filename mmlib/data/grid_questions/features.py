"""What a network sees of a slot: features of one digit's voice and lips, from an encoder that is frozen.

A digit is the part of its recording in which it is said, at most 0.4 s of it around the middle. Principal components
are fitted to the digits of the train recordings, then frozen, as those of `mmlib.data.grid_words_incremental` are.

- `audio` (64,): 40 log mel bands averaged over 8 equal parts of the digit, on 63 components.
- `visual` (64, 2, 3): the mouth at the centres of 6 equal parts, in 2 x 3 patches of 12 x 12 pixels. A patch is its
  part in the 63 components of the whole digit (all frames, all pixels), so the mean over the map is the digit's
  projection.

Both are scaled by one number each, to unit mean variance of the components on the train recordings. The last channel is
`LEVEL` where there is a voice (lips) and 0 in an empty slot, whose other features are 0 too: without it a network that
is linear in the features could not count what is there. The number of the slot is not among the features, as the second
is not among MUSIC-AVQA's: a network that is to tell first from last must be given the order itself.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmlib.data.grid_digits import DIGITS
from mmlib.data.grid_words import ARCHIVE, AUDIO, FOLDER, read_archive
from mmlib.data.grid_words_incremental import COLUMNS, ROWS, audio_parts, cut_frames, patch_tokens, project
from mmlib.errors import DataError

COMPONENTS = 63
LEVEL = 3.0
LONGEST = 10_000  # units of the alignment: 0.4 s


def digit_tokens(archive: Path) -> np.ndarray:
    """The digit of every recording, `(clips, 4)`: recording, start and end in units of the alignment, word.

    Raises `DataError` where a recording has none or two.
    """
    align, words = read_archive(archive, "align"), read_archive(archive, "words")
    tokens = align[np.isin(words[align[:, 3]], DIGITS)]
    count = len(read_archive(archive, "names"))
    if not np.array_equal(tokens[:, 0], np.arange(count)):
        raise DataError(
            f"{archive}: not every one of {count} clips has one digit. Copy the file again from its source."
        )
    tokens = tokens.astype(np.int64)
    lost = np.maximum(tokens[:, 2] - tokens[:, 1] - LONGEST, 0) // 2
    tokens[:, 1] += lost
    tokens[:, 2] = np.minimum(tokens[:, 2], tokens[:, 1] + LONGEST)
    return tokens


def digits_of(archive: Path, tokens: np.ndarray) -> np.ndarray:
    """What is said in each token, 0 to 9."""
    words = read_archive(archive, "words")
    return np.array([DIGITS.index(word) for word in words[tokens[:, 3]].tolist()])


def encode(root: Path, tokens: np.ndarray, fitted: np.ndarray) -> dict[str, np.ndarray]:
    """`audio` (clips, 64), `visual` (clips, 64, 2, 3) float32 of all tokens; components of those that are `fitted`.

    Raises `DataError`.
    """
    archive = root / FOLDER / ARCHIVE
    if fitted.sum() <= COMPONENTS:
        raise DataError(f"{archive}: {fitted.sum()} train clips, too few for {COMPONENTS} components.")
    parts = audio_parts(root / FOLDER / AUDIO, read_archive(archive, "names"), tokens, "grid_questions")
    audio = project(parts, fitted, COMPONENTS)
    frames = cut_frames(read_archive(archive, "mouth"), tokens)
    patches = patch_tokens(frames, fitted, COMPONENTS).mean(axis=1)  # (clips, 6, 63): over the frames
    visual = patches.transpose(0, 2, 1).reshape(len(tokens), COMPONENTS, ROWS, COLUMNS)
    return {name: _with_level(values) for name, values in (("audio", audio), ("visual", visual))}


def _with_level(values: np.ndarray) -> np.ndarray:
    level = np.full((len(values), 1, *values.shape[2:]), LEVEL)
    return np.concatenate([values, level], axis=1).astype(np.float32)


def in_slots(values: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Features (clips, ...) of the recordings `clips` (n, 10), 0 where that is -1: `(n, 10, ...)` float32."""
    there = (clips >= 0).reshape(*clips.shape, *[1] * (values.ndim - 1))
    return np.where(there, values[clips], np.float32(0))
