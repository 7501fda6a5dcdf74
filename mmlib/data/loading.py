"""From parameters to the datasets of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data import registry, splits
from mmlib.data.assembly import build_views
from mmlib.data.dataset import CACHE_BYTES, MultimodalDataset
from mmlib.data.prepared import Prepared, open_prepared
from mmlib.data.views import View
from mmlib.errors import DataError, ParameterError

# Kept in memory as float32 per split of features that stay on disk: they are shown as they are stored, so a batch read
# again costs little, and memory is what such sets are short of.
MAPPED_CACHE_BYTES = 256 << 20


def load_data(parameters: Any) -> dict[str, MultimodalDataset]:
    """Datasets `train`, `validation`, `test` for classification parameters; prepares the data where needed.

    A dataset without a validation split gives `parameters.validation_fraction` of its train rows to one, stratified by
    class and drawn with `parameters.data_seed`. Where `parameters.modalities` names one modality, that one is shown
    alone. Targets are the labels, also where the data set has real values: then the class each falls in.
    Raises `DataError` (missing, damaged, empty) and `ParameterError`.
    """
    folder = registry.prepare_for(parameters)
    prepared = open_prepared(Path(folder))
    rows = splits.split_rows(prepared, parameters)
    for name in ("train", "test"):
        if not len(rows[name]):
            raise DataError(f"{prepared.folder} has no {name} samples. Prepare it again with a {name} split.")
    prepared = splits.in_memory(prepared)
    modalities = getattr(parameters, "modalities", "all")
    datasets = {}
    for name in ("train", "validation", "test"):
        views = shown(build_views(prepared, parameters, name == "train"), modalities, prepared.dataset)
        kept = _cache_bytes(prepared)
        datasets[name] = MultimodalDataset(
            prepared, rows[name], views, split=name, targets=prepared.labels, cache_bytes=kept
        )
    return datasets


def shown(views: Mapping[str, View], modalities: str, dataset: str) -> dict[str, View]:
    """All views, or the one of the modality named. Raises `ParameterError` for a name that the data do not have."""
    if modalities == "all":
        return dict(views)
    if modalities not in views:
        raise ParameterError(
            f"modalities = {modalities!r}: {dataset} has {', '.join(views)}. Choose one of them, or 'all'."
        )
    return {modalities: views[modalities]}


def _cache_bytes(prepared: Prepared) -> int:
    stored = prepared.manifest["source"].get("modalities")
    mapped = any(isinstance(array, np.memmap) for array in prepared.arrays.values())
    return MAPPED_CACHE_BYTES if stored is not None and mapped else CACHE_BYTES
