"""CONTRIBUTING.md, followed to the letter in a copy of the project: its files written, its diffs applied, its commands
run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
GUIDE = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, re.M | re.S)


def write_file(root: Path, text: str) -> Path:
    """A block that begins with `# path`: a file that is not there yet."""
    head, _, content = text.partition("\n")
    path = root / head.removeprefix("# ")
    assert head.startswith("# "), f"a block must begin with a file's name: {head}"
    assert not path.exists(), f"CONTRIBUTING.md calls {head} new, and it is there"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def apply_diff(root: Path, text: str) -> Path:
    """A block that begins with `--- path`: runs of lines to replace, each of which must stand there once."""
    head, *lines = text.splitlines()
    path = root / head.removeprefix("--- ")
    source = path.read_text(encoding="utf-8")
    changes = re.findall(r"((?:^-.*\n)+)((?:^\+.*\n)+)", "\n".join(lines) + "\n", re.M)
    assert changes, text
    for old, new in changes:
        old, new = (re.sub(r"^[-+]", "", part, flags=re.M) for part in (old, new))
        assert source.count(old) == 1, f"{head}: CONTRIBUTING.md replaces what is not there (or not once):\n{old}"
        source = source.replace(old, new)
    path.write_text(source, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """A copy of the project in which every block of the guide was carried out, and what its commands printed."""
    root = tmp_path_factory.mktemp("contributing")
    for name in ("mmlib", "notebooks"):
        shutil.copytree(PROJECT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    shutil.copy(PROJECT / "requirements.lock", root)
    shutil.copy(PROJECT / "pyproject.toml", root)
    tools = root / "bin"
    tools.mkdir()
    for name, module in (("python", ""), ("mmlib", "-m mmlib.cli ")):
        (tools / name).write_text(f'#!/bin/sh\nexec {sys.executable} {module}"$@"\n')
        (tools / name).chmod(0o755)
    env = {key: value for key, value in os.environ.items() if key != "MMLIB_OUTPUTS"}
    env |= {"PATH": f"{tools}:{env['PATH']}", "PYTHONPATH": str(root), "MMLIB_PROJECT": str(root)}
    written, printed = [], []
    for kind, text in BLOCKS:
        if kind == "bash":
            done = subprocess.run(["bash", "-ec", text], cwd=root, env=env, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, text + done.stdout[-3000:] + done.stderr[-3000:]
            printed.append(done.stdout)
        else:
            written.append(apply_diff(root, text) if kind == "diff" else write_file(root, text))
    return root, written, "\n".join(printed)


def test_every_recipe_has_its_blocks():
    sections = re.split(r"^## ", GUIDE, flags=re.M)[1:]
    assert [section.splitlines()[0] for section in sections] == [
        "A fusion",
        "A modulation",
        "A data set",
        "An experiment",
        "A table",
    ]
    assert all("```" in section for section in sections)
    assert {kind for kind, _ in BLOCKS} == {"python", "diff", "bash", "yaml"}


def test_fusion_modulation_and_data_set_train_together(followed):
    root, _, _ = followed
    result = json.loads((root / "outputs" / "rings" / "result.json").read_text())
    assert result["parameters"]["fusion"] == "scaled_sum"
    assert result["parameters"]["modulation"] == "soft_ogm"
    assert {"last/top1_point", "last/top1_steps"} <= set(result["metrics"])


def test_experiment_and_table_end_in_verdicts(followed):
    root, _, printed = followed
    records = [json.loads(path.read_text()) for path in (root / "outputs").glob("runs/*/record.json")]
    assert {record["parameters"]["modality"] for record in records} == {"point", "steps"}
    assert all(record["status"] == "done" for record in records), printed
    table = "\n".join(path.read_text() for path in (root / "outputs").glob("tables/probe-embedded/*.md"))
    assert "Linear" in table
    assert "steps" in table


def test_what_it_shows_keeps_the_style_of_the_house(followed):
    root, written, _ = followed
    files = [str(path) for path in written if path.suffix == ".py"]
    assert len(files) > 10
    for arguments in (["check"], ["format", "--check"]):
        line = [sys.executable, "-m", "ruff", *arguments, "--no-cache", *files]
        done = subprocess.run(line, cwd=root, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
