"""GRID words: 51 word classes cut from the clips of one GRID speaker, sound and mouth frames.

Source: GRID corpus, speaker 1 (Cooke et al. 2006), 1000 clips of six words with word timing; the mouth region is
already cut out (24 x 36 grey, 25 frames per second), the sound is 16 kHz. A small real set: its numbers say nothing
about any benchmark.

We do: every word token is cut by its own timing, nothing beside it is kept (coarticulation aside, the neighbour words
would give the position in the sentence away); the sound is centred in a window of 0.5 s and padded with zeros (the few
longer tokens lose both ends, `clipped` in the manifest counts them); the frames are the ones at the centres of
`FRAMES` equal parts of the token. Clips, never tokens, are divided 800 / 100 / 100 into train / validation / test.
White noise on the sound is added when loading (`audio_snr_db`), relative to the token's own power: an honest knob for
the balance between the modalities.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.prepared import write_prepared
from mmlib.errors import DataError

LAYOUT = 1  # raise when the same options would write other content
SAMPLE_RATE = 16_000  # Hz
WINDOW = 8_000  # samples: 0.5 s; 98 % of the tokens are shorter
FRAMES = 5
UNITS_PER_SECOND = 25_000  # of the alignment
UNITS_PER_FRAME = 1_000
SILENCE = ("sil", "sp")
CLIPS = {"train": 800, "validation": 100, "test": 100}

FOLDER = "grid_s1"
ARCHIVE = "grid_s1_mouth24x36.npz"
AUDIO = "audio16k"


def missing(root: Path) -> str | None:
    """The first missing thing under a data root, or None."""
    archive = root / FOLDER / ARCHIVE
    if not archive.is_file():
        return f"{archive} is missing: the mouth frames, names and word timing of all clips."
    names = read_archive(archive, "names")
    present = {path.name for path in (root / FOLDER / AUDIO).glob("*.ogg")}
    absent = [str(name) for name in names if f"{name}.ogg" not in present]
    if absent:
        path = root / FOLDER / AUDIO / f"{absent[0]}.ogg"
        return f"{path} is missing: the sound of that clip ({len(absent)} of {len(names)} clips have none)."
    return None


def inputs(root: Path) -> dict[str, Path]:
    """Every file the preparation reads, by its path below the root."""
    base = root / FOLDER
    files = [base / ARCHIVE, *sorted((base / AUDIO).glob("*.ogg"))]
    return {path.relative_to(root).as_posix(): path for path in files}


def prepare_folder(folder: Path, root: Path, options: dict[str, Any], inputs_hash: str) -> Path:
    """Cut all tokens and write the prepared folder (about ten seconds)."""
    import soundfile

    archive = root / FOLDER / ARCHIVE
    names, words, align = (read_archive(archive, key) for key in ("names", "words", "align"))
    classes = [str(word) for word in words if word not in SILENCE]  # the archive's order: alphabetical
    class_of = {word: number for number, word in enumerate(classes)}
    tokens = align[[str(words[number]) in class_of for number in align[:, 3]]]  # (N, 4) clip, start, end, word
    frames = cut_frames(read_archive(archive, "mouth"), tokens)
    waveform, samples, clipped = _cut_all_sound(root / FOLDER / AUDIO, names, tokens)
    split = clip_splits(len(names), options["seed"])[tokens[:, 0]]
    place = np.arange(len(tokens)) - np.searchsorted(tokens[:, 0], tokens[:, 0])  # word number within its clip
    return write_prepared(
        folder,
        dataset="grid_words",
        classes=classes,
        index={
            "id": [f"{names[clip]}_{number}" for clip, number in zip(tokens[:, 0], place, strict=True)],
            "label": [class_of[str(words[number])] for number in tokens[:, 3]],
            "split": split,
            "group": names[tokens[:, 0]],
            "start_s": tokens[:, 1] / UNITS_PER_SECOND,
            "end_s": tokens[:, 2] / UNITS_PER_SECOND,
            "samples": samples,
        },
        arrays={"waveform": waveform, "frames": frames},
        source={
            "layout": LAYOUT,
            "inputs_sha256": inputs_hash,
            "sample_rate": SAMPLE_RATE,
            "window_samples": WINDOW,
            "clipped": clipped,
            **options,
        },
        versions={"soundfile": soundfile.__version__, "libsndfile": soundfile.__libsndfile_version__},
        replace=True,
    )


def clip_splits(clips: int, seed: int) -> np.ndarray:
    """The split of every clip, `(clips,)` names, drawn with `seed` in the shares 800 / 100 / 100."""
    shares = np.cumsum(list(CLIPS.values())) / sum(CLIPS.values())
    place = np.empty(clips, np.int64)
    place[np.random.default_rng(seed).permutation(clips)] = np.arange(clips)
    return np.array(list(CLIPS))[np.searchsorted(np.rint(shares * clips), place, side="right")]


def cut_frames(mouth: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Frames `(N, FRAMES, 24, 36)` uint8 at the centres of equal parts of each token (clip, start, end, word)."""
    start, length = tokens[:, 1:2], tokens[:, 2:3] - tokens[:, 1:2]
    centres = start + (np.arange(FRAMES) + 0.5) * length / FRAMES  # (N, FRAMES) in alignment units
    number = np.clip((centres // UNITS_PER_FRAME).astype(np.int64), 0, mouth.shape[1] - 1)
    return mouth[tokens[:, :1], number]


def cut_sound(sound: np.ndarray, start: int, end: int) -> tuple[np.ndarray, int, bool]:
    """The samples from `start` to `end` centred in a window of `WINDOW`, how many there are, and if ends were lost."""
    piece = sound[start : min(end, len(sound))]
    clipped = len(piece) > WINDOW
    if clipped:
        lost = (len(piece) - WINDOW) // 2
        piece = piece[lost : lost + WINDOW]
    window = np.zeros(WINDOW, np.int16)
    left = (WINDOW - len(piece)) // 2
    window[left : left + len(piece)] = piece
    return window, len(piece), clipped


def _cut_all_sound(folder: Path, names: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    waveform = np.zeros((len(tokens), WINDOW), np.int16)
    samples = np.zeros(len(tokens), np.int64)
    clipped = 0
    edges = np.rint(tokens[:, 1:3] * (SAMPLE_RATE / UNITS_PER_SECOND)).astype(np.int64)  # in samples
    first = np.searchsorted(tokens[:, 0], np.arange(len(names) + 1))  # tokens are in clip order
    for clip, name in enumerate(names):
        if clip % 250 == 0:
            print(f"grid_words: clip {clip} of {len(names)}", flush=True)
        sound = read_sound(folder / f"{name}.ogg")
        for row in range(first[clip], first[clip + 1]):
            waveform[row], samples[row], cut = cut_sound(sound, *edges[row])
            clipped += cut
    return waveform, samples, clipped


def read_sound(path: Path) -> np.ndarray:
    import soundfile

    try:
        sound, rate = soundfile.read(path, dtype="int16")
    except (OSError, soundfile.SoundFileError) as error:
        raise DataError(f"{path} cannot be decoded ({error}). Copy the file again from its source.") from error
    if rate != SAMPLE_RATE or sound.ndim != 1:
        raise DataError(f"{path} is not mono at {SAMPLE_RATE} Hz. Copy the file again from its source.")
    return sound


def read_archive(archive: Path, key: str) -> np.ndarray:
    """One array of the archive, without unpickling anything."""
    import zipfile

    try:
        if not zipfile.is_zipfile(archive):  # numpy would take it for a pickle and advise to trust it
            raise zipfile.BadZipFile("not an .npz archive, or cut short")
        with np.load(archive, allow_pickle=False) as arrays:
            return arrays[key]
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{archive} cannot be read ({key}: {error}). Copy the file again from its source.") from error
