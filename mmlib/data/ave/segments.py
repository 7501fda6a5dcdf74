"""Clips of labelled segments as datasets: `synthetic_ave`, `grid_digits` and `ave` through one door.

Published code does: trains on batches in the order of the order file, which is sorted by class; appends the
background-only clips at the end of the train split under weak supervision.
We do: rows in that same order, so that a loader without shuffling repeats it; shuffling is the loader's business.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmlib.data import registry, splits
from mmlib.data.ave.labels import one_hot, proportions
from mmlib.data.dataset import MultimodalDataset
from mmlib.data.prepared import SPLITS, Prepared, open_prepared
from mmlib.data.views import FeatureView
from mmlib.errors import BlockedError, DataError

# Kept in memory as float32 per split; larger splits are read from disk batch by batch.
CACHE_BYTES = 256 << 20


def load_segments(parameters: Any) -> dict[str, MultimodalDataset]:
    """Datasets `train`, `validation`, `test` for `SegmentDataSettings`; prepares the data where needed.

    Batches: inputs audio `(B, T, Fa)`, visual `(B, T, H, W, C)` float32; targets `(B, T)` int64, the last class is
    background; under weak supervision `extra["clip_target"]` `(B, K)` float32, what a clip-level loss may see (the
    segments' targets are then for evaluation only). Rows are in the published order. `column("leaky")` marks clips of
    validation and test whose video is also in train, `column("label")` is the clip's class.

    Raises `DataError`, `BlockedError` (missing), `ParameterError`.
    """
    prepared = open_prepared(registry.prepare_for(parameters))
    rows = {split: ordered_rows(prepared, split) for split in SPLITS}
    empty = next((split for split in SPLITS if not len(rows[split])), None)
    if empty:
        raise DataError(f"{prepared.folder} has no {empty} clips. Prepare it again with order files that name some.")
    weak = parameters.supervision == "weak"
    if weak and parameters.background_clips:
        rows["train"] = np.concatenate([rows["train"], background_rows(prepared)])
    prepared = splits.in_memory(prepared)
    segments = prepared.arrays["segments"]
    extra = {"clip_target": clip_targets(prepared, parameters.clip_target)} if weak else {}
    views = {name: FeatureView(prepared.arrays[name]) for name in ("audio", "visual")}
    return {
        split: MultimodalDataset(
            prepared, rows[split], views, split=split, targets=segments, extra=extra, cache_bytes=CACHE_BYTES
        )
        for split in SPLITS
    }


def ordered_rows(prepared: Prepared, split: str) -> np.ndarray:
    """Rows of a split in the published order, without background-only clips."""
    rows = prepared.rows(split)
    rows = rows[~prepared.index["background_only"][rows]]
    return rows[np.argsort(prepared.index["order"][rows], kind="stable")]


def background_rows(prepared: Prepared) -> np.ndarray:
    """The background-only clips. Raises `BlockedError` where the data set should have them and does not."""
    rows = np.flatnonzero(prepared.index["background_only"])
    if prepared.dataset == "ave" and not len(rows):
        raise BlockedError(
            f"{prepared.folder} was converted without background-only clips. Put audio_feature_noisy.h5 and "
            "visual_feature_noisy.h5 beside the other files of AVE, or set background_clips = false."
        )
    return rows


def clip_targets(prepared: Prepared, kind: str) -> np.ndarray:
    """What weak supervision tells of every row, `(N, K)` float32: `mil` its class one-hot, `prob` shares of segments.

    With `mil` the background class stands for background-only clips alone, as published.
    """
    count = len(prepared.classes)
    if kind == "prob":
        return proportions(prepared.arrays["segments"], count)
    return one_hot(prepared.labels, count)
