"""Made-up records of the plan `continual` with known effects, and the arrays that runs of it leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from claims_fakes import PROJECT, fake_record

from mmlib.metrics.continual import continual_metrics
from mmlib.workbook.claims import Claims, load_claims
from mmlib.workbook.plan import Plan, load_plan
from mmlib.workbook.results import Results, RowResult

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
    plan = continual_plan()
    chosen = plan.profile(profile)
    results = Results(plan.name, profile, plan.title, chosen.title, chosen.kind, {}, "runs")
    for row in plan.rows:
        if (rows is not None and row.id not in rows) or (chosen.only and row.id not in chosen.only):
            continue
        records = {}
        for seed in seeds:
            accuracies = matrix(row.id, seed)
            metrics = {
                f"{protocol}/{name}": value
                for protocol in ("clean", "last")
                for name, value in continual_metrics(accuracies, SIZES, accuracies).items()
            }
            name = f"{profile}-{row.id}-s{seed}"
            parameters = {"dataset": "made-up", **row.parameters}
            records[seed] = fake_record(
                row.id, seed, cell_id=name, metrics=metrics, parameters=parameters, plan="continual", classes=classes
            )
            if folder is not None:
                results.folders[name] = folder / name
                (folder / name).mkdir(parents=True, exist_ok=True)
                arrays = {"clean_accuracy_matrix": accuracies, "task_clips": np.array(SIZES)}
                np.savez(folder / name / "arrays.npz", **arrays)
        results.rows[row.id] = RowResult(row.id, row.label, row.block, list(seeds), records)
    return results
