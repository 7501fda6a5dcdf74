"""CMU-MOSI utterances as sequences: each utterance with those before it in its video, newest first.

Not from a paper: the published features are those of words, which are not among the small real data. Step 0 is the
utterance itself, step t the one t places earlier; a sample ends with the first utterance of its video, or after
`window` steps. The label is that of the utterance (`label = "utterance"`), or what most utterances of the window are
(`"majority"`, the newest one's where it is a draw). Features are standardised on the training videos.

For a test with a known answer, `replaced` names modalities in which a random `replaced_share` of the utterances of
every video are exchanged for random ones of other videos of the same split; `<modality>_noise` (N, T) marks them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.mosi.utterances import Utterances, inputs, missing, read_utterances, standardised
from mmlib.data.prepared import write_prepared
from mmlib.errors import ParameterError

__all__ = ["LAYOUT", "inputs", "missing", "prepare_folder"]

LAYOUT = 1  # raise when the same options would write other content
LABELS = ("utterance", "majority")


def prepare_folder(folder: Path, root: Path, options: dict[str, Any], inputs_hash: str) -> Path:
    """Read, window and write. Raises `DataError` (damaged file) and `ParameterError` (option out of range)."""
    (path,) = inputs(root).values()
    found = read_utterances(path)
    replaced = _replaced(options, found)
    if options["window"] < 1 or options["label"] not in LABELS:
        raise ParameterError(
            f"mosi_utterances: window is {options['window']}, label {options['label']!r}; it needs 1 step or more, and "
            f"one of {', '.join(LABELS)}."
        )
    splits = found.splits(options["seed"])
    places, there = histories(found.videos, options["window"])  # (N, T)
    arrays: dict[str, np.ndarray] = {}
    for number, (name, values) in enumerate(found.features.items()):
        features = standardised(values, splits == "train")
        if name in replaced:
            rng = np.random.default_rng([options["seed"], 5, number])
            features, noise = replace_steps(features, found.videos, splits, options["replaced_share"], rng)
            arrays[f"{name}_noise"] = (noise[places] & there).astype(np.uint8)
        arrays[name] = features[places] * there[..., None]
    return write_prepared(
        folder,
        dataset="mosi_utterances",
        classes=["negative", "positive"],
        index={
            "id": found.names,
            "label": labels_of(found.labels, places, there, options["label"]),
            "split": splits,
            "group": found.videos,
            "position": found.positions,
            "steps": there.sum(axis=1),
            "transcript": found.transcripts,
        },
        arrays=arrays,
        source={
            "layout": LAYOUT,
            "inputs_sha256": inputs_hash,
            "modalities": dict.fromkeys(found.features, "features"),
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


def _replaced(options: dict[str, Any], found: Utterances) -> list[str]:
    names = [name for name in options["replaced"].split("+") if name]
    unknown = [name for name in names if name not in found.features]
    if unknown or not 0 <= options["replaced_share"] <= 1:
        raise ParameterError(
            f"mosi_utterances: replaced is {options['replaced']!r}, replaced_share {options['replaced_share']:g}; name "
            f"modalities among {', '.join(found.features)}, joined by +, and a share from 0 to 1."
        )
    return names
