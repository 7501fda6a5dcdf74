"""The README's promises: its commands run as written, its snippets work, its files exist."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mmlib.commands.workbook import all_plans

PROJECT = Path(__file__).resolve().parent.parent
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def command(name: str) -> str:
    """The one line behind `<!-- command: name -->`."""
    found = re.search(rf"<!-- command: {name} -->\n```bash\n(.*?)\n```", README, re.S)
    assert found, f"the README has no command {name}"
    assert "\n" not in found.group(1), "a README command is one line"
    return found.group(1)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    line = [sys.executable, "-m", "mmlib.cli", *arguments]
    return subprocess.run(line, cwd=PROJECT, env=os.environ | environment, capture_output=True, text=True, timeout=3500)


def test_the_two_commands_install_alike():
    """They differ in their last step alone, so the test command proves the installation of both."""
    *install, job = command("reproduce").split(" && ")
    *install_too, tests = command("test").split(" && ")
    assert install == install_too
    assert install[0] == "python3 -m venv .venv"
    assert job == ".venv/bin/mmlib reproduce"
    assert tests == ".venv/bin/pytest -n 2"  # tests/conftest.py makes the groups


def test_ci_runs_the_test_command():
    script = (PROJECT / ".ci" / "run").read_text()
    (extraction,) = re.findall(r"command=\$\((.*)\)", script)
    found = subprocess.run(["bash", "-c", extraction], cwd=PROJECT, capture_output=True, text=True).stdout.strip()
    assert found == command("test")
    assert 'eval "$command"' in script


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_reproduce_does_the_main_job_and_a_second_call_finds_nothing_to_do(tmp_path):
    first = run("reproduce", "--outputs", str(tmp_path))
    assert first.returncode == 0, first.stdout[-3000:] + first.stderr
    records = [json.loads(path.read_text()) for path in tmp_path.glob("runs/*/record.json")]
    cells = [cell for plan in all_plans() for cell in plan.cells("embedded", outputs=tmp_path)]
    assert {record["cell_id"] for record in records} == {cell.id for cell in cells}
    assert all(record["status"] == "done" for record in records)
    page = (tmp_path / "report" / "index.html").read_text()
    assert "the verdict concerns the statement" in page
    for plan in all_plans():
        assert {path.suffix for path in tmp_path.glob(f"tables/{plan.name}-embedded/*")} == {".csv", ".md", ".tex"}
        drawn = {path.suffix for path in tmp_path.glob(f"figures/{plan.name}-embedded-*")}
        assert drawn == {".png", ".pdf", ".svg"}

    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/record.json")}
    second = run("reproduce", "--outputs", str(tmp_path))
    assert second.returncode == 0
    assert "nothing to do" in second.stdout
    assert made == {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/record.json")}


def test_snippets_run():
    snippets = re.findall(r"```python\n(.*?)```", README, re.S)
    assert snippets
    for snippet in snippets:
        done = subprocess.run([sys.executable, "-c", snippet], cwd=PROJECT, capture_output=True, text=True)
        assert done.returncode == 0, snippet + done.stderr


def test_every_command_shown_exists_with_its_options():
    blocks = re.findall(r"```bash\n(.*?)```", README, re.S)
    shown = {line for block in blocks for line in re.findall(r"^(?:\.venv/bin/)?mmlib .*$", block, re.M)}
    assert len(shown) >= 5
    for line in shown:
        words = shlex.split(line, comments=True)[1:]
        names = [word for word in words[:2] if not word.startswith("-")]
        names = names if names[0] == "data" else names[:1]
        helped = run(*names, "--help", COLUMNS="200")
        assert helped.returncode == 0, line
        for option in (word for word in words if word.startswith("--")):
            assert option in helped.stdout, f"{line}: {option}"


def test_links_lead_somewhere():
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    assert len(targets) >= 5
    for target in targets:
        assert (PROJECT / target).exists(), target
