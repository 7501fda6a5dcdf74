"""The figures of a section: lighter copies beside the pages, a narrow form for small screens, and what each shows."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from mmlib.figures.analyses import ANALYSES
from mmlib.metrics.family import metric
from mmlib.report.assemble import SHEETS, Assembly, draw, made_from
from mmlib.report.site import Site
from mmlib.report.titles import data_name
from mmlib.statistics import mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = {
    "rows": "Every row: seeds, mean and 95 % interval",
    "curves": "Training curves and traces",
}
"""Figures of a table that a page shows; statements are drawn by the page itself."""
NARROW_DPI = 160


def pictures_of(assembly: Assembly, outputs: Path, protocol: str, site: Site) -> dict[str, dict[str, object]]:
    """{name: what a page needs to show a figure}, of every figure that the assembly has drawn and a page shows."""
    drawings = ANALYSES[assembly.plan.figure].drawings if assembly.plan.figure else ()
    titles = TITLES | {drawing.name: drawing.title for drawing in drawings}
    shown = {name: stem for name, stem in assembly.figures.items() if name in titles}
    narrow = _narrow_forms(assembly, shown, outputs, protocol, site)
    found = {}
    for name, stem in shown.items():
        png = stem.with_name(f"{stem.name}.png")
        link = site.picture(png, png.name)
        width, height = _size(site.folder / link)
        small = narrow.get(name, "")
        found[name] = {
            "src": quote(link), "width": width, "height": height, "narrow": quote(small),
            "narrow_size": _size(site.folder / small) if small else (0, 0),
            "caption": f"{titles[name]} – {data_name(assembly)}", "alt": alt_text(assembly, name, titles[name]),
            "stem": stem,
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


def _narrow_forms(assembly: Assembly, shown: Iterable[str], outputs: Path, protocol: str, site: Site) -> dict[str, str]:
    """{name: link} of the narrow form of the figures shown; drawn again only where something has changed since."""
    names = {name: f"{assembly.name}-{name}-narrow.png" for name in shown}
    # The form's own code is part of the library's hash, which `made_from` holds; without one, nothing is remembered.
    state = made_from(assembly, outputs, protocol) if assembly.sources else None
    kept = {name: link for name, file in names.items() if (link := site.keep(file, state))}
    if kept.keys() == names.keys():
        return kept
    drawn = _drawn_narrow(assembly, protocol)
    return {name: site.put(names[name], state, make()) for name, make in drawn.items() if name in names}


def _drawn_narrow(assembly: Assembly, protocol: str) -> dict[str, Callable[[], bytes]]:
    from mmlib.figures.style import narrow

    with narrow():
        figures = {name: figure for sheet in SHEETS for name, figure in draw(assembly, protocol, sheet).items()}
    return {name: (lambda figure=figure: _png(figure)) for name, figure in figures.items()}


def _png(figure: Figure) -> bytes:
    from mmlib.figures.style import FORMATS, style

    stream = io.BytesIO()
    with style():
        figure.savefig(stream, format="png", dpi=NARROW_DPI, metadata=FORMATS[".png"], bbox_inches="tight")
    return stream.getvalue()


def _size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG, from its first bytes."""
    with open(path, "rb") as stream:
        head = stream.read(24)
    return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
