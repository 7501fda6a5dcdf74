"""CMU-MOSI utterances as sequences: each utterance with those before it in its video, newest first.

Not from a paper: the published features are those of words, which are not among the small real data. Step 0 is the
utterance itself, step t the one t places earlier; a sample ends with the first utterance of its video, or after
`window` steps. The label is that of the utterance (`label = "utterance"`), or what most utterances of the window are
(`"majority"`, the newest one's where it is a draw). Reading, splits and standardising are those of `mosi_utterances`.

For a test with a known answer, `replaced` names modalities in which a random `replaced_share` of the utterances of
every video are exchanged for random ones of other videos of the same split; `<modality>_noise` (N, T) marks them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.grid_words import read_archive
from mmlib.data.mosi_utterances import ARCHIVE, MODALITIES, inputs, missing, standardised, utterance_splits
from mmlib.data.prepared import write_prepared
from mmlib.errors import ParameterError

__all__ = ["LAYOUT", "inputs", "missing", "prepare_folder"]

LAYOUT = 1  # raise when the same options would write other content
LABELS = ("utterance", "majority")
LIMIT = 6.0  # deviations beyond which features are cut off


def prepare_folder(folder: Path, root: Path, options: dict[str, Any], inputs_hash: str) -> Path:
    """Read, window and write. Raises `DataError` (damaged file) and `ParameterError` (option out of range)."""
    replaced = _replaced(options)
    if options["window"] < 1 or options["label"] not in LABELS:
        raise ParameterError(
            f"mosi_windows: window is {options['window']}, label {options['label']!r}; it needs 1 step or more, and "
            f"one of {', '.join(LABELS)}."
        )
    columns = ("names", "transcript", "video_id", "position", "label", "is_test")
    found = {key: read_archive(root / ARCHIVE, key) for key in columns}
    order = np.lexsort((found["position"], found["video_id"]))
    names, transcripts, videos, positions, labels, is_test = (found[key][order] for key in columns)
    splits = utterance_splits(videos, is_test, options["seed"])
    places, there = histories(videos, options["window"])  # (N, T)
    arrays: dict[str, np.ndarray] = {}
    for number, (name, key) in enumerate(MODALITIES.items()):
        features = standardised(read_archive(root / ARCHIVE, key)[order], splits == "train").clip(-LIMIT, LIMIT)
        if name in replaced:
            rng = np.random.default_rng([options["seed"], 6, number])
            features, noise = replace_steps(features, videos, splits, options["replaced_share"], rng)
            arrays[f"{name}_noise"] = (noise[places] & there).astype(np.uint8)
        arrays[name] = features[places] * there[..., None]
    return write_prepared(
        folder,
        dataset="mosi_windows",
        classes=["negative", "positive"],
        index={
            "id": names,
            "label": labels_of(labels.astype(np.int64), places, there, options["label"]),
            "split": splits,
            "group": videos,
            "position": positions.astype(np.int64),
            "steps": there.sum(axis=1),
            "transcript": transcripts,
        },
        arrays=arrays,
        source={
            "layout": LAYOUT,
            "inputs_sha256": inputs_hash,
            "modalities": dict.fromkeys(MODALITIES, "features"),
            **options,
        },
        replace=True,
    )


def histories(videos: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """For utterances ordered by video: rows (N, T) of each one and those before it, and which of them are there."""
    rows = np.arange(len(videos))
    first = np.maximum.accumulate(np.where(np.r_[True, videos[1:] != videos[:-1]], rows, 0))
    places = rows[:, None] - np.arange(window)
    there = places >= first[:, None]
    return np.where(there, places, rows[:, None]), there


def labels_of(labels: np.ndarray, places: np.ndarray, there: np.ndarray, rule: str) -> np.ndarray:
    """(N,) 0 or 1."""
    if rule == "utterance":
        return labels
    surplus = np.where(there, 2 * labels[places] - 1, 0).sum(axis=1)
    return np.where(surplus == 0, labels, (surplus > 0).astype(np.int64))


def replace_steps(
    features: np.ndarray, videos: np.ndarray, splits: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, F) with that share of each video's rows taken from other videos of its split, and which (N,)."""
    key = rng.random(len(videos))
    order = np.lexsort((key, videos))
    _, first, count = np.unique(videos[order], return_index=True, return_counts=True)
    rank = np.arange(len(videos)) - np.repeat(first, count)
    chosen = np.zeros(len(videos), dtype=bool)
    chosen[order] = rank < np.repeat(np.rint(share * count), count)
    found = features.copy()
    for split in np.unique(splits):
        rows = np.flatnonzero(chosen & (splits == split))
        donors = np.flatnonzero(splits == split)
        taken = rng.choice(donors, len(rows))
        while (same := videos[taken] == videos[rows]).any():  # another video, drawn until it is one
            taken[same] = rng.choice(donors, int(same.sum()))
        found[rows] = features[taken]
    return found, chosen


def _replaced(options: dict[str, Any]) -> list[str]:
    names = [name for name in options["replaced"].split("+") if name]
    unknown = [name for name in names if name not in MODALITIES]
    if unknown or not 0 <= options["replaced_share"] <= 1:
        raise ParameterError(
            f"mosi_windows: replaced is {options['replaced']!r}, replaced_share {options['replaced_share']:g}; name "
            f"modalities among {', '.join(MODALITIES)}, joined by +, and a share from 0 to 1."
        )
    return names
