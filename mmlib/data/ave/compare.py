"""The optional label files of AVE against what `Annotations.txt` says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmlib.data.ave import files
from mmlib.data.ave.annotations import Annotations
from mmlib.data.ave.classes import CLASSES
from mmlib.data.ave.labels import event_mask, one_hot, proportions


def compare_labels(folder: Path, annotations: Annotations) -> dict[str, int]:
    """Clips whose labels differ from the rebuilt ones, by label file that is there. Raises `DataError` (malformed)."""
    return {name: differing_rows(folder / name, annotations) for name in files.LABELS if (folder / name).is_file()}


def differing_rows(path: Path, annotations: Annotations) -> int:
    """How many rows of a published label file differ from the labels rebuilt from the annotations."""
    expected = rebuilt(path.name, annotations)
    found = files.read_array(path, len(annotations), expected.shape[1:])
    same = np.abs(found - expected) < 1e-6
    return int(np.sum(~same.reshape(len(same), -1).all(axis=1)))


def rebuilt(name: str, annotations: Annotations) -> np.ndarray:
    """What a label file of that name holds, float32."""
    count = len(CLASSES)
    if name == "mil_labels.h5":
        return one_hot(annotations.label, count)  # (N, 29)
    if name == "labels_closs.h5":
        return event_mask(annotations.segments)  # (N, 10)
    if name == "prob_label.h5":
        return proportions(annotations.segments, count)  # (N, 29)
    return one_hot(annotations.segments, count)  # (N, 10, 29)
