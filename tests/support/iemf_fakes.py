"""Made-up records of the plan `iemf` with known effects, and what runs of it leave in their folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from claims_fakes import PROJECT, fake_notebook, plan_results

from mmlib.analysis.human_votes import Votes
from mmlib.workbook.claims import Claims, load_claims
from mmlib.workbook.plan import Plan, load_plan
from mmlib.workbook.results import Results

JOINT, SCALING, NOISE, OGM_GE = 0.03, 0.01, -0.004, 0.05
PSI = {"psi-0.1": -0.03, "psi-0.5": -0.02, "psi-2": -0.01, "psi-3": -0.02, "psi-5": -0.06}
EPOCHS = 6


def iemf_plan() -> Plan:
    return load_plan(PROJECT / "notebooks" / "plans" / "iemf.yaml")


def iemf_claims() -> Claims:
    return load_claims(PROJECT / "notebooks" / "claims" / "iemf.yaml")


def accuracy(row: str) -> float:
    """Top-1 (a fraction) that a row is made to have, without noise."""
    value = 0.6 + (0.01 if "mslr" in row else OGM_GE if "ogm" in row or "psi" in row or "branch" in row else 0.0)
    value -= 0.1 if row.startswith("snn") else 0.0
    joint = "joint" in row or "iemf" in row or "psi" in row
    scaling = "scaling" in row or "iemf" in row or "psi" in row
    noise = "noise" in row or "iemf" in row or "psi" in row
    return value + JOINT * joint + SCALING * scaling + NOISE * noise + PSI.get(row, 0.0)


def top1_of(row: str, seed: int) -> float:
    """With noise: what seeds share cancels in paired differences; what is a row's own is small."""
    shared = 0.02 * np.sin(7 * seed + 1)
    own = np.random.default_rng([seed, sum(map(ord, row))]).normal(0, 0.001)
    return float(accuracy(row) + shared + own)


def iemf_results(
    folder: Path | None = None, *, profile: str = "grid_words_audio", seeds=range(5), rows=None
) -> Results:
    """All rows of the plan (or `rows`) with `seeds` finished; with a folder also histories and arrays."""

    def metrics_of(row: str, seed: int) -> dict[str, float]:
        return {"clean/top1": top1_of(row, seed), "paper/top1": top1_of(row, seed) + 0.005}

    return plan_results(iemf_plan(), profile, seeds, metrics_of, rows, folder=folder, leave=_leave)


def _leave(folder: Path, row: str, seed: int) -> None:
    top1 = top1_of(row, seed)
    stages = ["train"] if "branch" not in row or "scratch" in row else ["train", "finetune"]
    entries = []
    for stage in stages:
        for epoch in range(EPOCHS):
            value = top1 * (1 - 0.5 ** (epoch + 1 + seed % 2))
            entry = {"epoch": len(entries), "stage": stage, "test/top1": value, "validation/top1": value}
            entry |= {"train/loss": 2 * 0.7**epoch, "samples_per_s": 100.0 if "iemf" in row else 104.0}
            if "iemf" in row or "psi" in row or "scaling" in row:
                entry |= {"k_fusion": 1.3 - 0.1 * epoch + 0.01 * seed, "iemf_ratio": 0.6 + 0.1 * epoch}
            entries.append(entry)
    (folder / "history.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    if row.startswith("snn"):
        arrays = {}
        for modality in ("audio", "visual"):
            arrays[f"neurons_{modality}"] = np.array(["0", "1", "shortcut", "2"])
            arrays[f"clean_firing_rate_{modality}"] = np.array([0.3, 0.2, 0.15, 0.1])
            arrays[f"clean_macs_{modality}"] = np.array([1e6, 5e6, 4e6])
            arrays[f"clean_operations_{modality}"] = np.array([1e6, 3e6, 1e6])
        np.savez(folder / "arrays.npz", **arrays)


def leave_landscapes(results: Results, seed: int = 0, size: int = 21, samples: int = 64) -> None:
    """Bowls of two widths in the folders of the two runs that are compared."""
    places = np.linspace(-1, 1, size)
    for row, width in (("none", 3.0), ("none-iemf", 2.0)):
        loss = 0.5 + width * (places[:, None] ** 2 + 0.5 * places[None, :] ** 2)
        folder = results.folders[results.rows[row].records[seed].cell_id]
        np.savez(folder / "landscape-abc.npz", loss=loss, places=places, samples=samples, seed=0, norms="trained")


def _votes(emotion: str, voice: float, face: float, both: float) -> Votes:
    ratio = (voice + face) / 2 / both
    return Votes(emotion, voice, face, both, ratio, float(1 + np.tanh(1 - ratio)), 1000)


VOTES = [
    _votes("all", 0.396846, 0.572240, 0.629003),
    _votes("ANG", 0.55, 0.60, 0.68),
    _votes("HAP", 0.25, 0.93, 0.86),
    _votes("NEU", 0.60, 0.60, 0.64),
]


def iemf_project(folder: Path) -> Path:
    """A project with the real plan and claims of IEMF and stub notebooks."""
    notebooks = folder / "notebooks"
    for name in ("plans", "claims"):
        (notebooks / name).mkdir(parents=True)
        (notebooks / name / "iemf.yaml").write_text(
            (PROJECT / "notebooks" / name / "iemf.yaml").read_text("utf-8"), "utf-8"
        )
    for name, experiment in (("classification", "classification"), ("table_iemf", "table"), ("figure_iemf", "figure")):
        notebook = fake_notebook(name)
        notebook["metadata"]["mmlib"] = {"experiment": f"mmlib.experiments.{experiment}"}
        (notebooks / f"{name}.ipynb").write_text(json.dumps(notebook))
    return folder
