"""From an index and array files to the prepared format, a piece of each file at a time; whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.arrays.index import read_index
from mmlib.data.arrays.modalities import Modality, named_files, open_modalities
from mmlib.data.features.checks import check_finite, stored
from mmlib.data.features.resumable import ResumableArray
from mmlib.data.prepared import PreparedWriter, temporary_prefix
from mmlib.data.progress import Progress
from mmlib.errors import DataError

LAYOUT = 1  # raise when the same files and options would give other content
PIECE_BYTES = 16 << 20  # read at a time


def prepare_raw(folder: Path, source: Path, options: Mapping[str, Any], inputs_hash: str) -> Path:
    """Check everything that can be known beforehand, then convert. Raises `DataError`, `ParameterError`."""
    files = named_files(source, options)
    index = read_index(source / options["index"], list(files), options["target"], options["bins"])
    modalities = open_modalities(source, options, len(index))
    scratch = Path(tempfile.mkdtemp(prefix=temporary_prefix(folder), suffix=".tmp", dir=folder.parent))
    try:
        paths = {modality.name: _convert(scratch, modality) for modality in modalities}
        with PreparedWriter(folder, dataset="arrays", classes=index.classes) as writer:
            for name, path in paths.items():
                writer.adopt(name, path)
            writer.finish(
                index=index.columns,
                source={
                    "layout": LAYOUT,
                    "inputs_sha256": inputs_hash,
                    "modalities": {modality.name: modality.kind for modality in modalities},
                    "target": index.target,
                    "options": dict(options),
                    "columns_left_out": index.left_out,
                },
            )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _convert(scratch: Path, modality: Modality) -> Path:
    """The modality's array in the form in which it is stored."""
    source, name = modality.source, modality.name
    array = ResumableArray(scratch, name, (len(source), *modality.sizes), modality.dtype)
    progress = Progress(name, len(source), "rows")
    step = max(1, PIECE_BYTES // max(1, int(np.prod(source.shape[1:])) * source.dtype.itemsize))
    row = 0
    for values in source.blocks(step=step):
        if modality.kind != "pictures":
            check_finite(source, values, np.arange(row, row + len(values)))
        if modality.kind == "tokens":
            _check_ids(source.path, values, row + source.first_row)
        if modality.kind == "features":
            values = stored(source, values, modality.dtype)
        array.append(modality.shaped(values))
        row += len(values)
        progress.advance(len(values))
    return array.path


def _check_ids(path: Path, values: np.ndarray, row: int) -> None:
    wrong = (values < 0) | (values > np.iinfo(np.int32).max) | (values != np.rint(values))
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0])
        raise DataError(
            f"{path}: row {row + place[0]} holds {values[place]}; token ids are whole numbers from 0, the padding."
        )
