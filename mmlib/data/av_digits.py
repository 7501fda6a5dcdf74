"""AV-digits: spoken digits (FSDD) and handwritten digits (MNIST test images), paired by class only.

Sources: Free Spoken Digit Dataset (3000 recordings, 8 kHz, 6 speakers x 10 digits x 50; CC BY-SA 4.0) and the 10,000
images of the MNIST test file, here an image pool, so that results are not MNIST results.

We do: split first, pair second. Images whose number is divisible by 5 form the pool of the test split, the others that
of train and validation; per class images are drawn without replacement with the seed, so no image repeats or crosses.
The pair list is the index (`recording`, `image`), its hash is in the manifest. The pair shares only its class: no
synchrony, no association; say "paired by class" in every caption.

Splits: `official` (recordings 0-4 of each speaker and digit test, the rest train; validation is carved when loading)
and `speaker` (speakers in `HELD_OUT` validate and test; the more informative setting). The sound is centred in 0.7 s:
longer recordings lose their ends, and the manifest counts them.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.prepared import write_prepared
from mmlib.errors import DataError, ParameterError
from mmlib.files import content_hash

LAYOUT = 1  # raise when the same options would write other content
SAMPLE_RATE = 8_000  # Hz
WINDOW = 5_600  # samples: 0.7 s
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
HELD_OUT = {"validation": ("nicolas",), "test": ("theo", "yweweler")}  # the last in the alphabet, not chosen by score
PER_SPEAKER_AND_DIGIT = 50
OFFICIAL_TEST = 5  # recordings 0..4

RECORDINGS = Path("fsdd") / "recordings"
IMAGES = Path("mnist10k") / "t10k-images-idx3-ubyte.gz"
LABELS = Path("mnist10k") / "t10k-labels-idx1-ubyte.gz"


def missing(root: Path) -> str | None:
    """The first missing thing under a data root, or None."""
    for path, what in ((IMAGES, "the pool of 10,000 digit images"), (LABELS, "the labels of the digit images")):
        if not (root / path).is_file():
            return f"{root / path} is missing: {what}."
    present = {path.name for path in (root / RECORDINGS).glob("*.wav")}
    absent = [name for name in recording_names() if name not in present]
    if absent:
        count = f"{len(absent)} of {len(recording_names())} recordings are absent"
        return f"{root / RECORDINGS / absent[0]} is missing: a spoken digit ({count})."
    return None


def inputs(root: Path) -> dict[str, Path]:
    """Every file the preparation reads, by its path below the root."""
    files = [IMAGES, LABELS, *(RECORDINGS / name for name in recording_names())]
    return {path.as_posix(): root / path for path in files}


def recording_names() -> list[str]:
    """The 3000 file names `DIGIT_SPEAKER_INDEX.wav`, by digit, speaker, index."""
    return [
        f"{digit}_{speaker}_{number}.wav"
        for digit in range(10)
        for speaker in SPEAKERS
        for number in range(PER_SPEAKER_AND_DIGIT)
    ]


def prepare_folder(folder: Path, root: Path, options: dict[str, Any], inputs_hash: str) -> Path:
    """Read the recordings, pair them with images and write the prepared folder (a few seconds)."""
    import soundfile

    names = recording_names()
    digit, speaker, number = (
        np.array(column) for column in zip(*(name[:-4].split("_") for name in names), strict=True)
    )
    labels = digit.astype(np.int64)
    split = assign_splits(options["split"], speaker, number.astype(np.int64))
    images, image_labels = read_images(root / IMAGES), read_labels(root / LABELS)
    paired = pair_images(labels, split, image_labels, options["seed"])
    waveform, samples, clipped = _read_all_sound(root / RECORDINGS, names)
    pairs = [[name, int(image)] for name, image in zip(names, paired, strict=True)]
    return write_prepared(
        folder,
        dataset="av_digits",
        classes=list(DIGITS),
        index={
            "id": [name[:-4] for name in names],
            "label": labels,
            "split": split,
            "group": speaker,
            "recording": names,
            "image": paired,
            "samples": samples,
        },
        arrays={"waveform": waveform, "frames": images[paired][:, None]},  # frames (N, 1, 28, 28)
        source={
            "layout": LAYOUT,
            "inputs_sha256": inputs_hash,
            "pairs_sha256": content_hash(pairs),
            "pairing": "by class only",
            "sample_rate": SAMPLE_RATE,
            "window_samples": WINDOW,
            "clipped": clipped,
            **options,
        },
        versions={"soundfile": soundfile.__version__, "libsndfile": soundfile.__libsndfile_version__},
        replace=True,
    )


def assign_splits(name: str, speaker: np.ndarray, number: np.ndarray) -> np.ndarray:
    """The split of every recording, `(N,)`: by recording number (`official`) or by `speaker`."""
    split = np.full(len(speaker), "train", dtype="<U10")
    if name == "official":
        split[number < OFFICIAL_TEST] = "test"
    elif name == "speaker":
        for part, speakers in HELD_OUT.items():
            split[np.isin(speaker, speakers)] = part
    else:
        raise ParameterError(f"av_digits has no split {name!r}. Choose official or speaker.")
    return split


def pair_images(labels: np.ndarray, split: np.ndarray, image_labels: np.ndarray, seed: int) -> np.ndarray:
    """An image number for every recording, `(N,)`: its class, its split's pool, none twice."""
    rng = np.random.default_rng(seed)
    number = np.arange(len(image_labels))
    paired = np.full(len(labels), -1)
    for test in (False, True):
        in_pool = (number % 5 == 0) == test
        for label in range(len(DIGITS)):
            rows = np.flatnonzero((labels == label) & ((split == "test") == test))
            pool = np.flatnonzero(in_pool & (image_labels == label))
            if len(pool) < len(rows):
                raise DataError(f"{IMAGES}: {len(pool)} images of digit {label} for {len(rows)} recordings.")
            paired[rows] = rng.permutation(pool)[: len(rows)]
    return paired


