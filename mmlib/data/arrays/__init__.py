"""Your own arrays: an index and one array file for each modality become a prepared folder. Torch-free.

    SOURCE/index.csv     a header, then a line for every sample: id, split, label; group where samples belong together
    SOURCE/text.npy      modality `text`: row i belongs to line i of the index; .npy, .npz (never unpickled) or .csv
    SOURCE/audio.npz     modality `audio`, and so on

Splits are train, validation (or val) and test. A column `<modality>_informative` (true or false) is kept as the truth
of generated data. How a modality is shown follows from its array:

- floats (rows, n), (rows, steps, n), (rows, channels, height, width), (rows, channels, frames, height, width): a
  vector, a sequence, a picture (a spectrogram where the modality is called audio), a film (optical flow where it is
  called flow). Stored as float32, or as float16 where they are;
- whole numbers of 8 bits, (rows, height, width) or more dimensions: pictures, stored as they are (channels may come
  last);
- other whole numbers are token ids, 0 for padding, where option `tokens` names the modality, and refused otherwise.

`target=value` takes the labels for real numbers. They are the folder's target; its classes are `bins` ranges with
equally many training samples, which is what classification learns. Memory does not depend on the number of samples but
for the index.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.arrays.conversion import prepare_raw
from mmlib.data.arrays.modalities import named_files
from mmlib.data.prepared import SPLITS, Prepared
from mmlib.data.published import missing_published
from mmlib.errors import DataError

__all__ = ["missing", "notes", "prepare_raw", "raw_inputs"]


def missing(root: Path) -> str | None:
    """Why `root` holds no folder prepared from a person's own arrays, or None."""
    return missing_published("arrays", root, {}, None)


def notes(prepared: Prepared) -> list[str]:
    """Groups that lie in several splits, and classes that a split lacks."""
    lines = []
    group, split, label = (prepared.index[name] for name in ("group", "split", "label"))
    names, number = np.unique(group, return_inverse=True)
    inside = np.zeros((len(names), len(SPLITS)), bool)
    inside[number, np.searchsorted(np.sort(SPLITS), split)] = True
    shared = names[inside.sum(axis=1) > 1]
    if len(shared):
        lines.append(f"{len(shared):,} groups lie in several splits, such as {shared[0]}: test is not held out.")
    for name in prepared.manifest["splits"]:
        absent = np.setdiff1d(np.arange(len(prepared.classes)), label[split == name])
        few = ", ".join(prepared.classes[number] for number in absent[:5])
        lines += [f"{name} has no sample of {len(absent)} classes ({few})."] if len(absent) else []
    return lines


def raw_inputs(source: Path, options: Mapping[str, Any]) -> dict[str, Path]:
    """The index and the array files, by name. Raises `DataError` for one that is not there."""
    index = source / options["index"]
    if not index.is_file():
        raise DataError(
            f"{index} is missing: the samples, a line each, with columns id, split, label (and group). Write it, or "
            "name the folder that holds it with --source, the file with --set index=NAME."
        )
    return {"index": index} | {name: path for name, (path, _) in named_files(source, options).items()}
