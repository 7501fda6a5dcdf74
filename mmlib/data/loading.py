"""From parameters to the datasets of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data import registry, splits
from mmlib.data.assembly import build_views
from mmlib.data.dataset import CACHE_BYTES, MultimodalDataset
from mmlib.data.prepared import Prepared, open_prepared
from mmlib.errors import DataError

# Kept in memory as float32 per split of features that stay on disk: they are shown as they are stored, so a batch read
# again costs little, and memory is what such sets are short of.
MAPPED_CACHE_BYTES = 256 << 20


def load_data(parameters: Any) -> dict[str, MultimodalDataset]:
    """Datasets `train`, `validation`, `test` for classification parameters; prepares the data where needed.

    A dataset without a validation split gives `parameters.validation_fraction` of its train rows to one, stratified by
    class and drawn with `parameters.data_seed`. Raises `DataError` (missing, damaged, empty) and `ParameterError`.
    """
    folder = registry.prepare_for(parameters)
    prepared = open_prepared(Path(folder))
    rows = splits.split_rows(prepared, parameters)
    for name in ("train", "test"):
        if not len(rows[name]):
            raise DataError(f"{prepared.folder} has no {name} samples. Prepare it again with a {name} split.")
    prepared = splits.in_memory(prepared)
    return {
        name: MultimodalDataset(
            prepared,
            rows[name],
            build_views(prepared, parameters, name == "train"),
            split=name,
            cache_bytes=_cache_bytes(prepared),
        )
        for name in ("train", "validation", "test")
    }


def _cache_bytes(prepared: Prepared) -> int:
    stored = prepared.manifest["source"].get("modalities")
    mapped = any(isinstance(array, np.memmap) for array in prepared.arrays.values())
    return MAPPED_CACHE_BYTES if stored is not None and mapped else CACHE_BYTES