def read_images(path: Path) -> np.ndarray:
    """Images `(N, 28, 28)` uint8 of an idx3 file."""
    return _read_idx(path, magic=2051, dimensions=3)


def read_labels(path: Path) -> np.ndarray:
    """Labels `(N,)` uint8 of an idx1 file."""
    return _read_idx(path, magic=2049, dimensions=1)


def _read_idx(path: Path, magic: int, dimensions: int) -> np.ndarray:
    try:
        content = gzip.decompress(path.read_bytes())
        header = np.frombuffer(content, ">i4", count=1 + dimensions)
        values = np.frombuffer(content, np.uint8, offset=header.nbytes)
        if header[0] != magic:
            raise ValueError(f"magic number {header[0]}, expected {magic}")
        return values.reshape(header[1:])
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path} is not a sound idx file ({error}). Copy the file again from its source.") from error


def _read_all_sound(folder: Path, names: list[str]) -> tuple[np.ndarray, np.ndarray, int]:
    """Waveforms `(N, WINDOW)` int16, centred; their lengths in samples; how many lost their ends."""
    import soundfile

    waveform, samples, clipped = np.zeros((len(names), WINDOW), np.int16), np.zeros(len(names), np.int64), 0
    for row, name in enumerate(names):
        try:
            sound, rate = soundfile.read(folder / name, dtype="int16")
        except (OSError, soundfile.SoundFileError) as error:
            raise DataError(f"{folder / name} cannot be decoded ({error}). Copy the file again.") from error
        if rate != SAMPLE_RATE or sound.ndim != 1:
            raise DataError(f"{folder / name} is not mono at {SAMPLE_RATE} Hz. Copy the file again.")
        lost = max(0, len(sound) - WINDOW)
        piece = sound[lost // 2 : lost // 2 + WINDOW]
        left = (WINDOW - len(piece)) // 2
        waveform[row, left : left + len(piece)] = piece
        samples[row] = len(piece)
        clipped += lost > 0
    return waveform, samples, int(clipped)
