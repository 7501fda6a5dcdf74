"""The rules of the house that a program can check: style, the lock, the notebooks, what is tracked."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=PROJECT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [PROJECT / name for name in listed.stdout.split("\0") if name]


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=["lint", "format"])
def test_ruff(arguments):
    done = subprocess.run([sys.executable, "-m", "ruff", *arguments, "."], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_lock_names_versions_and_hashes_and_nothing_else():
    text = (PROJECT / "requirements.lock").read_text()
    assert not re.search(r"https?://|index|find-links|file:", text)
    entries = [entry for entry in re.split(r"\n(?=\S)", text) if entry.strip() and not entry.startswith("#")]
    assert len(entries) > 100
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==[^\s;]+", entry, re.I), entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


def test_lock_pins_the_only_torch_trio_that_imports_together():
    text = (PROJECT / "requirements.lock").read_text()
    versions = dict(re.findall(r"^(torch|torchaudio|torchvision)==([\d.]+)", text, re.M))
    assert versions["torch"].startswith("2.11.")
    assert versions["torchaudio"].startswith("2.11.")
    assert versions["torchvision"].startswith("0.26.")


def test_lock_covers_every_declared_dependency():
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    declared = project["dependencies"] + project["optional-dependencies"]["test"]
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (PROJECT / "requirements.lock").read_text(), re.M))
    for requirement in declared:
        assert re.match(r"[A-Za-z0-9_.-]+", requirement).group().lower() in locked, requirement


def test_environment_installs_from_the_same_lock():
    environment = yaml.safe_load((PROJECT / "environment.yml").read_text())
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert pip == ["-r requirements.lock"]


def test_library_files_hold_one_idea():
    for path in tracked("mmlib/*.py"):
        assert len(path.read_text().splitlines()) <= 320, f"{path.relative_to(PROJECT)} is long: is it one idea?"


def test_tracked_files_are_small():
    for path in tracked():
        if path.name != "requirements.lock" and path.exists():
            assert path.stat().st_size < 400_000, path


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebook:
    def cells(self, path, kind="code"):
        return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]

    def test_carries_no_outputs(self, path):
        for cell in self.cells(path):
            assert cell["outputs"] == []
            assert cell["execution_count"] is None

    def test_parameters_come_first(self, path):
        """In one cell; or five of them in a first one, the others under a collapsed heading, then papermill's place."""
        tags = [tag for cell in self.cells(path) for tag in cell.get("metadata", {}).get("tags", [])]
        first = self.cells(path)[0]["metadata"]["tags"]
        assert tags == ["parameters"] or tags == ["first-parameters", "parameters", "injected-parameters"]
        assert first == tags[:1]

    def test_every_parameter_is_annotated_and_commented(self, path):
        sources = ["".join(cell["source"]) for cell in self.cells(path) if cell["metadata"].get("tags")]
        for source in sources:
            assert all(isinstance(node, ast.AnnAssign) for node in ast.parse(source).body)
            for node in ast.parse(source).body:
                assert "#" in source.splitlines()[node.end_lineno - 1], ast.unparse(node)
        if len(sources) > 1:
            assert len(ast.parse(sources[0]).body) == 5
            (heading,) = [
                cell for cell in self.cells(path, "markdown") if cell["metadata"].get("jp-MarkdownHeadingCollapsed")
            ]
            assert "".join(heading["source"]).startswith("## All other parameters")

    def test_is_thin(self, path):
        cells = self.cells(path)
        parameters = sum(bool(cell["metadata"].get("tags")) for cell in cells)
        assert len(cells) - parameters < 10
        source = "\n".join("".join(cell["source"]) for cell in cells)
        assert not any(isinstance(node, ast.ClassDef | ast.FunctionDef) for node in ast.walk(ast.parse(source)))
        assert not re.search(r"^[%!]", source, re.M), "magics hide failures from papermill"

    def test_names_its_experiment(self, path):
        assert json.loads(path.read_text())["metadata"]["mmlib"]["experiment"].startswith("mmlib.experiments.")


def test_cheap_imports_stay_cheap():
    """What the command line needs for plans, status and reports must not load torch, Dask or papermill."""
    code = (
        "import sys, mmlib.cli, mmlib.workbook.plan, mmlib.workbook.fingerprint, mmlib.workbook.claims\n"
        "heavy = set('torch torchaudio distributed papermill pandas matplotlib scipy'.split()) & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# Rooms of the library, from the ground up: a file imports from its own row and from rows above it in this list.
LAYERS = (
    {"errors"},
    {"files", "collectives", "compiling", "machine", "notebook_format", "pool", "processes", "statistics"},
    {"seal"},
    {"parameters", "record", "metrics", "losses", "fusion"},
    {"modulation", "models", "data", "training"},
    {"continual", "valuation"},
    {"workbook"},
    {"analysis"},
    {"figures"},
    {"report"},
    {"experiments"},
    {"commands"},
    {"cli"},
)


def imported_modules(path: Path) -> set[str]:
    """Every `mmlib.…` module that a file imports, wherever the import stands (also for types alone)."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names if node.module == "mmlib" else {node.module}
    return {name for name in found if name.startswith("mmlib.")}


def test_no_import_points_upward():
    rank = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
    files = tracked("mmlib/*.py")
    assert len(files) > 100
    upward, between = [], {}
    for path in files:
        inside = path.relative_to(PROJECT / "mmlib")
        room = inside.parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for module in imported_modules(path):
            other = module.split(".")[1]
            if other == room or other.startswith("_"):
                continue
            if rank[other] > rank[room]:
                upward.append(f"{inside} imports {module}")
            between.setdefault(frozenset((room, other)), set()).add((room, other))
    assert not upward
    circles = [pair for pair, ways in between.items() if len(ways) == 2]
    assert not circles, circles
