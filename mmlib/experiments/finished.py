"""A finished run in a notebook: its result, with history, arrays and tables at hand."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import PrivateAttr

from mmlib.record import Result

if TYPE_CHECKING:
    from pandas import DataFrame


class FinishedRun(Result):
    """`Result` as it was written, plus what lies beside it in `folder`."""

    _folder: Path = PrivateAttr()

    @classmethod
    def at(cls, folder: Path, result: Result) -> FinishedRun:
        run = cls(**result.model_dump())
        run._folder = folder
        return run

    @property
    def folder(self) -> Path:
        """Where `result.json`, `history.jsonl`, `arrays.npz` and `model.safetensors` are."""
        return self._folder

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """One entry per epoch."""
        return [json.loads(line) for line in (self._folder / "history.jsonl").read_text("utf-8").splitlines()]

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """Values of every step and arrays of the selected epochs, from `arrays.npz`."""
        with np.load(self._folder / "arrays.npz", allow_pickle=False) as stored:
            return dict(stored)

    def table(self) -> DataFrame:
        """One row per protocol: the epoch it chose (counted from 1) and its metrics, each in the unit and with one
        decimal more than the registry shows it in."""
        import pandas

        from mmlib.metrics.family import metric

        rows = {}
        for key, value in self.metrics.items():
            protocol, name = key.split("/")
            known = metric(name)
            if protocol not in rows:
                chosen = self.selection[protocol].epoch
                rows[protocol] = {"epoch": None if chosen is None else chosen + 1}
            rows[protocol][name] = None if value is None else round(value * known.scale, known.unit.digits + 1)
        return pandas.DataFrame.from_dict(rows, orient="index").rename_axis("protocol")

    def provenance(self) -> DataFrame:
        """Where the numbers come from: rules, seed, splits, cost, versions, and what the runner knows of this cell."""
        import pandas

        from mmlib.record import read_cell_file

        facts: dict[str, Any] = {f"rule of {name}": chosen.rule for name, chosen in self.selection.items()}
        facts |= {"seed": self.seed, "samples": self.splits, "classes present": self.coverage}
        facts |= {"parameters": f"{self.parameter_count:,}", "epochs": self.epochs_run, "wall time": f"{self.wall_s} s"}
        facts |= {"peak memory": f"{self.peak_memory_mb} MiB", "device": self.device, "versions": self.versions}
        facts |= {"notes": "; ".join(self.notes) or "none", "folder": self._folder.name}
        cell, _ = read_cell_file(self._folder)
        if cell is not None:
            facts |= {"run": cell.run_id, "sources": cell.hashes.library[:12], "data": (cell.hashes.data or "")[:12]}
        text = {name: _plain(value) for name, value in facts.items()}
        return pandas.DataFrame.from_dict(text, orient="index", columns=["value"])


def _plain(value: Any) -> str:
    return ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else str(value)
