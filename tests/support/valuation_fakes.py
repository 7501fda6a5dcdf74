"""Made-up records of the plan `valuation` with known effects, and the arrays that runs of it leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from claims_fakes import PROJECT, plan_results

from mmlib.valuation.contributions import contributions
from mmlib.workbook.claims import Claims, load_claims
from mmlib.workbook.plan import Plan, load_plan
from mmlib.workbook.results import Results, RowResult

GAINS = {"joint": 0.0, "joint_longer": 0.005, "ogm_ge": 0.01, "modality": 0.02, "sample": 0.03}
"""What a row adds to the accuracy; to that of the visual side alone it adds four times as much."""
MODALITIES = ("audio", "visual")


def valuation_plan() -> Plan:
    return load_plan(PROJECT / "notebooks" / "plans" / "valuation.yaml")


def valuation_claims() -> Claims:
    return load_claims(PROJECT / "notebooks" / "claims" / "valuation.yaml")


def fake_arrays(row: str, seed: int, samples: int = 40, epochs: int = 4) -> dict[str, np.ndarray]:
    """Contributions of three valued epochs, and lists that are longer from the third epoch on where samples recur."""
    rng = np.random.default_rng([seed, len(row)])
    found = [contributions(rng.random((samples, 3)) < 0.4 + 0.15 * epoch, MODALITIES) for epoch in range(epochs)]
    trained = [samples, samples, *[samples * (2 if row in ("modality", "sample") else 1)] * (epochs - 2)]
    return {
        "epoch": np.repeat(np.arange(epochs), 2),
        "samples": np.repeat(np.array(trained) / 2, 2).astype(np.float32),
        "valuation_epochs": np.arange(epochs),
        "valuation_contributions": np.stack([one.units for one in found]).astype(np.int8),
        "valuation_correct": np.stack([one.correct for one in found]),
        "valuation_modalities": np.array(MODALITIES),
    }


def valuation_results(folder: Path | None = None, profile="embedded", seeds=range(5), rows=None, truth=True) -> Results:
    """The rows of a profile (or `rows` of them) with `seeds` finished; with a folder also their arrays."""

    def metrics_of(row: str, seed: int) -> dict[str, float]:
        own = 0.01 * np.sin(7 * seed + 1) + 0.001 * np.cos(5 * seed + len(row))
        values = {"top1": 0.7 + GAINS[row] + own, "top1_only_audio": 0.6 + own}
        values |= {"top1_only_visual": 0.3 + 4 * GAINS[row] + own}
        values |= {"contribution_auc": 0.8 + own} if truth else {}
        return {f"{protocol}/{key}": value for protocol in ("clean", "paper", "last") for key, value in values.items()}

    def leave(cell: Path, row: str, seed: int) -> None:
        np.savez(cell / "arrays.npz", **fake_arrays(row, seed))

    plan = valuation_plan()
    wanted = plan.profile(profile).only or [row.id for row in plan.rows]
    ran = wanted if rows is None else rows
    results = plan_results(plan, profile, seeds, metrics_of, ran, folder=folder, leave=leave, classes=31)
    for row in plan.rows:
        if row.id in wanted:
            results.rows.setdefault(row.id, RowResult(row.id, row.label, row.block, list(seeds)))
    return results
