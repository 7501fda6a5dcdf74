"""All figures of a report, several sheets at a time: drawn where something has changed, and copied for the pages.

A sheet is what `drawing.SHEETS` lists. A report of a dozen data sets draws some seventy figures in three formats, a
narrow form and a light copy of each: a minute and more for one core.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmlib.data.progress import Progress
from mmlib.pool import Processes
from mmlib.report.assemble import Assembly
from mmlib.report.drawing import SHEETS, draw, keep_figures, made_from, write_figures
from mmlib.report.lighten import light
from mmlib.report.pictures import Copies, titles_of
from mmlib.report.site import Site, picture_link, state_of

NARROW_DPI = 150


@dataclass(frozen=True)
class Sheet:
    """What there is to do for one sheet: its figures to be written, and copies to be made of the figures named."""

    assembly: Assembly
    name: str
    outputs: Path
    protocol: str
    write: bool
    wide: frozenset[str]
    narrow: frozenset[str]


@dataclass
class Drawn:
    """What was done; `wide` and `narrow` are pictures by the figure's name."""

    figures: dict[str, Path] = field(default_factory=dict)
    described: dict[str, str] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    wide: dict[str, bytes] = field(default_factory=dict)
    narrow: dict[str, bytes] = field(default_factory=dict)


class Drawing:
    """The figures of each assembly that has records, written where they are not there as they should be, and their
    copies in the site. It begins at once, and `finish` waits for its end.
    """

    def __init__(
        self, assemblies: Iterable[Assembly], outputs: Path, protocol: str, site: Site, processes: Processes
    ) -> None:
        self.outputs, self.protocol, self.site = outputs, protocol, site
        self.shown = [assembly for assembly in assemblies if assembly.results.records]
        self.sheets = [sheet for one in self.shown for sheet in _to_do(one, outputs, protocol, site)]
        self.drawn = processes.map(draw_sheet, self.sheets)

    def finish(self) -> dict[str, dict[str, Copies]]:
        """{assembly: {figure shown: copies}}. Raises `OutputsError`."""
        progress = Progress("figures", len(self.sheets), "sheets")
        for sheet, drawn in zip(self.sheets, self.drawn, strict=True):
            one = sheet.assembly
            one.figures |= drawn.figures
            one.described |= drawn.described
            one.files += drawn.files
            for name, content in drawn.wide.items():
                self.site.put(_wide(one, name), state_of(_png(one, name)), content)
            for name, content in drawn.narrow.items():
                self.site.put(_narrow(one, name), _narrow_state(one, self.outputs, self.protocol), content)
            progress.advance(1)
        return {one.name: _copies(one) for one in self.shown}


def draw_sheet(sheet: Sheet) -> Drawn:
    """Do what a sheet names; runs in a process of its own, and changes nothing but files."""
    from mmlib.figures.style import narrow, page_png

    one, drawn = sheet.assembly, Drawn()
    if sheet.write:
        one = replace(one, figures={}, described={}, files=[])
        write_figures(one, sheet.outputs, sheet.protocol, [sheet.name])
        drawn.figures, drawn.described, drawn.files = one.figures, one.described, one.files
    drawn.wide = {name: light(_png(one, name).read_bytes()) for name in one.figures if name in sheet.wide}
    if sheet.narrow:
        with narrow():
            figures = draw(one, sheet.protocol, sheet.name)
        drawn.narrow = {
            name: light(page_png(figure, NARROW_DPI)) for name, figure in figures.items() if name in sheet.narrow
        }
    return drawn


def _to_do(one: Assembly, outputs: Path, protocol: str, site: Site) -> Iterable[Sheet]:
    """The sheets of which something is missing."""
    everything = frozenset(titles_of(one))
    for name in SHEETS:
        before = set(one.figures)
        if not keep_figures(one, outputs, protocol, name):
            yield Sheet(one, name, outputs, protocol, True, everything, everything)
            continue
        own = (everything & set(one.figures)) - before
        wide = frozenset(each for each in own if not site.keep(_wide(one, each), state_of(_png(one, each))))
        state = _narrow_state(one, outputs, protocol)
        narrow = frozenset(each for each in own if not site.keep(_narrow(one, each), state))
        if wide or narrow:
            yield Sheet(one, name, outputs, protocol, False, wide, narrow)


def _copies(one: Assembly) -> dict[str, Copies]:
    names = [name for name in titles_of(one) if name in one.figures]
    return {name: Copies(picture_link(_wide(one, name)), picture_link(_narrow(one, name))) for name in names}


def _png(one: Assembly, name: str) -> Path:
    stem = one.figures[name]
    return stem.with_name(f"{stem.name}.png")


def _wide(one: Assembly, name: str) -> str:
    return f"{one.name}-{name}.webp"


def _narrow(one: Assembly, name: str) -> str:
    return f"{one.name}-{name}-narrow.webp"


def _narrow_state(one: Assembly, outputs: Path, protocol: str) -> str | None:
    """What a narrow form was made from; its own code is part of the library's hash, without which nothing is kept."""
    return made_from(one, outputs, protocol) if one.sources else None
