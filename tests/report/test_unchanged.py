"""A report of what has not changed is not made again, and one of anything else is."""

from __future__ import annotations

import os
import shutil

import pytest

from mmlib.commands.workbook import report
from mmlib.experiments.classification import Parameters
from mmlib.report import build
from mmlib.report.build import build_report
from mmlib.report.unchanged import STAMP, Unchanged
from mmlib.workbook.fingerprint import Fingerprints


@pytest.fixture
def outputs(built, monkeypatch, tmp_path):
    """The outputs of a report, in a folder of its own: where it lies does not count."""
    monkeypatch.setenv("MMLIB_PROJECT", str(built.project))
    return shutil.copytree(built.outputs, tmp_path / "outputs", copy_function=shutil.copy2)


class Making(Exception):
    """A report begins to be made."""


@pytest.fixture
def noticed(monkeypatch):
    """Whether a report would be made; it is not."""

    def assemble(*_, **__):
        raise Making

    def noticed(outputs, **options):
        try:
            build_report(outputs, **options)
        except Making:
            return True
        return False

    monkeypatch.setattr(build, "assemble", assemble)
    return noticed


def touch(path):
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))


def test_nothing_new_is_not_made_again(outputs, noticed):
    before = {path: path.stat().st_mtime_ns for path in outputs.rglob("*") if path.is_file()}
    assert not noticed(outputs)
    after = {path: path.stat().st_mtime_ns for path in outputs.rglob("*") if path.is_file()}
    assert after.keys() - before.keys() <= {outputs / ".sources.json"}
    assert {path: after[path] for path in before} == before


def test_what_was_made_again_is_kept(outputs, capsys):
    report(outputs)
    index = outputs / "report" / "index.html"
    assert capsys.readouterr().out == f"report: {index} (up to date)\n"
    page = outputs / "report" / "plan-table1.html"
    text = page.read_text()
    page.unlink()
    index.unlink()
    report(outputs)
    assert capsys.readouterr().out.endswith(f"report: {index}\n")
    assert page.read_text() == text
    page.write_text("mine")
    build_report(outputs)
    assert page.read_text() == text
    before = page.stat().st_mtime_ns
    build_report(outputs)
    assert page.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "change",
    [
        lambda outputs: next(outputs.glob("runs/*/record.json")).write_text("{}"),
        lambda outputs: touch(next(outputs.glob("runs/*/history.jsonl"))),
        lambda outputs: shutil.rmtree(next(outputs.glob("runs/*"))),
        lambda outputs: next(outputs.glob("report/*.html")).unlink(),
        lambda outputs: touch(outputs / "report" / "index.html"),
        lambda outputs: next(outputs.glob("figures/*.pdf")).unlink(),
        lambda outputs: next(outputs.glob("tables/**/*.csv")).unlink(),
        lambda outputs: (outputs / "report" / STAMP).write_text("[1]"),
        lambda outputs: (outputs / "report" / STAMP).unlink(),
    ],
)
def test_what_changed_makes_it_again(outputs, noticed, change):
    change(outputs)
    assert noticed(outputs)


def test_other_options_other_libraries_and_data_that_went_make_it_again(outputs, noticed, monkeypatch):
    assert noticed(outputs, notebooks=False)
    assert noticed(outputs, protocol="paper")
    assert noticed(outputs, plans=["table1"])
    with monkeypatch.context() as patch:
        patch.setattr("importlib.metadata.version", lambda name: "0.0")
        assert noticed(outputs)
    with monkeypatch.context() as patch:
        patch.setattr(Parameters, "missing_data", lambda self: "gone")
        assert noticed(outputs)
    assert not noticed(outputs)


def test_links_are_followed_but_not_in_circles(outputs, noticed, tmp_path):
    cell = next(outputs.glob("runs/*"))
    elsewhere = shutil.move(cell, tmp_path / "elsewhere")
    cell.symlink_to(elsewhere)
    (outputs / "runs" / "circle").symlink_to(outputs / "runs")
    unchanged = [Unchanged(outputs, outputs.parent, [], {}, None).state for _ in range(2)]
    assert unchanged[0] == unchanged[1]
    record = elsewhere / "record.json"
    record.write_text(record.read_text() + " ")
    assert Unchanged(outputs, outputs.parent, [], {}, None).state != unchanged[0]


def test_a_declaration_in_somebodys_own_experiment_counts(tmp_path):
    text = "from mmlib.experiments.settings import about\nclass P:\n    a: int = about(1, 'a')\n"
    (tmp_path / "mine.py").write_text(text)
    sources = Fingerprints(tmp_path)
    before = sources.library("mine"), sources.whole("mine")
    (tmp_path / "mine.py").write_text(text.replace("(1", "(2"))
    sources = Fingerprints(tmp_path)
    assert sources.library("mine") == before[0]
    assert sources.whole("mine") != before[1]
