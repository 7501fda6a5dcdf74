"""The figures of a section: copies beside the pages, wide and for small screens, and what each shows in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from mmlib.figures.analyses import ANALYSES
from mmlib.metrics.family import metric
from mmlib.report.assemble import Assembly
from mmlib.report.titles import data_name
from mmlib.statistics import mean

TITLES = {
    "rows": "Every row: seeds, mean and 95 % interval",
    "curves": "Training curves and traces",
}
"""Figures of a table that a page shows; statements are drawn by the page itself."""


@dataclass(frozen=True)
class Copies:
    """A figure's two copies in the report's folder, by their links."""

    wide: str
    narrow: str


def titles_of(assembly: Assembly) -> dict[str, str]:
    """{name: title} of the figures that a page shows, where they have been drawn."""
    drawings = ANALYSES[assembly.plan.figure].drawings if assembly.plan.figure else ()
    return TITLES | {drawing.name: drawing.title for drawing in drawings}


def pictures_of(assembly: Assembly, folder: Path, copies: dict[str, Copies]) -> dict[str, dict[str, object]]:
    """{name: what a page in `folder` needs to show a figure}."""
    titles, found = titles_of(assembly), {}
    for name, copy in copies.items():
        width, height = _size(folder / copy.wide)
        found[name] = {
            "src": quote(copy.wide), "width": width, "height": height,
            "narrow": quote(copy.narrow), "narrow_size": _size(folder / copy.narrow),
            "caption": f"{titles[name]} – {data_name(assembly)}", "alt": alt_text(assembly, name, titles[name]),
            "stem": assembly.figures[name],
        }  # fmt: skip
    return found


def alt_text(assembly: Assembly, name: str, title: str) -> str:
    """What the figure shows, in words: its message where one was computed, then its panels."""
    told = [f"{title}, {assembly.results.profile_title}, {assembly.results.seeds_text}"]
    if name == "rows" and (said := _extremes(assembly)):
        told.append(said)
    elif assembly.findings is not None and name not in TITLES:
        told.append(assembly.findings.headline)
    return ". ".join([*told, assembly.described.get(name, "")]).strip()


def _extremes(assembly: Assembly) -> str:
    """ "Top-1 goes from 51.2 % (Baseline, FiLM) to 63.0 % (...)": of the first metric, under the clean protocol."""
    known = metric(assembly.metrics[0])
    means = {
        f"{row.block}, {row.label}": mean(list(values.values()))
        for row in assembly.results.rows.values()
        if (values := row.values(f"clean/{known.name}"))
    }
    if len(means) < 2:
        return ""
    low, high = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    return f"{known.title} goes from {known.text(means[low])} ({low}) to {known.text(means[high])} ({high})"


def _size(path: Path) -> tuple[int, int]:
    """Width and height of a picture."""
    from PIL import Image

    with Image.open(path) as picture:
        return picture.size
