"""Lighter pages of executed notebooks: what two hundred pages repeat becomes files beside them.

A page of nbconvert holds 290 kB of style sheets, and its pictures and sounds as text. They are taken out: a style sheet
once for all pages, a sound once per content, a picture once per content and with a palette of 40 colours, which is
enough for plots, as lossless WebP (a third smaller than PNG). Marks that nobody sees go too, a fifth of what is left.
"""

from __future__ import annotations

import base64
import binascii
import html
import io
import re
from pathlib import Path

from mmlib.figures.palette import with_palette
from mmlib.files import atomic_path, sha256_bytes

COLOURS = 40
LARGE = 256  # a style sheet of more characters becomes a file
FILES = "files"
STYLE_SHEET = re.compile(r"<style[^>]*>((?:[^<]++|<(?!/style>))*+)</style>")
PICTURE = re.compile(r'src="data:image/png;base64,([A-Za-z0-9+/=\s]+)"')
SOUND = re.compile(r'src="data:audio/(?:x-)?wav;base64,([A-Za-z0-9+/=\s]+)"')
PLAIN = re.compile(r'<span class="(?:[nop]|nb|kc|mi|mf|s1|s2)">([^<]*)</span>')
"""Names, operators, brackets, constants, numbers, texts: most marks in code. Comments and keywords keep theirs."""
UNSEEN = re.compile(
    r'<div class="jp-Collapser[^"<>]*">[ \t\r\n\f]*</div>|<a class="anchor-link"[^<>]*>[^<]*</a>'  # never displayed
)
GRANTED = (
    # The style asks for other types alone.
    (
        re.compile(
            r'(<div class="jp-[^"<>]*"[^<>]*?) data-mime-type="(?:text/(?:plain|markdown|html)|image/png)"(?=>)'
        ),
        r"\1",
    ),
    # HTML takes these for granted.
    (re.compile(r'<math xmlns="http://www\.w3\.org/1998/Math/MathML"(?: display="inline")?'), "<math"),
    (re.compile(r'(?<=<)(\w+) class="([\w-]+)"(?=[ >])'), r"\1 class=\2"),
)
BETWEEN = re.compile(r">[ \t\r\f]*+\n[ \t\r\n\f]*+<")
LITERAL = re.compile(r"<(/?)(?:pre|code|textarea)\b[^<>]*>", re.I)
"""Tags between which white space counts; elsewhere a style may say so, of which `STYLED` is the sign."""
STYLED = re.compile(r'style="[^"<>]*white-space', re.I)
OURS = r"[0-9a-f]{16}\.(?:css|webp|wav|png)"
"""The names of shared files; earlier versions kept PNG."""
SHARED = re.compile(rf'(?:href|src)="{FILES}/({OURS})"')


def light(content: bytes) -> bytes:
    """The picture as lossless WebP with a palette, where that is smaller; as it is where it cannot be read.

    Browsers look into the file, not at its name, so that a picture that stays as it is may be called WebP too.
    """
    from PIL import Image, UnidentifiedImageError

    stream = io.BytesIO()
    try:
        with Image.open(io.BytesIO(content)) as image:
            with_palette(image, COLOURS).convert("RGB").save(stream, "WEBP", lossless=True, method=2, quality=20)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return content
    return min(stream.getvalue(), content, key=len)


def without_unseen(page: str) -> str:
    """The page without marks that are not displayed or taken for granted, and without empty lines."""
    page = UNSEEN.sub("", page)
    for pattern, kept in GRANTED:
        page = pattern.sub(kept, page)
    if STYLED.search(page):
        return page
    parts, depth, start = [], 0, 0
    for tag in LITERAL.finditer(page):
        if not tag[1] and (depth := depth + 1) == 1:
            parts.append(BETWEEN.sub(">\n<", page[start : tag.start()]))
            start = tag.start()
        elif tag[1] and depth and not (depth := depth - 1):
            parts.append(page[start : tag.end()])
            start = tag.end()
    rest = page[start:]
    return "".join([*parts, rest if depth else BETWEEN.sub(">\n<", rest)])


def share(page: str, folder: Path) -> str:
    """The page with its large style sheets, pictures and sounds as files of `folder`/files; Raises `OutputsError`."""

    def style_sheet(found: re.Match[str]) -> str:
        if len(found[1]) < LARGE:
            return found[0]
        return f'<link rel="stylesheet" href="{FILES}/{_keep(found[1].encode(), "css", folder)}">'

    def medium(found: re.Match[str], suffix: str, attributes: str) -> str:
        try:
            content = base64.b64decode(found[1])
        except binascii.Error:
            return found[0]
        return f'{attributes}src="{FILES}/{_keep(content, suffix, folder)}"'

    page = STYLE_SHEET.sub(style_sheet, page)
    page = PICTURE.sub(lambda found: medium(found, "webp", 'loading="lazy" '), page)
    page = SOUND.sub(lambda found: medium(found, "wav", ""), page)
    return without_unseen(PLAIN.sub(r"\1", page))


def _keep(content: bytes, suffix: str, folder: Path) -> str:
    """The name of the file that holds `content`, which is written where it is not there."""
    # A picture's name holds the form it is kept in: an earlier version's would stay else.
    made = f"{COLOURS} colours and white".encode() if suffix == "webp" else b""
    name = f"{sha256_bytes(content + made)[:16]}.{suffix}"
    target = folder / FILES / name
    if not target.is_file():
        with atomic_path(target) as path:
            path.write_bytes(light(content) if suffix == "webp" else content)
    return name


def shared_files(page: str) -> set[str]:
    """The names of the files that a page shares with others."""
    return set(SHARED.findall(page))


def remove_unused(folder: Path, used: set[str]) -> None:
    """Remove shared files that no page uses any more; files of other names are not ours."""
    for path in (folder / FILES).glob("*"):
        if re.fullmatch(OURS, path.name) and path.name not in used:
            path.unlink(missing_ok=True)


def add_way_back(page: str, links: list[tuple[str, str]]) -> str:
    """The page with links, (address, text), above everything else."""
    shown = " · ".join(f'<a href="{html.escape(href)}">{html.escape(text)}</a>' for href, text in links)
    way = f'<nav class="mm-way-back" style="font: 14px system-ui, sans-serif; padding: 8px 24px">← {shown}</nav>'
    return re.sub(r"(<body\b[^>]*>)", lambda found: found[1] + way, page, count=1)
