"""The finished runs that can be looked into: classification runs that left their weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmlib.errors import ParameterError
from mmlib.experiments.classification.parameters import Parameters
from mmlib.experiments.classification.saved import WEIGHTS
from mmlib.metrics.family import metric
from mmlib.record import RESULT_FILE, Result, read_cell_file, read_result

SMALL = {
    "fusion": "sum",
    "simam2": True,
    "zeta": "learned",
    "modulation": "decoupling_free",
    "synthetic_samples": 400,
    "epochs": 4,
    "modulation_end": 1,
    "feature_channels": 16,
}
"""What the small run for trying the explorer trains: seconds on a CPU."""


BY_HAND = "by hand"
"""Stands for the plan and row of a run that no plan asked for."""


@dataclass(frozen=True)
class Choice:
    """One run: its folder, parameters and result."""

    folder: Path
    parameters: Parameters
    result: Result
    plan: str = BY_HAND
    """The plan that ran it."""
    row: str = BY_HAND

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def title(self) -> str:
        """The run in words: data, fusion, ζ, modulation, seed, and its accuracy where it has one."""
        given = self.parameters
        method = f"SimAM², ζ {given.zeta}" if given.simam2 else "no SimAM²"
        top1 = self.result.metrics.get("clean/top1") or self.result.metrics.get("paper/top1")
        shown = metric("top1")
        words = [given.dataset, given.fusion, method, f"modulation {given.modulation}", f"seed {given.seed}"]
        return ", ".join([*words, *([f"top-1 {shown.text(shown.scale * top1)}"] if top1 is not None else [])])


def finished_runs(outputs: Path) -> list[Choice]:
    """Every finished classification run under `outputs`; those with a learned ζ first, then by folder name.

    Runs of other experiments, damaged results, runs without weights and those that end with one modality alone are left
    out.
    """
    found = []
    for path in sorted(outputs.glob(f"*/[!.]*/{RESULT_FILE}")):
        result, _ = read_result(path.parent)
        if result is None or not (path.parent / WEIGHTS).is_file():
            continue
        try:
            parameters = Parameters.of_record(result.parameters)
        except ParameterError:  # another experiment's, or written by another version of this one
            continue
        if parameters.modalities == "all" and not parameters.finetune_epochs:
            cell, _ = read_cell_file(path.parent)
            asked = (cell.plan or BY_HAND, cell.row or BY_HAND) if cell is not None else ()
            found.append(Choice(path.parent, parameters, result, *asked))
    return sorted(found, key=lambda choice: (choice.parameters.zeta != "learned", choice.name))


def train_small_run(outputs: Path) -> Path:
    """Train a run of seconds on generated data, to have something to look at; returns its folder."""
    from mmlib.experiments.classification import run

    folder = outputs / "interactive" / "explorer-small-run"
    run(Parameters.resolve({**SMALL, "data_store": str(outputs / "data"), "output": str(folder)}))
    return folder
