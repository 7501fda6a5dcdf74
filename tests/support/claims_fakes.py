"""Made-up plans, cells and records for the tests of claims, verdicts, tables, figures and the report."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from mmlib.record import Record
from mmlib.workbook.plan import Plan
from mmlib.workbook.results import Results, RowResult

PROJECT = Path(__file__).resolve().parents[2]
CLAIMS = PROJECT / "notebooks" / "claims" / "simam2.yaml"
PLAN = PROJECT / "notebooks" / "plans" / "table1.yaml"
GAIN = {"simam2": 0.012, "ogm_ge": 0.05, "decoupling_free": 0.055, "learned": 0.004}
FUSION = {"concat": 0.005, "sum": 0.0, "film": -0.01}


def fake_record(
    row: str = "baseline-sum", seed: int = 0, *, cell_id: str = "", data: str = "d" * 64, status: str = "done",
    metrics: dict | None = None, classes: int = 6, parameters: dict | None = None, **extra,
) -> Record:  # fmt: skip
    """A record as the runner writes it; accuracies follow the row's name plus noise of the seed."""
    done = status == "done"
    result = {
        "run_id": f"run-{row}-{seed}", "parameters": {"dataset": "synthetic", "seed": seed} | (parameters or {}),
        "metrics": fake_metrics(row, seed) if done and metrics is None else (metrics or {}), "seed": seed,
        "selection": {"paper": {"rule": "best top1 on test", "epoch": 5}, "clean": {"rule": "validation", "epoch": 4}},
        "splits": {"train": 400, "validation": 50, "test": 150}, "coverage": {"train": classes, "test": classes},
        "parameter_count": 12345, "epochs_run": 8, "wall_s": 12.5 + seed, "device": "cpu",
        "versions": {"python": "3.12.1", "torch": "2.11.0"},
    }  # fmt: skip
    record = {
        "cell_id": cell_id or f"fake-{row}-s{seed}", "status": status, "notebook": "classification.ipynb",
        "plan": "table1", "profile": "embedded", "row": row, "git": {"commit": "abcdef1234567890", "dirty": False},
        "hashes": {"notebook": "n" * 64, "library": "l" * 64, "lock": "k" * 64, "data": data},
        "started": "2026-01-01T00:00:00+00:00", "ended": "2026-01-01T00:00:13+00:00", "host": "host",
        "error": None if done else {"kind": "RuntimeError", "message": "it broke"},
    }  # fmt: skip
    return Record.model_validate(result | record | extra)


def fake_metrics(row: str, seed: int) -> dict[str, float | None]:
    shared, own = random.Random(seed).gauss(0, 0.01), random.Random(f"{row}{seed}").gauss(0, 0.004)
    top1 = 0.6 + shared + own + sum(v for name, v in (GAIN | FUSION).items() if name in row)
    values = {"top1": top1, "map": top1 + 0.02, "macro_f1": top1 - 0.01, "top1_audio": top1 - 0.1, "top1_visual": 0.3}
    lifted = {f"paper/{name}": value + 0.008 for name, value in values.items()}
    return {f"clean/{name}": value for name, value in values.items()} | lifted


def fake_results(kind: str = "embedded", profile: str = "embedded", seeds=(0, 1, 2), **extra) -> Results:
    """All sixteen rows of Table 1, each with `seeds` finished."""
    from mmlib.workbook.plan import load_plan

    plan = load_plan(PLAN)
    rows = {}
    for row in plan.rows:
        records = {seed: fake_record(row.id, seed, parameters=dict(row.parameters), **extra) for seed in seeds}
        rows[row.id] = RowResult(row.id, row.label, row.block, list(seeds), records)
    return Results(plan.name, profile, plan.title, plan.profiles[profile].title, kind, rows, "runs")


def plan_results(
    plan: Plan, profile: str, seeds, metrics_of, rows=None, *, folder: Path | None = None, leave=None, classes: int = 6
) -> Results:
    """The rows of a plan (or `rows` of them) with `seeds` finished, metrics from `metrics_of(row, seed)`.

    With a folder, `leave(cell folder, row, seed)` writes what a run leaves beside its record.
    """
    chosen = plan.profile(profile)
    results = Results(plan.name, profile, plan.title, chosen.title, chosen.kind, {}, "runs")
    for row in plan.rows:
        if rows is not None and row.id not in rows:
            continue
        records = {}
        for seed in seeds:
            name = f"{profile}-{row.id}-s{seed}"
            records[seed] = fake_record(
                row.id, seed, cell_id=name, metrics=metrics_of(row.id, seed), plan=plan.name, classes=classes,
                parameters={"dataset": "made-up", **row.parameters},
            )  # fmt: skip
            if folder is not None:
                results.folders[name] = folder / name
                (folder / name).mkdir(parents=True, exist_ok=True)
                leave(folder / name, row.id, seed)
        results.rows[row.id] = RowResult(row.id, row.label, row.block, list(seeds), records)
    return results


