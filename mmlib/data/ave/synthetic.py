"""The data set `synthetic_ave`: generated clips written as AVE's published files, then converted as AVE itself is.

`write_files` is also of use by itself: a folder that any reader of AVE's files can open. Video ids are `SYN00000` and
so on, which is how a conversion tells such a folder from the data set whose format it has.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.ave import conversion, files
from mmlib.data.ave.annotations import Annotations, write_annotations
from mmlib.data.ave.classes import BACKGROUND, CLASSES
from mmlib.data.ave.generator import OPTIONS, Clips, Generator
from mmlib.data.ave.labels import event_mask, one_hot, proportions
from mmlib.data.progress import Progress
from mmlib.errors import OutputsError, UsageError

LAYOUT = 1  # raise when the same options would write other content
VIDEO_ID = conversion.GENERATED_ID + "{:05d}"


def inputs(root: Path | None) -> dict[str, Path]:
    """No files are read."""
    return {}


def missing(root: Path | None) -> None:
    """Never anything."""


def prepare_folder(folder: Path, root: Path | None, options: dict[str, Any], inputs_hash: str) -> Path:
    """Generate the published files beside `folder` and convert them. Raises `ParameterError`, `OutputsError`."""
    conversion.check_storage("synthetic_ave", options["storage"])
    generator = Generator({name: options[name] for name in OPTIONS})
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    try:
        _write_all(scratch, generator, np.dtype(options["storage"]))
        source = {"generator": "mmlib.data.ave.generator", "layout": LAYOUT, **options}
        truth = {"generator": "synthetic_ave", "classes": generator.classes.tolist(), **options}
        return conversion.convert(folder, scratch, "synthetic_ave", options["storage"], source, truth)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_files(folder: str | Path, options: dict[str, Any] | None = None, dtype: Any = np.float64) -> Path:
    """Write a generated folder of published files: names, keys and types of AVE, sizes by `options` (see `OPTIONS`).

    Features are stored as `dtype`, float64 as published. The folder appears whole or not at all, and must not exist.
    Raises `UsageError` (it exists), `ParameterError`, `OutputsError`.
    """
    folder = Path(folder)
    if folder.exists():
        raise UsageError(f"{folder} already exists. Choose another folder, or remove that one first.")
    generator = Generator(OPTIONS | (options or {}))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
        try:
            _write_all(scratch, generator, np.dtype(dtype))
            os.chmod(scratch, 0o755)
            os.rename(scratch, folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise OutputsError(f"cannot write {folder}: {error.strerror or error}. Choose another folder.") from error
    return folder


def _write_all(folder: Path, generator: Generator, dtype: np.dtype) -> None:
    clips, background = generator.clips, generator.background
    videos = np.array([VIDEO_ID.format(number) for number in range(len(clips.label))])
    write_annotations(folder / files.ANNOTATIONS, Annotations(clips.label, videos, clips.onset, clips.offset))
    _write_features(folder, files.FEATURES, generator, clips, dtype, 0)
    _write_features(folder, files.BACKGROUND_FEATURES, generator, background, dtype, 1)
    count = len(CLASSES)
    labels = {
        "labels.h5": one_hot(clips.segments, count).astype(np.float64),
        "mil_labels.h5": one_hot(clips.label, count),
        "prob_label.h5": proportions(clips.segments, count).astype(np.float64),
        "labels_closs.h5": event_mask(clips.segments),
        files.BACKGROUND_LABELS: one_hot(np.full(len(background.label), BACKGROUND), count),
    }
    for name, values in labels.items():
        _write_h5(folder / name, files.KEYS[0], values)
    for split, order in generator.orders().items():
        _write_h5(folder / files.ORDERS[split], files.ORDER_KEYS[0], order.astype(np.int64))


def _write_features(
    folder: Path, names: dict[str, str], generator: Generator, clips: Clips, dtype: np.dtype, stream: int
) -> None:
    import h5py

    rows = len(clips.label)
    audio_sizes = (generator.options["audio_features"],)
    visual_sizes = (generator.options["map"], generator.options["map"], generator.options["visual_features"])
    with h5py.File(folder / names["audio"], "w") as audio, h5py.File(folder / names["visual"], "w") as visual:
        stored = {
            "audio": audio.create_dataset(files.KEYS[0], (rows, clips.audible.shape[1], *audio_sizes), dtype),
            "visual": visual.create_dataset(files.KEYS[0], (rows, clips.visible.shape[1], *visual_sizes), dtype),
        }
        progress = Progress("generated features", rows, "clips")
        for part, features in generator.chunks(clips, stream):
            for modality, values in features.items():
                stored[modality][part] = values
            progress.advance(part.stop - part.start)


def _write_h5(path: Path, key: str, values: np.ndarray) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset(key, data=values)
