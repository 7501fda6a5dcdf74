"""The published files of AVE: their names, what they hold, and which clips the order files name.

Paper says (AVE, Tian et al. 2018): VGG-19 maps and VGGish vectors, one per second of ten.
Published code does: reads `avadataset` from every feature and label file, although the scripts that make them write
`dataset`; reads whole files into memory.
We do: take either key or, failing both, a file's only dataset; read in pieces; check shapes and values. Features are
used as they are: no upstream loader normalises them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmlib.data.ave.classes import SEGMENTS
from mmlib.data.features import layout
from mmlib.data.features.checks import check_finite, check_shape
from mmlib.data.features.sources import Source, open_source
from mmlib.errors import DataError

ANNOTATIONS = "Annotations.txt"
FEATURES = {"audio": "audio_feature.h5", "visual": "visual_feature.h5"}
BACKGROUND_FEATURES = {"audio": "audio_feature_noisy.h5", "visual": "visual_feature_noisy.h5"}
BACKGROUND_LABELS = "labels_noisy.h5"
ORDERS = {"train": "train_order.h5", "validation": "val_order.h5", "test": "test_order.h5"}
# Optional: only compared with what Annotations.txt says.
LABELS = ("labels.h5", "right_labels.h5", "right_label.h5", "mil_labels.h5", "labels_closs.h5", "prob_label.h5")
KEYS, ORDER_KEYS = ("avadataset", "dataset"), ("order",)
NEEDED = {
    ANNOTATIONS: "category, video and event times of every clip",
    FEATURES["audio"]: "the audio features (4143, 10, 128), 42 MB",
    FEATURES["visual"]: "the visual features (4143, 10, 7, 7, 512), 7.7 GB",
    **{name: f"which clips are {split}" for split, name in ORDERS.items()},
}
# Sizes of one clip by modality; None: any size (the generated sets are narrower).
SHAPES: dict[str, tuple[int | None, ...]] = {"audio": (SEGMENTS, None), "visual": (SEGMENTS, None, None, None)}
ROWS = f"a row for every line of {ANNOTATIONS}, {SEGMENTS} segments each. Is this the file of these annotations?"


def find_folder(root: Path) -> Path:
    """The folder of the AVE files under a data root: its subfolder `ave`, or the root itself."""
    return layout.find_folder(root, "ave")


def missing(root: Path) -> str | None:
    """The first file that is not there, what it is, and how many others lack; None when all are there."""
    return layout.first_missing(find_folder(root), NEEDED)


def inputs(root: Path) -> dict[str, Path]:
    """Every file the conversion reads, by name; the optional ones where they are."""
    folder = find_folder(root)
    names = [*NEEDED, *BACKGROUND_FEATURES.values(), BACKGROUND_LABELS, *LABELS]
    return {name: folder / name for name in names if name in NEEDED or (folder / name).is_file()}


def open_features(path: Path, rows: int | None, sizes: tuple[int | None, ...]) -> Source:
    """A feature or label file of `(rows, *sizes)`, None for any size. Raises `DataError`."""
    source = open_source(path, KEYS)
    check_shape(source, rows, sizes, ROWS)
    return source


def read_labels(path: Path, rows: int, sizes: tuple[int, ...]) -> np.ndarray:
    """A whole small file, checked. Raises `DataError`."""
    source = open_features(path, rows, sizes)
    values = source.read()
    check_finite(source, values, np.arange(rows))
    return values


def read_orders(folder: Path, clips: int) -> dict[str, np.ndarray]:
    """Sample numbers of each split in the published order, int64.

    Raises `DataError` for a number out of range, one given twice, or one in two splits.
    """
    orders: dict[str, np.ndarray] = {}
    owner: dict[int, str] = {}
    for split, name in ORDERS.items():
        source = open_source(folder / name, ORDER_KEYS)
        if len(source.shape) != 1 or source.dtype.kind not in "iu" or not len(source):
            raise DataError(f"{source.path} is {source.dtype} {source.shape}, expected a list of whole numbers.")
        if len(source) > clips:
            raise DataError(
                f"{source.path} has {len(source):,} entries, but {ANNOTATIONS} only {clips:,} clips. Use the order "
                "files of these annotations."
            )
        orders[split] = order = source.read().astype(np.int64)
        outside = np.flatnonzero((order < 0) | (order >= clips))
        if outside.size:
            place = int(outside[0])
            raise DataError(
                f"{source.path}: entry {place} is {order[place]}, but {ANNOTATIONS} has {clips} clips (0 to "
                f"{clips - 1}). Use the order files of these annotations."
            )
        for number in order.tolist():
            if number in owner:
                raise DataError(
                    f"{source.path}: clip {number} is already in {owner[number]}. Splits must be disjoint and name no "
                    "clip twice: get the order files again."
                )
            owner[number] = name
    return orders
