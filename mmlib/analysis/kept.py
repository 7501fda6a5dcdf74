"""What figures need beyond records, kept small beside a committed reference result, and read from there again.

`outputs/reference/<plan>-<profile>.npz` holds the arrays of all runs of `<plan>-<profile>.json`, each under
`<cell>/<array>`, and their histories under `<cell>/history/<quantity>`. Such a cell's "folder" is
`<plan>-<profile>.npz/<cell>`, which `mmlib.analysis.arrays` and `mmlib.analysis.histories` read as they read a run's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

SUFFIX = ".npz"
HISTORY = "history/"
WORDS = ("stage",)
"""Quantities of a history that are texts."""


def is_kept(folder: str | Path) -> bool:
    """Whether a cell's folder is one inside such a file."""
    return Path(folder).parent.suffix == SUFFIX


def kept_arrays(folder: str | Path) -> dict[str, np.ndarray]:
    """{name: array} of a kept cell, histories included; empty where there are none, or the file is damaged, which is
    printed.
    """
    path, cell = Path(folder).parent, Path(folder).name
    try:
        stat = path.stat()
        return _all_of(path, stat.st_mtime_ns, stat.st_size).get(cell, {})
    except OSError:
        return {}


@lru_cache(maxsize=4)
def _all_of(path: Path, modified: int, size: int) -> dict[str, dict[str, np.ndarray]]:
    """{cell: {name: array}} of one file, read once."""
    from mmlib.analysis.arrays import DAMAGE

    found: dict[str, dict[str, np.ndarray]] = {}
    try:
        with np.load(path, allow_pickle=False) as stored:
            for name in stored:
                cell, _, rest = name.partition("/")
                found.setdefault(cell, {})[rest] = stored[name]
    except DAMAGE as error:
        print(f"{path} is damaged ({str(error)[:80] or type(error).__name__}); left out.")
        return {}
    return found


def kept_entries(folder: str | Path) -> list[dict[str, Any]]:
    """The epochs of a kept cell, as its `history.jsonl` had them, with the quantities that were kept."""
    columns = {
        name.removeprefix(HISTORY): values for name, values in kept_arrays(folder).items() if name.startswith(HISTORY)
    }
    count = len(columns.get("epoch", ()))
    entries: list[dict[str, Any]] = [{} for _ in range(count)]
    for name, values in columns.items():
        for entry, value in zip(entries, values.tolist(), strict=False):
            if name in WORDS:
                entry |= {name: value} if value else {}
            elif value == value:  # NaN stands where an epoch had none
                entry[name] = int(value) if name == "epoch" else float(value)
    return entries


def history_columns(entries: Sequence[Mapping[str, Any]], wanted: Iterable[str]) -> dict[str, np.ndarray]:
    """What `kept_entries` reads again: the epochs, the stage where there are several, and the `wanted` quantities."""
    found: dict[str, np.ndarray] = {}
    if not entries:
        return found
    found["epoch"] = np.array([entry.get("epoch", 0) for entry in entries], dtype=np.int32)
    stages = [str(entry.get("stage") or "") for entry in entries]
    if any(stages):
        found["stage"] = np.array(stages)
    for name in dict.fromkeys(wanted):
        values = [entry.get(name) for entry in entries]
        numbers = [float(v) if isinstance(v, int | float) and not isinstance(v, bool) else np.nan for v in values]
        if name not in found and not np.isnan(numbers).all():
            found[name] = np.array(numbers, dtype=np.float32)
    return {HISTORY + name: values for name, values in found.items()}


def gather(
    folders: Mapping[str, Path | None],
    keep: Callable[[Path], Mapping[str, np.ndarray]] | None,
    histories: Mapping[str, Iterable[str]],
) -> dict[str, np.ndarray]:
    """{"<cell>/<name>": array} of these cells: what an analysis keeps of each, and the named quantities of histories.

    Args:
        folders: {cell: its folder}.
        keep: arrays of one folder; None where an analysis needs none.
        histories: {cell: quantities}, of the cells whose history is kept.
    """
    from mmlib.analysis.histories import read_entries

    found: dict[str, np.ndarray] = {}
    for cell, folder in folders.items():
        if folder is None:
            continue
        arrays = dict(keep(folder)) if keep is not None else {}
        if cell in histories:
            arrays |= history_columns(read_entries(folder), histories[cell])
        found |= {f"{cell}/{name}": values for name, values in arrays.items()}
    return found