def write_runs(plan: Plan, profile: str, outputs: Path, skip=(), failed=(), epochs: int = 6) -> None:
    """Cell folders with record.json, history.jsonl and a small executed notebook, as a batch leaves them."""
    for cell in plan.cells(profile, outputs=outputs):
        if cell.row in skip:
            continue
        status = "failed" if cell.row in failed else "done"
        record = fake_record(
            cell.row, cell.seed, cell_id=cell.id, status=status, parameters=cell.parameters.model_dump(mode="json"),
            profile=profile,
        )  # fmt: skip
        cell.folder.mkdir(parents=True, exist_ok=True)
        (cell.folder / "record.json").write_text(json.dumps(record.model_dump(mode="json")))
        (cell.folder / "history.jsonl").write_text(
            "".join(json.dumps(fake_epoch(e, cell)) + "\n" for e in range(epochs))
        )
        (cell.folder / "notebook.ipynb").write_text(json.dumps(fake_notebook(cell.id)))


def fake_epoch(epoch: int, cell) -> dict:
    top1 = 0.2 + 0.4 * (1 - 0.6**epoch) + 0.01 * cell.seed
    ratio = 1.0 if cell.parameters.modulation == "none" else 1 + 0.3 * 0.8**epoch
    rho_zeta = ratio if "learned" in cell.parameters.zeta else None
    return {
        "epoch": epoch, "train/loss": 1.5 * 0.8**epoch, "validation/top1": top1, "test/top1": top1 + 0.01,
        "rho_decoupled": ratio, "rho_zeta": rho_zeta, "k_audio": 1.0, "lr": 0.01,
    }  # fmt: skip


def fake_notebook(text: str) -> dict:
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": f"# {text}\n\n$\\zeta = 0.5$"},
        {"cell_type": "code", "id": "b", "metadata": {}, "execution_count": 1, "source": "1 + 1",
         "outputs": [{"output_type": "stream", "name": "stdout", "text": "2\n"}]},
    ]  # fmt: skip
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def fake_project(folder: Path) -> Path:
    """A project with the real plan and claims and stub notebooks, so that no test depends on the real ones' code."""
    notebooks = folder / "notebooks"
    for name, source in (("plans", PLAN), ("claims", CLAIMS)):
        (notebooks / name).mkdir(parents=True)
        (notebooks / name / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    for name, experiment in (("classification", "classification"), ("table1", "table")):
        notebook = fake_notebook(name)
        notebook["metadata"]["mmlib"] = {"experiment": f"mmlib.experiments.{experiment}"}
        (notebooks / f"{name}.ipynb").write_text(json.dumps(notebook))
    return folder


@pytest.fixture
def stub_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `fake_project` that commands find, with outputs of its own."""
    root = fake_project(tmp_path / "project")
    monkeypatch.setenv("MMLIB_PROJECT", str(root))
    monkeypatch.delenv("MMLIB_OUTPUTS", raising=False)
    return root


# A table whose columns have three units, of which one is better lower.
MIXED = """
format: mmlib-claims
version: 1
paper: {id: mixed, title: Mixed, authors: A}
tables:
  - id: mixed
    number: 1
    title: Sentiment
    section: "4"
    plan: mixed
    columns:
      - &column
        id: acc
        label: MOSI Acc-2
        profile: mosi
        dataset: MOSI
        metric: accuracy_2
        unit: percent
        split: test
        selection: {stated: true, rule: best, protocol: paper}
        tolerance: {rounding: 0.05, reproduced_sd: 1, noise_sd: 2, cap: 1, reason: one decimal}
      - &other
        <<: *column
        id: mae
        label: MOSI MAE
        metric: mae
        unit: number
        better: lower
        tolerance: {rounding: 0.0005, reproduced_sd: 1, noise_sd: 2, cap: 0.01, reason: three decimals}
      - {<<: *other, id: corr, label: MOSI Corr, metric: pearson, unit: correlation, better: higher}
    rows:
      - {id: base, block: Base, label: Base, values: {acc: 85.1, mae: 0.718, corr: 0.797}}
      - {id: ours, block: Ours, label: Ours, values: {acc: 86.0, mae: 0.702, corr: 0.795}}
statements:
  - id: helps
    table: mixed
    text: Ours helps
    source: paper
    where: "Table 1"
    contrast: {ours: 1, base: -1}
    metrics: [accuracy_2, mae, pearson]
"""


def mixed_results(kind: str = "paper") -> Results:
    """Two rows with an accuracy, an MAE and a correlation; `ours` has the lower MAE by .02, the lower correlation."""
    rows = {}
    for row, label, gain in (("base", "Base", 0.0), ("ours", "Ours", 1.0)):
        records = {}
        for seed, own in enumerate((0.0, 0.002, -0.003)):
            values = {"accuracy_2": 0.85 + gain * (0.01 + own), "mae": 0.718 - gain * (0.02 + own) + own / 2}
            values |= {"pearson": 0.79 - gain * (0.03 + own)}
            metrics = {f"{protocol}/{name}": value for protocol in ("paper", "clean") for name, value in values.items()}
            records[seed] = fake_record(row, seed, metrics=metrics, parameters={"dataset": "mosi", "row": row})
        rows[row] = RowResult(row, label, label, [0, 1, 2], records)
    return Results("mixed", "mosi", "Table 1: sentiment", "MOSI", kind, rows, "runs")
