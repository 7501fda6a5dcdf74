"""The figures of a report, several at a time: the same as one after the other, and only what is missing."""

from __future__ import annotations

import pytest
from claims_fakes import write_runs

from mmlib.errors import OutputsError
from mmlib.pool import Processes
from mmlib.report import sheets
from mmlib.report.assemble import assemble
from mmlib.report.sheets import Drawing
from mmlib.report.site import Site
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.plan import find_plan

PROFILES = ("embedded", "av_digits")


@pytest.fixture
def ran(stub_project):
    for profile in PROFILES:
        write_runs(find_plan("table1"), profile, stub_project / "outputs")
    return stub_project


def draw_report(project, target, workers=1):
    """The assemblies, their copies, and the files of outputs and report by name."""
    plan, site, prints = find_plan("table1"), Site(target / "report"), Fingerprints(project)
    found = [assemble(plan, name, project / "outputs", project, fingerprints=prints) for name in PROFILES]
    with Processes(workers) as processes:
        copies = Drawing(found, target, "clean", site, processes).finish()
    site.finish()
    files = {path.relative_to(target): path for path in target.rglob("*") if path.is_file()}
    return found, copies, files


def test_two_processes_draw_what_one_draws(ran, tmp_path):
    alone, alone_copies, alone_files = draw_report(ran, tmp_path / "one")
    both, both_copies, both_files = draw_report(ran, tmp_path / "two", workers=2)
    assert alone_copies == both_copies
    assert len(both_copies["table1-embedded"]) == 2
    assert [list(one.figures) for one in alone] == [list(one.figures) for one in both]
    assert [one.described for one in alone] == [one.described for one in both]
    assert [len(one.files) for one in both] == [9, 9]  # three figures, three formats
    pictures = [name for name in both_files if name.suffix in (".png", ".webp")]
    assert len(pictures) == 2 * (3 + 2 * 2)
    assert alone_files.keys() == both_files.keys()
    assert all(alone_files[name].read_bytes() == both_files[name].read_bytes() for name in pictures)


def test_only_what_is_missing_is_made(ran, tmp_path, monkeypatch):
    draw_report(ran, tmp_path)
    done = []
    monkeypatch.setattr(sheets, "draw_sheet", lambda sheet, make=sheets.draw_sheet: done.append(sheet) or make(sheet))
    draw_report(ran, tmp_path)
    assert done == []
    folder = tmp_path / "report" / "figures"
    (folder / "table1-embedded-rows.webp").unlink()
    (folder / "table1-av_digits-curves-narrow.webp").unlink()
    draw_report(ran, tmp_path)
    assert [(sheet.assembly.name, sheet.write, sheet.wide, sheet.narrow) for sheet in done] == [
        ("table1-embedded", False, {"rows"}, set()),
        ("table1-av_digits", False, set(), {"curves"}),
    ]
    done.clear()
    (tmp_path / "figures" / "table1-embedded-rows.pdf").write_bytes(b"not as drawn")
    draw_report(ran, tmp_path)
    assert [(sheet.assembly.name, sheet.name, sheet.write) for sheet in done] == [("table1-embedded", "table", True)]
    assert len(list(folder.glob("*.webp"))) == 2 * 2 * 2


def test_what_goes_wrong_in_a_process_is_said_once(ran, tmp_path):
    (tmp_path / "figures").write_text("a file where a folder has to be")
    with pytest.raises(OutputsError, match="figures"):
        draw_report(ran, tmp_path, workers=2)
