"""The report's folder: nothing is written twice, and only what an earlier report wrote is ever removed."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image

from mmlib.errors import UsageError
from mmlib.report.lighten import light
from mmlib.report.site import MANIFEST, Site, state_of


@pytest.fixture
def png(tmp_path):
    stream = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(stream, "PNG")
    path = tmp_path / "figures" / "a.png"
    path.parent.mkdir()
    path.write_bytes(stream.getvalue())
    return path


def written(folder) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def make(folder, pages=("index.html",), pictures=()) -> Site:
    site = Site(folder)
    for name in pages:
        site.page(name, f"<p>{name}</p>")
    for path in pictures:
        state = state_of(path)
        site.keep(path.name, state) or site.put(path.name, state, light(path.read_bytes()))
    site.finish()
    return site


def test_what_has_not_changed_is_not_written_again(tmp_path, png):
    make(tmp_path / "report", pictures=[png])
    first = written(tmp_path / "report")
    assert set(first) == {"index.html", "a.png", MANIFEST}
    make(tmp_path / "report", pictures=[png])
    assert written(tmp_path / "report") == first
    png.write_bytes(png.read_bytes() + b"more")
    make(tmp_path / "report", pictures=[png])
    assert written(tmp_path / "report")["a.png"] > first["a.png"]


def test_only_own_files_go_when_they_are_not_needed_any_more(tmp_path, png):
    report = tmp_path / "report"
    make(report, ["index.html", "plan-old.html", "plan-edited.html"], [png])
    (report / "plan-mine.html").write_text("of the user")
    (report / "plan-edited.html").write_text("changed by the user")
    make(report)
    assert {path.name for path in report.glob("*.html")} == {"index.html", "plan-mine.html", "plan-edited.html"}
    assert not (report / "figures" / "a.png").exists()
    assert png.exists()


@pytest.mark.parametrize("content", [{"../victim.html": {"sha256": None}}, [], {"figures/../../victim.html": 3}, None])
def test_a_damaged_list_leads_nowhere_else(tmp_path, content):
    report = tmp_path / "report"
    report.mkdir()
    (tmp_path / "victim.html").write_text("mine")
    text = json.dumps({"format": "mmlib-report", "files": content}) if content is not None else "{"
    (report / MANIFEST).write_text(text)
    make(report)
    assert (tmp_path / "victim.html").read_text() == "mine"
    assert json.loads((report / MANIFEST).read_text())["files"].keys() == {"index.html"}


@pytest.mark.parametrize("name", ["../index.html", "a/b.html", ".hidden", "", "x" * 300])
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    site = Site(tmp_path / "report")
    with pytest.raises(UsageError, match="cannot be a file's name"):
        site.page(name, "")
    with pytest.raises(UsageError, match="cannot be a file's name"):
        site.put(name, "", b"")


def test_a_picture_is_lighter_and_looks_the_same(tmp_path, png):
    make(tmp_path / "report", pictures=[png])
    copy = tmp_path / "report" / "figures" / "a.png"
    assert copy.stat().st_size <= png.stat().st_size
    with Image.open(copy) as light, Image.open(png) as full:
        assert light.size == full.size
        pairs = zip(light.convert("RGB").tobytes(), full.convert("RGB").tobytes(), strict=True)
        assert max(abs(one - other) for one, other in pairs) <= 4


def test_a_damaged_copy_is_made_again(tmp_path, png):
    make(tmp_path / "report", pictures=[png])
    copy = tmp_path / "report" / "figures" / "a.png"
    whole = copy.read_bytes()
    copy.write_bytes(b"")
    make(tmp_path / "report", pictures=[png])
    assert copy.read_bytes() == whole
