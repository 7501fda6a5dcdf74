"""What README.md and docs/ show to be typed: every command and snippet, run as typed as far as it can be, and the two
commands of the README.

`pages` says how a page marks what cannot be run; a new command without a mark is run here.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import typer
import yaml
from pages import ALL, KINDS, PROJECT, blocks

from mmlib import cli
from mmlib.commands.settings import split_names, split_numbers
from mmlib.commands.workbook import Request, all_plans, requested
from mmlib.data.catalogue import DATASETS
from mmlib.data.public.sources import PUBLIC
from mmlib.parameters.arguments import parse_settings
from mmlib.workbook.plan import find_plan

WHOLE = "MMLIB_WHOLE_REPRODUCE" in os.environ
SHOWN = [block for block in ALL if block.language in ("bash", "python")]


def command(name: str) -> str:
    """The one line behind `<!-- command: name -->`."""
    (found,) = [block for block in blocks(PROJECT / "README.md") if (block.kind, block.reason) == ("command", name)]
    assert len(found.lines) == 1, "a README command is one line"
    return found.lines[0]


def hurried(folder: Path) -> Path:
    """This checkout as a project whose embedded plans train for two epochs, without results of other data: every row,
    and each step of its way, in a third of the time.
    """
    (folder / "notebooks" / "plans").mkdir(parents=True)
    for name in ("mmlib", "requirements.lock", "pyproject.toml", "README.md"):
        (folder / name).symlink_to(PROJECT / name)
    (folder / "outputs" / "reference").mkdir(parents=True)
    for path in (PROJECT / "outputs" / "reference").glob("*-embedded*"):
        (folder / "outputs" / "reference" / path.name).symlink_to(path)
    for path in (PROJECT / "notebooks").iterdir():
        if path.name != "plans":
            (folder / "notebooks" / path.name).symlink_to(path)
    for path in (PROJECT / "notebooks" / "plans").glob("*.yaml"):
        plan = yaml.safe_load(path.read_text())
        plan["profiles"]["embedded"] = shortened(plan["profiles"]["embedded"])
        (folder / "notebooks" / "plans" / path.name).write_text(yaml.safe_dump(plan, sort_keys=False))
    return folder


def shortened(settings: dict[str, Any]) -> dict[str, Any]:
    """Two epochs of every stage, and one before training changes where it does."""
    most = {"epochs": 2, "finetune_epochs": 2, "pretrain_epochs": 2, "resampling_warmup": 1}
    return {
        name: shortened(value) if isinstance(value, dict) else min(value, most[name]) if name in most else value
        for name, value in settings.items()
    }


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    line = [sys.executable, "-m", "mmlib.cli", *arguments]
    return subprocess.run(line, cwd=PROJECT, env=os.environ | environment, capture_output=True, text=True, timeout=3500)


class TestTheTwoCommands:
    def test_install_alike(self):
        """They differ in their last step alone, so the test command proves the installation of both."""
        *install, job = command("reproduce").split(" && ")
        *install_too, tests = command("test").split(" && ")
        assert install == install_too
        assert install[0] == "python3 -m venv .venv"
        assert job == ".venv/bin/mmlib reproduce"
        assert tests == ".venv/bin/pytest -n 2"  # tests/conftest.py makes the groups

    def test_ci_runs_the_test_command(self):
        script = (PROJECT / ".ci" / "run").read_text()
        (extraction,) = re.findall(r"command=\$\((.*)\)", script)
        found = subprocess.run(["bash", "-c", extraction], cwd=PROJECT, capture_output=True, text=True).stdout.strip()
        assert found == command("test")
        assert 'eval "$command"' in script

    def test_their_environment_makes_later_lines_work_as_typed(self):
        (block,) = [block for block in SHOWN if block.kind == "environment"]
        assert block.lines == ["source .venv/bin/activate"]
        activate = Path(sys.prefix, "bin", "activate")
        if not activate.exists():
            pytest.skip("these tests do not run in a virtual environment")
        line = f"source {shlex.quote(str(activate))} && command -v mmlib python jupyter torchrun"
        found = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
        assert found.stdout.split() == [f"{sys.prefix}/bin/{n}" for n in ("mmlib", "python", "jupyter", "torchrun")]

    @pytest.mark.slow
    @pytest.mark.timeout(3600)
    def test_reproduce_does_the_main_job_and_a_second_call_finds_nothing_to_do(self, tmp_path, monkeypatch):
        """Every row of every plan, with one seed of its own and few epochs; the whole with MMLIB_WHOLE_REPRODUCE."""
        if not WHOLE:
            monkeypatch.setenv("MMLIB_PROJECT", str(hurried(tmp_path / "project")))
        seeds = [] if WHOLE else ["--seeds", "0"]
        tmp_path /= "outputs"
        first = run("reproduce", *seeds, "--outputs", str(tmp_path))
        assert first.returncode == 0, first.stdout[-3000:] + first.stderr
        records = [json.loads(path.read_text()) for path in tmp_path.glob("runs/*/record.json")]
        chosen = None if WHOLE else [0]
        cells = [cell for plan in all_plans() for cell in plan.cells("embedded", chosen, outputs=tmp_path)]
        assert {record["cell_id"] for record in records} == {cell.id for cell in cells}
        assert all(record["status"] == "done" for record in records)
        page = (tmp_path / "report" / "index.html").read_text()
        assert "the verdict concerns the statement" in page
        for plan in all_plans():
            assert {path.suffix for path in tmp_path.glob(f"tables/{plan.name}-embedded/*")} == {".csv", ".md", ".tex"}
            drawn = {path.suffix for path in tmp_path.glob(f"figures/{plan.name}-embedded-*")}
            assert drawn == {".png", ".pdf", ".svg"}

        made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/record.json")}
        second = run("reproduce", *seeds, "--outputs", str(tmp_path))
        assert second.returncode == 0
        assert "nothing to do" in second.stdout
        assert made == {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/record.json")}


def test_every_block_says_what_is_done_with_it():
    for block in ALL:
        where = f"{block.page}:\n{block.text}"
        assert block.language in ("bash", "python", "yaml", "text"), f"{where}: name its language"
        assert block.kind in ("run", *KINDS), f"{where}: no such mark: {block.kind}"
        assert block.kind in ("run", "command") or len(block.reason) > 8, f"{where}: say why it is not run"
    assert {block.kind for block in ALL} == {"run", *KINDS}
    told = sum(len(block.lines) for block in SHOWN if block.kind == "not run")
    assert told <= 6, "most commands can be run, dry run or checked: see tests/support/pages.py"


@pytest.fixture
def sandbox(tmp_path, monkeypatch):
    """A place to stand in as in a clone, with an empty data root: plans, notebooks and library are this checkout's, and
    what is written stays here."""
    (tmp_path / "DATA").mkdir()
    (tmp_path / "outputs").mkdir()
    for name in ("mmlib", "notebooks", "requirements.lock", "pyproject.toml", "outputs/reference"):
        (tmp_path / name).symlink_to(PROJECT / name)
    monkeypatch.chdir(tmp_path)
    places = {"MMLIB_OUTPUTS": str(tmp_path / "outputs"), "MMLIB_PROJECT": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    with mock.patch.dict(os.environ, places):
        yield tmp_path


def call(words: list[str]) -> tuple[int, str]:
    """`mmlib ...` in this process: exit code, and what was printed."""
    said, polite = io.StringIO(), signal.getsignal(signal.SIGTERM)
    with mock.patch.dict(os.environ), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            cli.main(words)
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        finally:
            signal.signal(signal.SIGTERM, polite)
    return code, said.getvalue()


def starts_processes(words: list[str]) -> bool:
    return words[0] == "python" or words[1:3] == ["data", "prepare"] or (words[1] == "run" and "--dry-run" not in words)


def run_line(line: str) -> str:
    """Run a line as typed; one that starts processes, in one of its own."""
    words = shlex.split(line, comments=True)
    assert words[0] in ("mmlib", "python"), f"{line}: mark the block, or let this test run {words[0]}"
    if starts_processes(words):
        program = [sys.executable, "-m", "mmlib.cli"] if words[0] == "mmlib" else [sys.executable]
        done = subprocess.run([*program, *words[1:]], capture_output=True, text=True, timeout=500)
        code, said = done.returncode, done.stdout + done.stderr
    else:
        code, said = call(words[1:])
    assert code == 0, f"{line}\n{said[-3000:]}"
    return said


RUN = [block.page for block in SHOWN if block.kind == "run"]


@pytest.mark.slow
@pytest.mark.parametrize("page", dict.fromkeys(RUN))
def test_what_is_not_marked_runs_as_typed(page, sandbox):
    """All of a page in one place, in its order, so that a line finds what those above it made."""
    said = []
    for block in blocks(PROJECT / page):
        if block.kind == "run" and block.language == "python":
            exec(compile(block.text, page, "exec"), {"__name__": "__main__"})
        elif block.kind == "run" and block.language == "bash":
            said += [run_line(line) for line in block.lines]
    if page == "docs/data/arrays.md":
        assert "depth uint8 (400, 1, 24, 32), pose float32 (400, 20, 6), touch float32 (400, 8)" in said[0]
        assert "1 done" in said[2]


@functools.cache
def dry_run(line: str) -> None:
    """`line` with --dry-run."""
    words = shlex.split(line, comments=True)
    code, said = call([*words[1:], *([] if "--dry-run" in words else ["--dry-run"])])
    assert code == 0, f"{line}\n{said[-2000:]}"
    assert re.search(r"\d+ cells?", said), f"{line}\n{said[-2000:]}"


DRY: dict[str, str] = {}
"""A line of each plan; looking at what is on the disk for all of them would take minutes and say the same."""
for _block in SHOWN:
    for _line in _block.lines if _block.kind == "dry run" else ():
        DRY.setdefault(shlex.split(_line)[2], _line)


@functools.cache
def cells_of(line: str) -> int:
    """How many cells a line names, every parameter of every one checked; one that stands on several pages is asked
    once."""
    given = read_as_typed(shlex.split(line, comments=True)[1:])
    rows, seeds = split_names(given["rows"]), split_numbers(given["seeds"])
    request = Request(given["plan"], given["profile"], rows, seeds, given["settings"] or [], given["data_root"])
    return len(requested(request, Path("outputs"))[0])


@pytest.mark.slow
@pytest.mark.parametrize("page", dict.fromkeys(block.page for block in SHOWN if block.kind == "dry run"))
def test_what_needs_more_names_a_plan_and_its_rows(page, sandbox):
    for block in blocks(PROJECT / page):
        for line in block.lines if block.kind == "dry run" else ():
            assert line.startswith("mmlib run "), f"{line}: only `mmlib run` has a dry run"
            assert cells_of(line) > 0, line
            if line in DRY.values():
                dry_run(line)


@functools.cache
def command_line():
    with contextlib.suppress(Exception):
        cli.add_data_commands()
    return typer.main.get_command(cli.app)


def read_as_typed(words: list[str]) -> dict[str, Any]:
    """Names, options and types of an `mmlib` line, by its own parser, as values; nothing is carried out."""
    group, context = command_line(), None
    context = group.make_context("mmlib", list(words), resilient_parsing=False)
    while hasattr(group, "resolve_command"):
        name, group, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        context = group.make_context(name, rest, parent=context)
    return context.params


def read_settings(words: list[str]) -> None:
    """`... -m mmlib.experiments.NAME name=value`: every name and type, by the experiment's own parameters."""
    place = words.index("-m") + 1
    import_module(words[place]).Parameters.resolve(parse_settings(words[place + 1 :]))


@pytest.mark.parametrize(
    "block", [b for b in SHOWN if b.kind == "checked"], ids=lambda b: f"{b.page}-{b.lines[0][:40]}"
)
def test_what_goes_no_further_is_read_as_typed(block, sandbox):
    known = {*DATASETS, *PUBLIC, "grid"}
    for line in block.lines:
        words = shlex.split(line, comments=True)
        if words[0] == "mmlib":
            read_as_typed(words[1:])
            if words[1] == "data":
                assert words[3] in known, line
            if words[1] in ("run", "reference", "figures"):
                plan = find_plan(words[2])
                assert "--profile" not in words or words[words.index("--profile") + 1] in plan.profiles, line
        else:
            assert words[0] in ("python", "torchrun"), f"{line}: nobody can check it here; say `not run` and why"
            read_settings(words)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mmlib run table1 --rowz a", "No such option: --rowz"),
        ("mmlib rum table1", "No such command 'rum'"),
        ("mmlib data get", "Missing parameter: name"),
        ("mmlib reproduce --workers two", "valid integer"),
    ],
)
def test_a_line_that_is_wrong_is_not_read(line, message):
    with pytest.raises(Exception, match=message):
        read_as_typed(shlex.split(line)[1:])
