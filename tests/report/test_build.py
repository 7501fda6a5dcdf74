"""The report: from cell folders to its pages, without network, data or torch."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from claims_fakes import fake_notebook, write_runs
from report_pages import check_page, pages_of

from mmlib.record import read_record
from mmlib.report.build import build_report
from mmlib.report.pages import Conversion, offline
from mmlib.report.unchanged import STAMP
from mmlib.workbook import results as results_module
from mmlib.workbook.plan import find_plan
from mmlib.workbook.reference import load_reference, write_reference
from mmlib.workbook.results import collect


def test_report_of_nothing(stub_project):
    front, page = map(check_page, pages_of(build_report(stub_project / "outputs")))
    assert "No statement could be tested yet." in front
    assert "Nothing has run yet." in front
    assert "mmlib run table1 --profile embedded" in page
    assert "cremad needs" in page or "blocked" in page
    assert "never the number" in front


def test_report_of_runs(built):
    for page in pages_of(built.index):
        check_page(page)
    page, outputs = built.table1, built.outputs
    assert "RuntimeError: it broke" in page
    assert "abcdef1234" in page
    assert page.count('href="notebooks/synthetic-') == 45  # failed cells too
    assert "data:image" not in page + built.front
    for name in ("table1-embedded.csv", "table1-embedded-statements.tex", "table1-embedded-problems.md"):
        assert (outputs / "tables" / "table1-embedded" / name).exists()
    for name in ("rows", "statements", "curves"):
        assert (outputs / "figures" / f"table1-embedded-{name}.pdf").exists()
    embedded = page[page.index('id="table1-embedded"') : page.index('id="table1-av_digits"')]
    # Never the paper's number on other data; drawings hold coordinates.
    assert "51.5" not in re.sub(r"<svg.*?</svg>", "", embedded)


def test_the_front_page_is_short_and_comes_first(built):
    order = [built.front.index(f'id="{name}"') for name in ("conclusions", "map", "ran", "caveats", "provenance")]
    assert order == sorted(order)
    assert built.index.stat().st_size < 200_000
    assert sum(path.stat().st_size for path in built.index.parent.rglob("*") if path.is_file()) < 4_000_000


def test_every_page_leads_to_every_other_and_stays_in_view(built):
    for page in pages_of(built.index):
        text = page.read_text(encoding="utf-8")
        for other in pages_of(built.index):
            assert text.count(f'href="{other.name}"') >= 2  # beside the page, and above it on a small screen
        assert ".contents.wide { position: sticky" in text
        assert "prefers-color-scheme: dark" in text
        assert "@media print" in text


def test_tables_become_cards_whose_cells_name_their_column(built):
    for text in (built.front, built.table1):
        cells = re.findall(r"<td[^>]*>", text)
        assert len(cells) > 50
        named = [cell for cell in cells if "data-label=" in cell or "absent" in cell]
        assert named == cells


def test_executed_notebooks_link_back(built):
    pages = sorted((built.index.parent / "notebooks").glob("*.html"))
    assert len(pages) == 45
    text = pages[0].read_text(encoding="utf-8")
    assert 'href="../index.html">Report</a>' in text
    assert 'href="../plan-table1.html#table1-embedded">Table 1: generated audio-visual data</a>' in text


def test_what_did_not_run_is_short_and_leaves_no_files(built):
    text = built.table1
    assert text.index('id="not-run"') < text.index('id="table1-cremad"') < text.index('id="caveats"')
    made = sorted(folder.name for folder in (built.outputs / "tables").iterdir())
    assert made == ["table1-av_digits", "table1-embedded"]
    unrun = text[text.index('id="not-run"') : text.index('id="caveats"')]
    assert unrun.count("<details>") == unrun.count("<details")  # all folded


def test_a_report_of_nothing_new_draws_and_writes_nothing(built, monkeypatch):
    monkeypatch.setenv("MMLIB_PROJECT", str(built.project))
    monkeypatch.delenv("MMLIB_OUTPUTS", raising=False)
    read, drawn = [], []
    monkeypatch.setattr(results_module, "read_record", lambda folder: read.append(folder) or read_record(folder))
    monkeypatch.setattr("mmlib.report.drawing.draw", lambda *_: drawn.append(1))
    monkeypatch.setattr("mmlib.report.sheets.draw", lambda *_: drawn.append(1))
    monkeypatch.setattr("mmlib.report.pages.convert", lambda _: drawn.append(1))
    files = {path: path.stat().st_mtime_ns for path in built.index.parent.rglob("*") if path.is_file()}
    front = re.sub(r"[-0-9]+ [:0-9]+ UTC", "", built.front)
    (built.index.parent / STAMP).unlink()  # nothing tells it so at once
    build_report(built.outputs)
    assert drawn == []
    plan = find_plan("table1")
    cells = [cell for profile in plan.profiles for cell in plan.cells(profile)]
    assert len(read) == len(set(read)) == len(cells)  # every cell once: the work grows as their number
    now = {path: path.stat().st_mtime_ns for path in built.index.parent.rglob("*") if path.is_file()}
    changed = {path.name for path in files | now if files.get(path) != now.get(path)}
    assert changed <= {"index.html", ".mmlib-report.json", STAMP}  # which say when they were made
    assert re.sub(r"[-0-9]+ [:0-9]+ UTC", "", built.front) == front


def test_report_does_not_load_torch(stub_project):
    code = (
        "import sys\nfrom mmlib.report.build import build_report\n"
        f"build_report({str(stub_project / 'outputs')!r})\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_reference_stands_in_and_says_so(stub_project, tmp_path):
    plan = find_plan("table1")
    write_runs(plan, "embedded", tmp_path / "elsewhere")
    made = collect(plan, "embedded", tmp_path / "elsewhere")
    path = write_reference(stub_project / "outputs" / "reference", made, "2 cores, 5 minutes")
    assert path.stat().st_size < 400_000
    assert len(load_reference(path.parent, "table1", "embedded").records) == 48
    front, text = map(check_page, pages_of(build_report(stub_project / "outputs", notebooks=False)))
    assert "committed reference" in front
    assert "not run here: these are the committed reference results (2 cores, 5 minutes)" in text
    assert "other parameters" not in text
    results = collect(plan, "embedded", stub_project / "outputs", reference=path.parent)
    assert (results.source, len(results.records)) == ("reference", 48)
    write_runs(plan, "embedded", stub_project / "outputs", skip=[row.id for row in plan.rows[1:]])
    results = collect(plan, "embedded", stub_project / "outputs", reference=path.parent)
    assert (results.source, len(results.records)) == ("runs", 3)  # never mixed with runs of one's own


def test_notebooks_are_converted_once_per_content(tmp_path):
    notebook = tmp_path / "a.ipynb"
    notebook.write_text(json.dumps(fake_notebook("one")))
    folder = tmp_path / "pages"
    assert Conversion({"a": notebook}, folder).finish() == {"a": "a.html"}
    page = folder / "a.html"
    text = page.read_text(encoding="utf-8")
    assert "one" in text
    assert not re.search(r"<(?:script|link|img)[^>]*(?:src|href)=[\"']?(?:https?:)?//", text)
    first = page.stat().st_mtime_ns
    Conversion({"a": notebook}, folder).finish()
    assert page.stat().st_mtime_ns == first
    notebook.write_text(json.dumps(fake_notebook("two")))
    Conversion({"a": notebook}, folder).finish()
    assert "two" in page.read_text(encoding="utf-8")
    Conversion({}, folder).finish()
    assert not page.exists()


def test_one_damaged_file_does_not_stop_the_report(stub_project, capsys):
    outputs, plan = stub_project / "outputs", find_plan("table1")
    write_runs(plan, "embedded", outputs, skip=[row.id for row in plan.rows[4:]])
    folders = sorted(outputs.glob("runs/*"))
    text = (folders[0] / "notebook.ipynb").read_text()
    (folders[0] / "notebook.ipynb").write_text(text[: len(text) // 2])
    (folders[1] / "notebook.ipynb").write_text("[" * 100_000)
    (folders[2] / "notebook.ipynb").write_text("version https://git-lfs.github.com/spec/v1\n")
    (folders[3] / "history.jsonl").write_bytes(
        b'{"epoch": 0, "test/top1": 0.\xff\n["a"]\n{"epoch": ' + b"9" * 5000 + b"}\n"
    )
    (folders[4] / "arrays.npz").write_bytes(b"PK\x03\x04half")
    (folders[5] / "record.json").write_text("{")
    text = check_page(pages_of(build_report(outputs))[1])
    said = capsys.readouterr().out
    assert said.count("cannot be shown") == 3
    assert text.count('href="notebooks/synthetic-') == len(folders) - 3
    assert "altered" in text


def test_an_index_of_pages_leads_nowhere_else_and_may_be_damaged(tmp_path):
    notebook, folder = tmp_path / "a.ipynb", tmp_path / "report" / "notebooks"
    notebook.write_text(json.dumps(fake_notebook("one")))
    victim = tmp_path / "victim.html"
    victim.write_text("mine")
    folder.mkdir(parents=True)
    for content in ({"../../victim": "0"}, ["a"], {"a": 3}, None):
        (folder / "index.json").write_text(json.dumps(content) if content else "{")
        assert Conversion({"a": notebook}, folder).finish() == {"a": "a.html"}
        assert json.loads((folder / "index.json").read_text()).keys() == {"a"}
        assert victim.read_text() == "mine"


def test_offline_removes_what_asks_the_network():
    page = (
        '<script src="https://cdn.example/x.js"></script><script>let a = 1;</script>'
        '<link rel="stylesheet" href="//fonts.example/y.css"><script type="module">import m from "https://cdn.z/m"</script>'
        '<a href="https://example.org">kept</a>'
    )
    assert offline(page) == '<a href="https://example.org">kept</a>'
