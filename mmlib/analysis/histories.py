"""Reading `history.jsonl`, one JSON object per finished epoch, and the curves in it. Torch is not loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmlib.analysis.kept import is_kept, kept_entries
from mmlib.files import parse_json

Entry = dict[str, Any]


def read_entries(folder: str | Path) -> list[Entry]:
    """The epochs of the run in `folder`, as `FinishedRun.history` gives them; empty where there are none.

    A last line cut short (a run being written, or killed) is left out; other damage too.
    """
    if is_kept(folder):
        return kept_entries(folder)
    try:
        lines = (Path(folder) / "history.jsonl").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            entry = parse_json(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found


def of_stage(entries: Sequence[Entry], stage: str | None = None) -> list[Entry]:
    """The epochs of one stage; of the first where none is named. Histories made before there were stages have one."""
    if not entries:
        return []
    wanted = entries[0].get("stage") if stage is None else stage
    return [entry for entry in entries if entry.get("stage") == wanted]


def curve(entries: Sequence[Entry], quantity: str, stage: str | None = None) -> list[float | None]:
    """A quantity (`test/top1`) at each epoch of a stage, None where it was not defined."""
    values = [entry.get(quantity) for entry in of_stage(entries, stage)]
    return [_number(value) for value in values]


def _number(value: Any) -> float | None:
    """A stored value as a number; None for anything else, and for a whole number too long for one."""
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def curves_by_seed(
    folders: Mapping[int, str | Path], quantity: str, stage: str | None = None
) -> dict[int, list[float | None]]:
    """{seed: the curve} of runs by seed, without those that have no such epochs.

    A modality fine-tuned in a second stage: `stage="finetune"`; trained from scratch: the first stage, None.
    """
    found = {seed: curve(read_entries(folder), quantity, stage) for seed, folder in sorted(folders.items())}
    return {seed: values for seed, values in found.items() if any(value is not None for value in values)}
