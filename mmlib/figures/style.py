"""The house style of every figure: sizes of a two-column page, colours safe for colour-blind readers, shapes for grey.

Colours are those of Okabe and Ito (2008). No figure relies on colour alone: every series has a marker, a dash or a
hatch of its own, so that it can be told apart in a greyscale print. All text is 7 to 9 points at the printed width.
What a figure shows stands below it as a caption (`mmlib.figures.captions`). matplotlib is imported when one is drawn.
"""

from __future__ import annotations

import contextlib
import contextvars
import io
import textwrap
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.figures.layout import laid_out
from mmlib.figures.palette import with_palette
from mmlib.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

COLUMN = 3.35
"""Width of one column of a two-column page, inches."""
FULL = 6.9
"""Width of the page, inches."""

PALETTE = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "red": "#D55E00",
    "pink": "#CC79A7",
}
# Dark and light alternate, so that neighbours differ in grey too; yellow is too light for lines on white.
SERIES = [PALETTE[name] for name in ("blue", "orange", "black", "green", "sky", "red", "pink")]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
DASHES: list[Any] = [
    "-",
    (0, (4, 1.5)),
    (0, (1, 1.2)),
    (0, (5, 1.2, 1, 1.2)),
    (0, (7, 2)),
    (0, (2, 1)),
    (0, (3, 1, 1, 1)),
]
HATCHES = ["", "///", "...", "xxx", "\\\\\\", "+++", "ooo"]

SMALL, NORMAL, LARGE = 7.0, 7.5, 8.0
"""Sizes of text, points: marks and notes; ticks; axes and titles of panels."""

_SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": LARGE,
    "axes.titleweight": "bold",
    "axes.labelsize": LARGE,
    "xtick.labelsize": NORMAL,
    "ytick.labelsize": NORMAL,
    "legend.fontsize": NORMAL,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "grid.color": "#D9D9D9",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,  # text stays text
    "svg.hashsalt": "mmlib",  # the ids inside are random otherwise
    "axes.unicode_minus": True,
    "text.hinting": "no_hinting",  # a tenth of the time of a figure
}


_NOT_DRAWN = ("backend", "interactive", "webagg", "toolbar", "tk.", "macosx.", "savefig.directory", "keymap.")


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The house style for the figures drawn inside; the caller's own settings come back afterwards.

    It starts from matplotlib's defaults, whatever a `matplotlibrc` or the caller has set.
    """
    import matplotlib

    house = _SETTINGS | {"axes.prop_cycle": matplotlib.cycler(color=SERIES)}
    with matplotlib.rc_context(_defaults(matplotlib) | house):
        yield


def _defaults(matplotlib: Any) -> dict[str, Any]:
    """matplotlib's default of every setting that has another value now and changes what is drawn."""
    now, defaults = matplotlib.rcParams, matplotlib.rcParamsDefault
    # Read as plain dicts: asking for the backend would choose one. These say where a figure goes, not how it looks.
    names = [name for name in dict.keys(defaults) if not name.startswith(_NOT_DRAWN)]
    return {name: _get(defaults, name) for name in names if _get(now, name) != _get(defaults, name)}


def _get(settings: Any, name: str) -> Any:
    return dict.__getitem__(settings, name)


MARGIN = 0.04  # inches around what is drawn
PHOTOGRAPH = 4096  # colours from which on a picture is none of a plot
LAYOUT_TABLES = ("GSUB", "GPOS", "GDEF", "kern")  # of a font: which glyphs a text becomes, and where they stand

# What would differ from one drawing to the next is left out, so that the same records give the same bytes.
FORMATS: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
}


def save_figure(figure: Figure, stem: str | Path) -> list[Path]:
    """Write `<stem>.png`, `.pdf` and `.svg`, each atomically; returns the paths. Raises `OutputsError`.

    Layout and margins are computed once for all three.
    """
    stem = Path(stem)
    written = []
    dpi = 300 if figure.get_figwidth() <= COLUMN else 200
    with _page(figure, dpi) as page, _small_fonts():
        for suffix, metadata in FORMATS.items():
            target = stem.with_name(stem.name + suffix)
            with atomic_path(target) as path:
                figure.savefig(path, format=suffix[1:], dpi=dpi, metadata=metadata, bbox_inches=page)
            written.append(target)
    return written


_FONTS = threading.RLock()  # how fonts are loaded is one for all threads


@contextlib.contextmanager
def _small_fonts() -> Iterator[None]:
    """Let PDFs hold fonts without what lays out a text: it is laid out, and reading these tables took a fifth of
    drawing a report.
    """
    from fontTools import subset

    def load(*args: Any, **options: Any) -> Any:
        font = usual(*args, **options)
        for table in LAYOUT_TABLES:
            if table in font:
                del font[table]
        return font

    with _FONTS:
        usual, subset.load_font = subset.load_font, load
        try:
            yield
        finally:
            subset.load_font = usual


