"""Published benchmarks, read from a prepared folder: find it, check its layout, compare it with published counts.

Their media cannot be shipped, and turning raw media into the prepared format is a step of its own; here begins what
follows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.media.presets import PRESETS as MEDIA_PRESETS
from mmlib.data.media.presets import MediaPreset
from mmlib.data.prepared import Prepared
from mmlib.data.prepared_check import open_array, read_manifest
from mmlib.errors import DataError

# Array name -> dtypes it may have and its shape after the row axis (None: any size).
Layout = Mapping[str, tuple[tuple[str, ...], tuple[int | None, ...]]]


def published_folder(name: str, root: Path) -> Path:
    """Where a published dataset's prepared folder is: `root` itself or `root/<name>`."""
    return root if (root / "manifest.json").is_file() else root / name


def missing_published(name: str, root: Path, layout: Layout, sample_rate: int | None) -> str | None:
    """Why `root` does not hold the prepared dataset (damage raises `DataError`), or None. Reads headers only.

    A folder that says by which preset of media it was made has that preset's layout, another one `layout`.
    `sample_rate`: Hz of its sound, None where it has none.
    """
    folder = published_folder(name, root)
    if not folder.is_dir():
        return f"{root / 'manifest.json'} and {folder} are both missing: the prepared {name} data."
    manifest = read_manifest(folder)
    if manifest["dataset"] != name:
        return f"{folder / 'manifest.json'} describes {manifest['dataset']!r}, not {name!r}."
    preset = MEDIA_PRESETS.get(str(manifest["source"].get("preset")))
    if preset is not None:
        layout, sample_rate = preset_layout(preset)
    return _differs(name, folder, manifest, layout, sample_rate)


def missing_media(name: str, root: Path) -> str | None:
    """`missing_published` for a dataset that exists only as prepared from its media, by a preset."""
    reason = missing_published(name, root, {}, 0)
    if reason is None or "sample_rate" not in reason:
        return reason
    return f"{published_folder(name, root) / 'manifest.json'} names no preset of media: {name} was not prepared here."


def preset_layout(preset: MediaPreset) -> tuple[Layout, int]:
    """Arrays and sample rate (Hz) of a folder made by `preset`; the size of the pictures is free."""
    sound, frames = preset.request.sound, preset.request.frames
    waveform = (("int16", "float32"), (sound.samples,))
    return {"waveform": waveform, "frames": (("uint8",), (frames.count, None, None, 3))}, sound.rate


def _differs(name: str, folder: Path, manifest: dict[str, Any], layout: Layout, sample_rate: int | None) -> str | None:
    if manifest["source"].get("sample_rate") != sample_rate:
        found = manifest["source"].get("sample_rate")
        return f"{folder / 'manifest.json'}: source.sample_rate is {found}, {name} is prepared at {sample_rate} Hz."
    for array, (dtypes, shape) in layout.items():
        if array not in manifest["arrays"]:
            return f"{folder} has no array {array!r}, {_described(dtypes, shape)}."
        found = open_array(folder, array, manifest["arrays"][array], manifest["index"]["rows"])
        if not _fits(found, dtypes, shape):
            return f"{folder / manifest['arrays'][array]['file']} is {found.dtype} {found.shape}, expected " + (
                f"{_described(dtypes, shape)}."
            )
    return None


def _fits(array: np.ndarray, dtypes: tuple[str, ...], shape: tuple[int | None, ...]) -> bool:
    sizes = array.shape[1:]
    same = len(sizes) == len(shape) and all(want in (None, have) for want, have in zip(shape, sizes, strict=True))
    return same and array.dtype.name in dtypes


def _described(dtypes: tuple[str, ...], shape: tuple[int | None, ...]) -> str:
    return f"{' or '.join(dtypes)} (rows, {', '.join('any' if size is None else str(size) for size in shape)})"


def of_train(prepared: Prepared) -> np.ndarray:
    """The split of every row `(N,)` as published: a validation split is carved from train."""
    return np.where(prepared.index["split"] == "validation", "train", prepared.index["split"])


def compare_totals(prepared: Prepared, published: Mapping[str, int]) -> list[str]:
    """A sentence with the clips of each split here and published ({split: clips})."""
    split = of_train(prepared)
    counts = [f"{np.sum(split == name):,} {name} clips of {count:,} published" for name, count in published.items()]
    return [f"{prepared.dataset}: {', '.join(counts)}."]


def compare_counts(prepared: Prepared, published: Mapping[str, Mapping[str, int]]) -> list[str]:
    """How class counts by split differ from `published` ({split: {class: count}}); one sentence per difference.

    A validation split counts as train: it is carved from it.
    """
    split = of_train(prepared)
    notes = []
    for name, counts in published.items():
        for label, expected in counts.items():
            if label not in prepared.classes:
                raise DataError(
                    f"{prepared.folder}: class {label!r} is not among {prepared.classes}. Prepare it again."
                )
            found = int(np.sum((split == name) & (prepared.labels == prepared.classes.index(label))))
            if found != expected:
                notes.append(f"{prepared.dataset}: {found} {name} samples of {label}, published {expected}.")
    return notes
