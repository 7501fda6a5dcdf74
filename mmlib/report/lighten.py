"""Lighter pages of executed notebooks: styles and pictures that two hundred pages repeat become files beside them.

A page of nbconvert holds 290 kB of style sheets and its pictures as text. Both are taken out: a style sheet once for
all pages, a picture once per content and with a palette of 64 colours, which is enough for plots.
"""

from __future__ import annotations

import base64
import binascii
import html
import io
import re
from pathlib import Path

from mmlib.files import atomic_path, sha256_bytes, write_text

COLOURS = 64
LARGE = 4096  # a style sheet of more characters becomes a file
FILES = "files"
STYLE_SHEET = re.compile(r"<style[^>]*>(.*?)</style>", re.S)
PICTURE = re.compile(r'src="data:image/png;base64,([A-Za-z0-9+/=\s]+)"')
NAME = re.compile(r'<span class="n">([^<]*)</span>')
"""A name in code, which has the colour of plain text."""
SHARED = re.compile(rf'(?:href|src)="{FILES}/([0-9a-f]{{16}}\.(?:css|png))"')


def light_png(content: bytes) -> bytes:
    """The picture with a palette, where that is smaller; as it is where it cannot be read."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as image:
            flat = Image.new("RGB", image.size, "white")
            flat.paste(image, mask=image.getchannel("A") if image.mode in ("RGBA", "LA") else None)
            stream = io.BytesIO()
            flat.quantize(COLOURS, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return content
    return min(stream.getvalue(), content, key=len)


def share(page: str, folder: Path) -> str:
    """The page with its large style sheets and its pictures as files under `folder`/files; Raises `OutputsError`."""

    def style_sheet(found: re.Match[str]) -> str:
        if len(found[1]) < LARGE:
            return found[0]
        return f'<link rel="stylesheet" href="{FILES}/{_keep(found[1].encode(), "css", folder)}">'

    def picture(found: re.Match[str]) -> str:
        try:
            content = base64.b64decode(found[1])
        except binascii.Error:
            return found[0]
        return f'loading="lazy" src="{FILES}/{_keep(content, "png", folder)}"'

    return NAME.sub(r"\1", PICTURE.sub(picture, STYLE_SHEET.sub(style_sheet, page)))


def _keep(content: bytes, suffix: str, folder: Path) -> str:
    """The name of the file that holds `content`, which is written where it is not there."""
    name = f"{sha256_bytes(content)[:16]}.{suffix}"
    target = folder / FILES / name
    if not target.is_file():
        if suffix == "css":
            write_text(target, content.decode())
        else:
            with atomic_path(target) as path:
                path.write_bytes(light_png(content))
    return name


def shared_files(page: str) -> set[str]:
    """The names of the files that a page shares with others."""
    return set(SHARED.findall(page))


def remove_unused(folder: Path, used: set[str]) -> None:
    """Remove shared files that no page uses any more; files of other names are not ours."""
    for path in (folder / FILES).glob("*"):
        if re.fullmatch(r"[0-9a-f]{16}\.(?:css|png)", path.name) and path.name not in used:
            path.unlink(missing_ok=True)


def add_way_back(page: str, links: list[tuple[str, str]]) -> str:
    """The page with links, (address, text), above everything else."""
    shown = " · ".join(f'<a href="{html.escape(href)}">{html.escape(text)}</a>' for href, text in links)
    way = f'<nav class="mm-way-back" style="font: 14px system-ui, sans-serif; padding: 8px 24px">← {shown}</nav>'
    return re.sub(r"(<body\b[^>]*>)", lambda found: found[1] + way, page, count=1)
