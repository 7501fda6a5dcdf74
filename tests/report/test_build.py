"""The report: from cell folders to one page, without network, data or torch."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

from claims_fakes import fake_notebook, write_runs

from mmlib.report.build import build_report
from mmlib.report.pages import convert_notebooks, offline
from mmlib.workbook.plan import find_plan
from mmlib.workbook.reference import load_reference, write_reference
from mmlib.workbook.results import collect


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.links, self.open = [], []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)
        self.links += [value for name, value in attributes if name in ("href", "src")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check_page(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    parser = Links()
    parser.feed(text)
    assert parser.open == []
    ids = set(re.findall(r'id="([^"]+)"', text))
    for link in parser.links:
        assert not link.startswith(("http", "//")), link
        if link.startswith("#"):
            assert link[1:] in ids
        elif not link.startswith("data:"):
            assert (page.parent / link).exists(), link
    assert "<script" not in text
    return text


def test_report_of_nothing(stub_project):
    text = check_page(build_report(stub_project / "outputs"))
    assert "No statement could be tested yet." in text
    assert "mmlib run table1 --profile embedded" in text
    assert "cremad needs" in text or "blocked" in text
    assert "never the number" in text


def test_report_of_runs(stub_project):
    outputs, plan = stub_project / "outputs", find_plan("table1")
    write_runs(plan, "embedded", outputs, skip=("baseline-film",), failed=("simam2-film",))
    page = build_report(outputs)
    text = check_page(page)
    assert "42 of 48 cells finished, 3 seeds (0, 1, 2)" in text
    assert "RuntimeError: it broke" in text
    assert "abcdef1234" in text
    assert "data:image/png;base64," in text
    assert text.count("notebooks/synthetic-") == 45  # failed cells too
    for name in ("table1-embedded.csv", "table1-embedded-statements.tex", "table1-embedded-problems.md"):
        assert (outputs / "tables" / "table1-embedded" / name).exists()
    for name in ("rows", "statements", "curves"):
        assert (outputs / "figures" / f"table1-embedded-{name}.pdf").exists()
    embedded = text[text.index('id="table1-embedded"') : text.index('id="table1-grid_words_audio"')]
    assert "51.5" not in embedded  # never the paper's number on other data


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
    text = check_page(build_report(stub_project / "outputs"))
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
    assert convert_notebooks({"a": notebook}, folder) == {"a": "a.html"}
    page = folder / "a.html"
    text = page.read_text(encoding="utf-8")
    assert "one" in text
    assert not re.search(r"<(?:script|link|img)[^>]*(?:src|href)=[\"']?(?:https?:)?//", text)
    first = page.stat().st_mtime_ns
    convert_notebooks({"a": notebook}, folder)
    assert page.stat().st_mtime_ns == first
    notebook.write_text(json.dumps(fake_notebook("two")))
    convert_notebooks({"a": notebook}, folder)
    assert "two" in page.read_text(encoding="utf-8")
    convert_notebooks({}, folder)
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
    text = check_page(build_report(outputs))
    said = capsys.readouterr().out
    assert said.count("cannot be shown") == 3
    assert text.count("notebooks/synthetic-") == len(folders) - 3
    assert "altered" in text


def test_an_index_of_pages_leads_nowhere_else_and_may_be_damaged(tmp_path):
    notebook, folder = tmp_path / "a.ipynb", tmp_path / "report" / "notebooks"
    notebook.write_text(json.dumps(fake_notebook("one")))
    victim = tmp_path / "victim.html"
    victim.write_text("mine")
    folder.mkdir(parents=True)
    for content in ({"../../victim": "0"}, ["a"], {"a": 3}, None):
        (folder / "index.json").write_text(json.dumps(content) if content else "{")
        assert convert_notebooks({"a": notebook}, folder) == {"a": "a.html"}
        assert json.loads((folder / "index.json").read_text()).keys() == {"a"}
        assert victim.read_text() == "mine"


def test_offline_removes_what_asks_the_network():
    page = (
        '<script src="https://cdn.example/x.js"></script><script>let a = 1;</script>'
        '<link rel="stylesheet" href="//fonts.example/y.css"><script type="module">import m from "https://cdn.z/m"</script>'
        '<a href="https://example.org">kept</a>'
    )
    assert offline(page) == '<a href="https://example.org">kept</a>'
