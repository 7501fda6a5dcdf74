"""A report on disk, read as a browser does: its pages, links and records."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote


@dataclass
class Built:
    """A report on disk, and the project that it was made of."""

    project: Path
    index: Path

    @property
    def outputs(self) -> Path:
        return self.project / "outputs"

    @property
    def front(self) -> str:
        return self.index.read_text(encoding="utf-8")

    @property
    def said(self) -> str:
        """The front page's text without its tags' escapes, and without bold letters."""
        return unescape(self.front.replace("<b>", "").replace("</b>", ""))

    @property
    def table1(self) -> str:
        return (self.index.parent / "plan-table1.html").read_text(encoding="utf-8")

    @property
    def trace(self) -> dict:
        return json.loads((self.index.parent / "conclusions.json").read_text())

    def records(self) -> dict[str, dict]:
        """{cell: record} of every finished run, as it lies on disk."""
        found = [json.loads(path.read_text()) for path in self.outputs.glob("runs/*/record.json")]
        return {record["cell_id"]: record for record in found if record["status"] == "done"}


def pages_of(index: Path) -> list[Path]:
    """The report's own pages, without executed notebooks."""
    return sorted(index.parent.glob("*.html"))


class Links(HTMLParser):
    """Every link, identifier and picture of a page; refuses tags that are not closed in order."""

    VOID = ("meta", "img", "link", "br", "source", "path", "circle", "rect")

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.pictures: list[dict] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        self.links += [value for name, value in attributes if name in ("href", "src", "srcset")]
        self.ids += [value for name, value in attributes if name == "id"]
        self.pictures += [dict(attributes)] if tag == "img" else []

    def handle_startendtag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read_links(page: Path) -> Links:
    parser = Links()
    parser.feed(page.read_text(encoding="utf-8"))
    assert parser.open == []
    return parser


def check_page(page: Path) -> str:
    """The page's text; its tags are closed, its links lead somewhere on this disk, and it runs nothing."""
    text, found = page.read_text(encoding="utf-8"), read_links(page)
    assert len(found.ids) == len(set(found.ids))
    for link in found.links:
        assert not link.startswith(("http", "//", "/", "data:")), link
        path, _, anchor = link.partition("#")
        target = (page.parent / unquote(path)) if path else page
        assert target.exists(), link
        if anchor:
            assert unquote(anchor) in read_links(target).ids, link
    assert "<script" not in text
    return text
