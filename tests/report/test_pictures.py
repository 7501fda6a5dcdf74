"""Figures of the pages: files beside them, a form for small screens, and words for those who cannot see them."""

from __future__ import annotations

from PIL import Image
from report_pages import read_links

from mmlib.report.lighten import COLOURS

PAGE = "plan-table1.html"


def pictures(built):
    return read_links(built.index.parent / PAGE).pictures


def test_figures_are_files_beside_the_page(built):
    found = pictures(built)
    assert len(found) == 2 * 2  # rows and curves of both data sets; statements are drawn by the page
    for picture in found:
        assert picture["src"].startswith("figures/table1-")
        with Image.open(built.index.parent / picture["src"]) as image:
            assert image.size == (int(picture["width"]), int(picture["height"]))
            assert image.format == "WEBP"
            assert len(image.convert("RGB").getcolors(256)) <= COLOURS


def test_every_figure_has_a_narrow_form(built):
    for picture in pictures(built):
        narrow = built.index.parent / picture["src"].replace(".webp", "-narrow.webp")
        with Image.open(narrow) as small, Image.open(built.index.parent / picture["src"]) as wide:
            assert small.width < 0.75 * wide.width
            assert small.height > small.width
            size = f'width="{small.width}" height="{small.height}"'
        assert f'<source media="(max-width: 640px)" srcset="figures/{narrow.name}" {size}>' in built.table1


def test_the_alternative_text_says_what_is_shown(built):
    rows, curves = pictures(built)[:2]
    assert "Every row: seeds, mean and 95 % interval, generated audio-visual data, 3 seeds (0, 1, 2)" in rows["alt"]
    records = [record for record in built.records().values() if record["profile"] == "embedded"]
    means = {}
    for record in records:
        means.setdefault(record["row"], []).append(100 * record["metrics"]["clean/top1"])
    low, high = (chosen(sum(values) / 3 for values in means.values()) for chosen in (min, max))
    assert f"Top-1 goes from {low:.1f} % (" in rows["alt"]
    assert f") to {high:.1f} % (" in rows["alt"]
    assert "training loss (nats): epoch from " in curves["alt"]
    assert "Legend: " in curves["alt"]
