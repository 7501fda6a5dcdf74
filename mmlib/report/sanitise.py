"""What an executed notebook may bring into a page of the report: text, tables, pictures, players, formulas, no program.

A notebook that was made elsewhere is somebody else's file, and its outputs are HTML. Elements and attributes are those
of a list (`bleach`); everything else of the HTML is left out, with the content of scripts and styles. Addresses may
lead to other pages, but nothing is loaded from anywhere: pictures and sounds stand in the page. Output that is a
program, or needs one to be seen (JavaScript, Mermaid, the view of a widget), is left out; its text shows where it has
one.

Pages also tell the browser to run no script at all (`POLICY`).
"""

from __future__ import annotations

import copy
import functools
import html
import re
from typing import Any

import bleach
from bleach.css_sanitizer import CSSSanitizer

POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "style-src 'unsafe-inline' 'self' file:; img-src data: 'self' file:; media-src data: 'self' file:; "
    "font-src data:; base-uri 'none'; form-action 'none'\">"
)
"""For a page's head: what stands in the page or in the files beside it is shown, nothing is run, fetched or sent. A
page opened from a disk has no origin of its own in some browsers, hence `file:`."""
SHOWN = {"text/plain", "text/html", "text/markdown", "text/latex", "image/png", "image/jpeg", "image/svg+xml"}
"""Kinds of output that a page shows; an SVG is shown as a picture, in which a browser runs nothing."""

TEXT = (
    "a abbr acronym b blockquote br caption cite code col colgroup dd del details div dl dt em figcaption figure "
    "h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strong sub summary sup u ul var "
    "table tbody td tfoot th thead tr audio source video track"
)
FORMULA = (
    "math menclose merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace msqrt "
    "mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none"
)
ANYWHERE = (
    "class id title lang dir style align valign halign border width height colspan rowspan scope tabindex alt "
    # of players
    "controls loop muted preload type "
    # of formulas
    "xmlns display mathvariant stretchy symmetric fence form separator lspace rspace maxsize minsize largeop accent "
    "accentunder movablelimits linethickness columnalign rowalign columnlines rowlines columnspacing rowspacing frame "
    "depth voffset displaystyle scriptlevel notation mathcolor mathbackground mathsize open start reversed"
)
STANDS_IN_THE_PAGE = re.compile(r"data:(image|audio|video)/[\w.+-]+(;[\w=.+-]+)*;base64,[\w+/=]*+", re.I)
WITH_CONTENT = re.compile(
    r"<(script|style|noscript|template|title|xmp|iframe|object|svg)\b.*?(</\1\s*>|\Z)", re.I | re.S
)
PLACED = r"(?:(?:text-align|display|margin(?:-right)?): ?(?:[\w.]++(?:-\w++)*+ ?)++;? ?)*+"
"""Styles of our own tables and rows of players: nothing lies over anything else, nothing is loaded."""
LONGEST = 1 << 20
"""Characters of HTML that are parsed, at ten seconds each million; what is plain needs no parsing."""


def clean(text: str | bytes) -> str:
    """HTML with what the page may hold of it."""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    # Left to bleach, the content of a script would show as text. What this misses, bleach still takes for text.
    text = WITH_CONTENT.sub("", text)
    if _plain_html().fullmatch(text):
        return text
    if len(text) > LONGEST:
        return f"<p>An output of {len(text) / 1e6:.1f} MB of HTML is left out here; the notebook has it.</p>"
    return _parsed(text)


@functools.lru_cache(maxsize=1024)
def _parsed(text: str) -> str:
    return _cleaner().clean(text)


@functools.cache
def _plain_html() -> re.Pattern[str]:
    """Text and elements of the list, each attribute in quotes and of the list: what our own notebooks have.

    Nothing else can be in what matches, so it need not be parsed, which takes a thousand times as long. None of the
    elements has content that is read in another way.
    """
    names = "|".join(name for name in ANYWHERE.split() if name != "style")
    attributes = rf'(?:{names})(?:="[^"<>&]*+")?|style="{PLACED}"'
    attributes += rf'|src="{STANDS_IN_THE_PAGE.pattern}"|href="(?:#|https?://)[^"<>&]*+"'
    element = rf"</?(?:{'|'.join(_elements())})(?:\s++(?:{attributes}))*+\s*+/?>"
    return re.compile(rf"(?:[^<>&]++|&#?\w++;|{element})*+", re.I)


def _elements() -> list[str]:
    return [*TEXT.split(), *FORMULA.split()]


@functools.cache
def _cleaner() -> bleach.Cleaner:
    return bleach.Cleaner(
        tags=set(_elements()),
        attributes=_may_stay,
        protocols={"http", "https", "mailto", "data"},
        strip=True,
        css_sanitizer=CSSSanitizer(),
    )


def _may_stay(tag: str, name: str, value: str) -> bool:
    """Whether an element may keep an attribute."""
    if name == "src":
        return tag in ("img", "audio", "video", "source") and _is_in_the_page(value)
    if name == "href":
        return tag == "a" and not re.match(r"(?!https?:|mailto:)[a-z][a-z0-9+.-]*:", _plain(value), re.I)
    return name in ANYWHERE.split()


def _is_in_the_page(value: str) -> bool:
    """Whether an address is the content itself, or a file beside the page."""
    value = _plain(value)
    return bool(STANDS_IN_THE_PAGE.fullmatch(value)) or not re.match(r"[a-z][a-z0-9+.-]*:|//|\\", value, re.I)


def _plain(value: str) -> str:
    """An address as a browser reads it: entities resolved, without spaces and control characters."""
    return re.sub(r"[\s\x00-\x1f\x7f-\xa0]", "", html.unescape(value))


def harmless(notebook: Any) -> Any:
    """A copy of an executed notebook with the outputs that a page may show; their HTML is still to be cleaned."""
    made = copy.copy(notebook)
    made["metadata"] = {name: value for name, value in notebook.get("metadata", {}).items() if name != "widgets"}
    made["cells"] = [_harmless_cell(cell) for cell in notebook.get("cells", [])]
    return type(notebook)(made)


def _harmless_cell(cell: Any) -> Any:
    made = copy.copy(cell)
    if "execution_count" in cell:
        made["execution_count"] = _number(cell["execution_count"])
    if "outputs" in cell:
        made["outputs"] = [_harmless_output(output) for output in cell["outputs"]]
    return made


def _harmless_output(output: Any) -> Any:
    made = copy.copy(output)
    if "execution_count" in output:
        made["execution_count"] = _number(output["execution_count"])
    if "data" in output:
        made["data"] = type(output["data"])({kind: value for kind, value in output["data"].items() if kind in SHOWN})
    return made


def _number(count: Any) -> int | None:
    return count if type(count) is int else None
