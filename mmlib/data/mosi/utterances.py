"""The utterance features of CMU-MOSI among the small real data: one vector per modality, utterance by utterance.

Source: `mosi/mosi_utterance.npz`, derived features of bc-LSTM (Poria et al., ACL 2017; declare-lab, MIT licence) with
transcripts; CMU-MOSI is for academic research. 93 videos, 2,199 utterances; binary labels, so that no regression can be
asked of them. The published split has no validation videos.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlib.errors import DataError

PLACES = ("mosi/mosi_utterance.npz", "mosi_utterance.npz")
MODALITIES = {"text": "text", "audio": "audio", "visual": "video"}  # name here: name in the file
COLUMNS = ("names", "transcript", "video_id", "position", "label", "is_test")
VALIDATION_VIDEOS = 10


@dataclass(frozen=True)
class Utterances:
    """In the order of videos and of positions within them; `features` (N, F) by modality, float32."""

    features: dict[str, np.ndarray]
    names: np.ndarray
    transcripts: np.ndarray
    videos: np.ndarray
    positions: np.ndarray
    labels: np.ndarray
    is_test: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def splits(self, seed: int) -> np.ndarray:
        """The published test videos; `VALIDATION_VIDEOS` of the others, drawn with `seed`, are validation."""
        others = np.unique(self.videos[~self.is_test])
        held = np.random.default_rng([seed, 3]).permutation(others)[:VALIDATION_VIDEOS]
        return np.where(self.is_test, "test", np.where(np.isin(self.videos, held), "validation", "train"))


def find(root: Path) -> Path | None:
    """The file under a data root."""
    return next((root / place for place in PLACES if (root / place).is_file()), None)


def missing(root: Path) -> str | None:
    return None if find(root) else f"{root / PLACES[0]} is missing."


def inputs(root: Path) -> dict[str, Path]:
    return {"mosi_utterance.npz": find(root)}


def read_utterances(path: Path) -> Utterances:
    """Raises `DataError`: damaged, pickled objects, arrays that are not there or do not fit."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            lacking = [name for name in (*MODALITIES.values(), *COLUMNS) if name not in stored]
            if lacking:
                raise DataError(f"{path} has no array {lacking[0]!r}. Is this mosi_utterance.npz?")
            arrays = {name: stored[name] for name in (*MODALITIES.values(), *COLUMNS)}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read ({error!s:.200}). It is damaged: copy or download it again.") from error
    rows = {name: len(values) for name, values in arrays.items()}
    if len(set(rows.values())) != 1 or any(arrays[name].ndim != 2 for name in MODALITIES.values()):
        raise DataError(f"{path}: its arrays have {rows} rows; each needs one for every utterance. Copy it again.")
    order = np.lexsort((arrays["position"], arrays["video_id"]))
    arrays = {name: values[order] for name, values in arrays.items()}
    features = {name: arrays[stored].astype(np.float32) for name, stored in MODALITIES.items()}
    for name, values in features.items():
        if not np.isfinite(values).all():
            raise DataError(f"{path}: {MODALITIES[name]} holds values that are not finite. Copy it again.")
    return Utterances(
        features,
        arrays["names"].astype(str),
        arrays["transcript"].astype(str),
        arrays["video_id"].astype(str),
        arrays["position"].astype(np.int64),
        arrays["label"].astype(np.int64),
        arrays["is_test"].astype(bool),
    )


def standardised(values: np.ndarray, train: np.ndarray, limit: float = 6.0) -> np.ndarray:
    """Columns of (N, F) less their mean, over their deviation, on the `train` rows (N,); within ± `limit`.

    A column without a spread there becomes 0.
    """
    known = values[train].astype(np.float64)
    spread = known.std(axis=0)
    scaled = (values - known.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    return np.clip(scaled, -limit, limit).astype(np.float32)
