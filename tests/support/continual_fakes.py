"""Made-up records of the plan `continual` with known effects, and the arrays that runs of it leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from claims_fakes import PROJECT, plan_results

from mmlib.metrics.continual import continual_metrics
from mmlib.workbook.claims import Claims, load_claims
from mmlib.workbook.plan import Plan, load_plan
from mmlib.workbook.results import Results

SIZES = (20, 30, 50)
"""Test clips of the tasks: unequal, so that the means over clips and over tasks differ."""
LOSSES, WHOLE = 0.03, 0.05
"""What the unimodal losses alone and all of IEMF add to every accuracy on an old task."""
KEPT = {"fine_tuning": 0.1, "lwf": 0.4, "joint": 0.8}


def continual_plan() -> Plan:
    return load_plan(PROJECT / "notebooks" / "plans" / "continual.yaml")


def continual_claims() -> Claims:
    return load_claims(PROJECT / "notebooks" / "claims" / "iemf.yaml")


def matrix(row: str, seed: int) -> np.ndarray:
    """R (3, 3): the newest task at .9, an old one at what its method keeps."""
    kept = KEPT.get(row.partition("-")[0], 0.7) + LOSSES * row.endswith("-losses") + WHOLE * ("-iemf" in row)
    own = np.random.default_rng([seed, sum(map(ord, row))]).normal(0, 0.001)
    found = np.full((3, 3), np.nan)
    for step in range(3):
        found[step, :step] = kept + 0.01 * np.sin(7 * seed + 1) + own
        found[step, step] = 0.9
    return found


def continual_results(
    folder: Path | None = None, profile="grid_words_incremental", seeds=range(5), rows=None, classes=51
) -> Results:
    """The rows of a profile (or `rows` of them) with `seeds` finished; with a folder also their arrays."""

    def metrics_of(row: str, seed: int) -> dict[str, float | None]:
        accuracies = matrix(row, seed)
        found = continual_metrics(accuracies, SIZES, accuracies)
        return {f"{protocol}/{name}": value for protocol in ("clean", "last") for name, value in found.items()}

    def leave(cell: Path, row: str, seed: int) -> None:
        np.savez(cell / "arrays.npz", clean_accuracy_matrix=matrix(row, seed), task_clips=np.array(SIZES))

    plan = continual_plan()
    shown = rows if rows is not None else plan.profile(profile).only or None
    return plan_results(plan, profile, seeds, metrics_of, shown, folder=folder, leave=leave, classes=classes)