def page_png(figure: Figure, dpi: float) -> bytes:
    """A figure as PNG with the margins of a page, for a small screen; not compressed, for it is made lighter yet."""
    stream, quick = io.BytesIO(), {"compress_level": 0}
    with _page(figure, dpi) as page:
        figure.savefig(stream, format="png", dpi=dpi, metadata=FORMATS[".png"], bbox_inches=page, pil_kwargs=quick)
    return stream.getvalue()


@contextlib.contextmanager
def _page(figure: Figure, dpi: float) -> Iterator[Bbox]:
    """The figure's page (inches), its panels in place: with known margins each format draws the figure once, else
    twice.
    """
    with style(), laid_out(figure):
        yield _measured(figure, dpi).padded(MARGIN)


def _measured(figure: Figure, dpi: float) -> Bbox:
    """What is drawn, in inches; texts are a little wider in fewer dots per inch."""
    usual, figure.dpi = figure.dpi, dpi
    try:
        return figure.get_tightbbox()
    finally:
        figure.dpi = usual


def png(figure: Figure) -> bytes:
    """A figure as PNG for a notebook, at its own size, drawn once; `savefig` draws twice, Jupyter measures besides.

    Plots have a palette of 256 colours, which takes half as much room.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    stream, canvas = io.BytesIO(), FigureCanvasAgg(figure)
    with style(), laid_out(figure):
        canvas.draw()
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba()))
    opaque = drawn.getchannel("A").getextrema()[0] == 255
    made = with_palette(drawn, 256, PHOTOGRAPH) if opaque else drawn
    made.save(stream, "PNG", dpi=(figure.dpi, figure.dpi))
    return stream.getvalue()


_NARROW = contextvars.ContextVar("narrow", default=False)


@contextlib.contextmanager
def narrow() -> Iterator[None]:
    """Figures drawn inside are one column wide, for a small screen: their panels stand below one another."""
    before = _NARROW.set(True)
    try:
        yield
    finally:
        _NARROW.reset(before)


def is_narrow() -> bool:
    """Whether figures are drawn one column wide just now."""
    return _NARROW.get()


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, Any]:
    """A figure (inches) with a grid of axes (rows, columns), outside pyplot's global list, so that none leaks.

    Inside of `narrow()` the grid is one column of panels as high as they were; the axes come in the same order.
    """
    from matplotlib.figure import Figure

    if _NARROW.get() and width > COLUMN:
        return _stacked(height, rows, columns, options)
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, axes


def _stacked(height: float, rows: int, columns: int, options: dict[str, Any]) -> tuple[Figure, Any]:
    """The narrow form. Rows of unequal height belong together: they stay together, column by column."""
    from matplotlib.figure import Figure

    class Narrow(Figure):
        def legend(self, *args: Any, ncols: int = 1, **kwargs: Any) -> Any:
            made = super().legend(*args, ncols=min(ncols, 2), **kwargs)
            if any(len(text.get_text()) > 26 for text in made.get_texts()):
                made.remove()
                made = super().legend(*args, ncols=1, **kwargs)
            for text in made.get_texts():
                text.set_text(textwrap.fill(text.get_text(), 54))
            return made

    inside = dict(options.get("gridspec_kw") or {})
    ratios = options.get("height_ratios") or inside.get("height_ratios")
    shared = {name: options[name] in (True, "all") for name in ("sharex", "sharey") if name in options}
    passed = {name: value for name, value in options.items() if name in ("subplot_kw",)} | shared
    if ratios:
        passed["height_ratios"] = list(ratios) * columns
    # The title takes more lines, and every panel has a head and labels of its own.
    figure = Narrow(figsize=(COLUMN, 0.5 + height * (1 + 0.8 * (columns - 1))), layout="constrained")
    axes = figure.subplots(rows * columns, 1, squeeze=False, **passed)[:, 0]
    return figure, axes.reshape(columns, rows).T if ratios else axes.reshape(rows, columns)


def name_ticks(axis: Any, names: Sequence[str], **options: Any) -> None:
    """Name the places 0, 1, ... of an x axis; names of two lines stand upright in one where figures are narrow."""
    if is_narrow():
        names, options = [name.replace("\n", " ") for name in names], options | {"rotation": 90}
    axis.set_xticks(range(len(names)), names, **options)


def greyscale(color: str) -> float:
    """Lightness of a colour in a grey print, 0 black to 1 white (Rec. 709 luma)."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def empty(axis: Any, message: str) -> None:
    """An axis without data says why instead of staying blank."""
    axis.set_axis_off()
    axis.text(0.5, 0.5, message, ha="center", va="center", transform=axis.transAxes, color="#555555", wrap=True)


def ordered(count: int) -> list[str]:
    """Colours of `count` values that have an order, dark to light; the lightest still shows on white."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    places = [0.0] if count == 1 else [0.84 * place / (count - 1) for place in range(count)]
    return [to_hex(colormaps["cividis"](place)) for place in places]


def source_text(results: Any) -> str:
    """The data set, its kind, the seeds: what a caption must say."""
    kind = ", published recipe" if results.kind == "paper" else ""
    reference = ", committed reference result" if results.source == "reference" else ""
    return f"{results.profile_title}{kind}; {results.seeds_text}{reference}"
