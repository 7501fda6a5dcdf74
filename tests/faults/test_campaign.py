"""Malformed input of every kind: one message, an equal result, or a named warning; never a traceback, never a silent
change, nothing executed.

Small here; `MMLIB_FAULTS=250` makes so many cases of each class instead of 25, and prints the counts (`-s`). The
fixture `campaign` counts them (`conftest.py`); prepared data and media have files of their own.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import sys

import numpy as np
import pytest
import torch
import yaml
from faults import CASES, DOCUMENTED, EQUAL, FAILURE, MESSAGE, NAMED, damage, guarded, odd_json, odd_texts, odd_yaml

from mmlib.analysis.arrays import read_arrays
from mmlib.analysis.histories import read_entries
from mmlib.data.prepared import check_prepared, open_prepared, write_prepared
from mmlib.experiments.classification.parameters import Parameters
from mmlib.parameters.arguments import parse_settings
from mmlib.record import GitState, Result, read_record, write_result
from mmlib.training.checkpoint import load_checkpoint, save_checkpoint
from mmlib.workbook.claims import load_claims
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.plan import load_plan
from mmlib.workbook.results import collect
from mmlib.workbook.running.execute import begin, finish
from mmlib.workbook.running.task import Outcome, Task
from mmlib.workbook.state import Survey
from mmlib.workbook.yaml_file import read_yaml


@pytest.fixture
def finished(here):
    """A toy plan with three finished cells and all that a run leaves beside a record."""
    profile = {"kind": "embedded", "seeds": [0, 1, 2], "parameters": {}}
    plan = load_plan(here.plan(profiles={"embedded": profile}))
    cells = plan.cells("embedded", outputs=here.outputs)
    for cell in cells:
        hashes = Fingerprints(here.root).hashes(cell.notebook)
        task = Task(cell, f"r{cell.seed}", "toy_experiment", hashes, GitState(), here.root)
        start = begin(task, hashes)
        entries = [{"epoch": epoch, "test/top1": 0.1 * epoch + cell.seed} for epoch in range(5)]
        (cell.folder / "history.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        np.savez(cell.folder / "arrays.npz", a=np.arange(50.0) + cell.seed)
        (cell.folder / "model.safetensors").write_bytes(bytes(range(200)))
        (cell.folder / ".running.ipynb").write_text(json.dumps({"cells": [], "nbformat": 4}))
        metrics = {"last/top1": 0.5 + cell.seed / 100, "clean/loss": 1.5}
        write_result(cell.folder, Result(run_id=f"r{cell.seed}", parameters={}, metrics=metrics, seed=cell.seed))
        assert finish(task, start, Outcome("done")).status == "done"
    return here, plan, cells


def facts(cell):
    """What tables, figures and analyses would take from a cell."""
    record, _ = read_record(cell.folder)
    arrays = {name: values.tolist() for name, values in read_arrays(cell.folder, bool).items()}
    return record and (record.metrics, record.seed, record.parameters), read_entries(cell.folder), arrays


def test_records_and_what_lies_beside_them(finished, campaign, capsys):
    project, plan, cells = finished
    before = {cell.seed: facts(cell) for cell in cells}
    assert sorted(collect(plan, "embedded", project.outputs).rows["ok"].records) == [0, 1, 2]
    rng, sources = random.Random(1), Fingerprints(project.root)
    names = ["record.json"] * 4 + ["history.jsonl", "arrays.npz", "model.safetensors", "notebook.ipynb"]
    for number in range(2 * CASES):
        cell, name = rng.choice(cells), rng.choice(names)
        path = cell.folder / name
        whole = path.read_bytes()
        if name == "record.json" and number % 3 == 0:
            content = json.dumps(odd_json(json.loads(whole), rng)).encode()
        elif number % 17 == 0:
            content = (cells[(cell.seed + 1) % 3].folder / name).read_bytes()  # of another cell
        else:
            content = damage(whole, rng)
        path.write_bytes(content)

        def look(cell=cell, name=name, same=content == whole) -> str:
            results = collect(plan, "embedded", project.outputs)
            state = Survey(sources).look_at(cell)
            listed = [problem.seed for problem in results.problems] == [cell.seed]
            if cell.seed in results.rows["ok"].records:
                if not same and name in ("model.safetensors", "notebook.ipynb"):
                    return NAMED if name in state.reason else f"{FAILURE}: {state.reason}"
                return EQUAL if facts(cell) == before[cell.seed] and state.done else f"{FAILURE}: a number changed"
            return NAMED if listed and not state.done and state.reason else f"{FAILURE}: a seed was dropped in silence"

        campaign.case(f"{name}: {content[:100]!r}", look)
        path.write_bytes(whole)
        capsys.readouterr()


def test_checkpoints(campaign, tmp_path):
    torch.manual_seed(0)
    state = {"stage": 0, "epoch": 3, "model": {f"layer{n}": torch.randn(20 + n) for n in range(6)}, "seconds": 1.5}
    save_checkpoint(tmp_path, "f", state)
    path, rng = tmp_path / "checkpoint.pt", random.Random(2)
    whole = path.read_bytes()
    execute = b"cos\nsystem\n(S'touch " + campaign.marker.encode() + b"'\ntR."
    for number in range(2 * CASES):
        content = execute if number % 20 == 0 else damage(whole, rng)
        path.write_bytes(content)

        def load() -> str:
            found, problem = load_checkpoint(tmp_path, "f")
            if found is None:
                return NAMED if "training starts anew" in problem else f"{FAILURE}: {problem}"
            equal = found.keys() >= state.keys() and found["epoch"] == 3 and found["seconds"] == 1.5
            equal = equal and all(torch.equal(value, found["model"][name]) for name, value in state["model"].items())
            return EQUAL if equal else f"{FAILURE}: another state was loaded"

        campaign.case(repr(content[:60]), load)


def plainly(text: str):
    """What PyYAML reads; a mark where it reads nothing."""
    try:
        return yaml.load(text, Loader=yaml.CSafeLoader)  # only asked of what nests little: it would crash
    except (yaml.YAMLError, ValueError, RecursionError, AttributeError, TypeError):
        return "unreadable"


def numbers_as_python_reads_them(ours, theirs) -> bool:
    """Whether both are the same, but for exponents that YAML 1.1 takes for texts."""
    if isinstance(ours, dict):
        return isinstance(theirs, dict) and len(ours) == len(theirs) and all(
            key in theirs and numbers_as_python_reads_them(value, theirs[key]) for key, value in ours.items()
        )  # fmt: skip
    if isinstance(ours, list):
        return (
            isinstance(theirs, list)
            and len(ours) == len(theirs)
            and all(map(numbers_as_python_reads_them, ours, theirs))
        )
    if isinstance(ours, float) and isinstance(theirs, str):
        return ours == float(theirs)
    return type(ours) is type(theirs) and ours == theirs


@pytest.mark.parametrize(("folder", "load"), [("plans", load_plan), ("claims", load_claims)], ids=["plans", "claims"])
def test_yaml_files(campaign, project, tmp_path, folder, load, capsys):
    texts = [path.read_text() for path in sorted((project / "notebooks" / folder).glob("*.yaml"))]
    texts.sort(key=len)
    rng, path = random.Random(folder), tmp_path / "odd.yaml"
    for _ in range(CASES):
        text = odd_yaml(rng.choice(texts[:3]), rng, campaign.marker)
        path.write_text(text, encoding="utf-8", errors="surrogateescape")

        def read(text=text) -> str:
            content = read_yaml(path, "file")
            same = numbers_as_python_reads_them(content, plainly(text))
            loaded = load(path)
            if folder == "plans":
                for profile in list(loaded.profiles)[:1]:
                    loaded.cells(profile, outputs=tmp_path)
            return EQUAL if same else f"{FAILURE}: it was read in another way than YAML does"

        campaign.case(text[:100], lambda read=read: guarded(read))
    capsys.readouterr()


def test_parameters(campaign):
    rng, texts = random.Random(4), odd_texts(campaign.marker)
    fields = list(Parameters.model_fields)
    for _ in range(4 * CASES):
        name, text = rng.choice(fields), rng.choice(texts)

        def set_one(name=name, text=text) -> str:
            value = getattr(Parameters.resolve(parse_settings([f"{name}={text}"])), name)
            if isinstance(value, str):
                return EQUAL if value == text else f"{FAILURE}: {value!r}"
            if value is None or isinstance(value, bool):
                return EQUAL if text.strip() in ("~", "null", "true", "") else f"{FAILURE}: {value!r}"
            return EQUAL if value == eval(text, {}) else f"{FAILURE}: {value!r}"

        campaign.case(f"{name}={text}", lambda set_one=set_one: guarded(set_one))


COMMANDS = [
    ["run", "toy", "--dry-run", "--set", "steps={}"],
    ["run", "toy", "--dry-run", "--set", "{}"],
    ["run", "toy", "--dry-run", "--rows", "{}"],
    ["run", "toy", "--dry-run", "--seeds", "{}"],
    ["run", "toy", "--dry-run", "--profile", "{}"],
    ["run", "toy", "--dry-run", "--timeout", "{}"],
    ["run", "toy", "--dry-run", "--workers", "{}"],
    ["run", "toy", "--dry-run", "--outputs", "{}"],
    ["run", "toy", "--dry-run", "--data-root", "{}"],
    ["run", "{}", "--dry-run"],
    ["run", "{}.yaml", "--dry-run"],
    ["status", "{}"],
    ["status", "toy", "--outputs", "{}"],
    ["show", "{}"],
    ["reference", "{}"],
    ["data", "check", "{}"],
    ["data", "prepare", "{}"],
    ["data", "prepare", "folder", "--source", "{}"],
    ["data", "prepare", "folder", "--seconds-per-clip", "{}"],
    ["data", "prepare", "folder", "--max-skipped", "{}"],
    ["{}"],
]


def run_command(arguments: list[str]) -> str:
    """A command in this process, as a shell would see it."""
    from mmlib import cli

    cli.app.registered_groups.clear()
    errors = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
            cli.main(arguments)
    except SystemExit as end:
        code = end.code or 0
        if code not in DOCUMENTED:
            return f"{FAILURE}: exit code {code}"
        return (
            EQUAL if code == 0 else MESSAGE if errors.getvalue() or code == 3 else f"{FAILURE}: {code} without a word"
        )
    return f"{FAILURE}: it did not end"


def test_commands_options_and_paths(campaign, here, tmp_path, monkeypatch):
    here.plan()
    (tmp_path / "file").write_text("")
    os.symlink("loop", tmp_path / "loop")
    texts = [*odd_texts(campaign.marker), str(tmp_path / "file"), str(tmp_path / "file" / "x"), str(tmp_path / "loop")]
    monkeypatch.chdir(tmp_path)
    rng, environment = random.Random(5), dict(os.environ)
    before = sorted(tmp_path.iterdir())
    for _ in range(2 * CASES):
        text = rng.choice(texts).replace("\0", "")
        arguments = [part.format(text) if "{}" in part else part for part in rng.choice(COMMANDS)]
        campaign.case(" ".join(arguments), lambda arguments=arguments: run_command(arguments))
        os.environ.clear()
        os.environ.update(environment)
    assert sorted(tmp_path.iterdir()) == before, "a command wrote something where the user stands"
    assert sys.stdout is not None


def test_manifests(campaign, tmp_path):
    index = {"id": ["a", "b", "c"], "label": [0, 1, 0], "split": ["train", "train", "test"], "group": ["a", "b", "c"]}
    arrays = {"x": np.arange(6.0).reshape(3, 2)}
    folder = write_prepared(
        tmp_path / "set", dataset="tiny", classes=["no", "yes"], index=index, arrays=arrays, source={"rate": 10}
    )
    path, rng = folder / "manifest.json", random.Random(6)
    whole, known = path.read_bytes(), open_prepared(folder)
    for number in range(2 * CASES):
        odd = json.dumps(odd_json(json.loads(whole), rng)).encode() if number % 2 else damage(whole, rng)
        path.write_bytes(odd)

        def read() -> str:
            check_prepared(folder)
            found = open_prepared(folder)
            same = all(np.array_equal(found.index[name], values) for name, values in known.index.items())
            same = same and all(np.array_equal(found.arrays[name], known.arrays[name]) for name in found.arrays)
            if found.manifest_hash == known.manifest_hash:
                return EQUAL if same else f"{FAILURE}: other data of the same hash"
            return NAMED  # other data for every record made before: "data changed"

        campaign.case(repr(odd[:200]), lambda read=read: guarded(read))
    path.write_bytes(whole)
