"""CMU-MOSI utterances by text, sound and face: three modalities, positive or negative. Real, and small.

Source: features and labels of bc-LSTM's code (declare-lab/multimodal-deep-learning), one vector for each utterance and
modality; 62 videos are train, 31 test, as given. Labels are binary, so that nothing here is an MAE or a seven-class
accuracy.
We do: `VALIDATION` of the 62 train videos, drawn with the seed, become a validation split; features are standardised
with the train split's mean and deviation (text goes to 1.5, audio to 376); rows are sorted by video and place in it.

A linear model of the three gives text .757, audio .492, face .524 and all .767 on test, where always saying "positive"
gives .621: a modality alone is scored with the others at zero, and may lie below that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.grid_words import read_archive
from mmlib.data.prepared import Prepared, write_prepared

LAYOUT = 1  # raise when the same options would write other content
ARCHIVE = "mosi/mosi_utterance.npz"
MODALITIES = {"text": "text", "audio": "audio", "visual": "video"}  # our names, and those of the file
VALIDATION = 10  # of the 62 train videos


def missing(root: Path) -> str | None:
    """The first missing thing under a data root, or None."""
    path = root / ARCHIVE
    return None if path.is_file() else f"{path} is missing: features and labels of all utterances."


def inputs(root: Path) -> dict[str, Path]:
    """Every file the preparation reads, by its path below the root."""
    return {ARCHIVE: root / ARCHIVE}


def notes(prepared: Prepared) -> list[str]:
    """The accuracy that costs nothing."""
    test = prepared.labels[prepared.rows("test")]
    counts = np.bincount(test, minlength=2)
    share = counts.max() / len(test)
    return [f"always {prepared.classes[int(counts.argmax())]!r} is right for {100 * share:.1f} % of test."]


def prepare_folder(folder: Path, root: Path, options: dict[str, Any], inputs_hash: str) -> Path:
    """Divide, standardise and write the prepared folder."""
    columns = ("names", "video_id", "position", "label", "is_test")
    names, video, position, label, is_test = (read_archive(root / ARCHIVE, key) for key in columns)
    order = np.lexsort((position, video))
    split = utterance_splits(video, is_test, options["seed"])
    train = split == "train"
    arrays = {
        modality: standardised(read_archive(root / ARCHIVE, key), train)[order] for modality, key in MODALITIES.items()
    }
    return write_prepared(
        folder,
        dataset="mosi_utterances",
        classes=["negative", "positive"],
        index={
            "id": names[order],
            "label": label[order].astype(np.int64),
            "split": split[order],
            "group": video[order],
            "position": position[order].astype(np.int64),
        },
        arrays=arrays,
        source={
            "layout": LAYOUT,
            "inputs_sha256": inputs_hash,
            "modalities": dict.fromkeys(MODALITIES, "features"),
            "standardised_by": "train",
            **options,
        },
        replace=True,
    )


def utterance_splits(video: np.ndarray, is_test: np.ndarray, seed: int) -> np.ndarray:
    """Split of each utterance (N,): as given, with `VALIDATION` whole videos of train held out."""
    of_train = np.random.default_rng([seed, 5]).permutation(np.unique(video[~is_test]))
    held = np.isin(video, of_train[:VALIDATION])
    return np.where(is_test, "test", np.where(held, "validation", "train"))


def standardised(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Features (N, n) float32 of mean 0 and deviation 1 over the rows in `train` (N,); constant ones become 0 there."""
    values = values.astype(np.float64)
    deviation = values[train].std(axis=0)
    return ((values - values[train].mean(axis=0)) / np.where(deviation > 0, deviation, 1)).astype(np.float32)
