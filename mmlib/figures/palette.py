"""Pictures with few colours: a plot needs no more, and a palette makes its file half as large.

Pillow's median cut chooses the colours, of those pixels that are not white: they are a quarter of a plot, and white has
a place of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

WHITE = 0xFFFFFF
SAMPLE = 4096  # pixels that stand for a picture whose colours are few already


def with_palette(image: Image, colours: int, most: int | None = None) -> Image:
    """The picture in at most `colours` colours (2 to 256), on white where it is transparent; what has more than `most`
    colours, as photographs have, stays as it is. Raises `ValueError` and `OSError` for what is no whole picture.
    """
    from PIL import Image

    if image.mode == "P" and not image.getpalette():
        raise ValueError("a picture of places in a palette has none")
    if image.mode == "P" and "transparency" not in image.info:
        return _fewer(image, colours)
    pixels = np.asarray(_on_white(image).convert("RGBX")).view("<u4")[..., 0]
    drawn = (pixels & WHITE) != WHITE
    places, palette = np.full(pixels.shape, colours - 1, np.uint8), np.full((colours, 3), 255, np.uint8)
    if drawn.any():
        ink = Image.frombytes("RGBX", (int(drawn.sum()), 1), pixels[drawn].tobytes()).convert("RGB")
        if most is not None and ink.getcolors(most) is None:
            return image
        places[drawn], chosen = _median_cut(ink, colours - 1)
        palette[: len(chosen)] = chosen
    made = Image.fromarray(places, "P")
    made.putpalette(palette.tobytes())
    return made


def _fewer(image: Image, colours: int) -> Image:
    """A picture that has a palette, with a shorter one: each colour counts as often as it occurs."""
    from PIL import Image

    known = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    count = np.array(image.histogram()[: len(known)])
    ink = np.flatnonzero((count > 0) & (known != 255).any(axis=1))
    if len(ink) < colours:
        return image
    times = np.ceil(count[ink] * (SAMPLE / count[ink].sum())).astype(np.int64)
    places, chosen = _median_cut(Image.fromarray(np.repeat(known[ink], times, axis=0)[None]), colours - 1)
    known[ink] = chosen[places[np.cumsum(times) - 1]]
    made = image.copy()
    made.putpalette(known.tobytes())
    return made


def _median_cut(strip: Image, colours: int) -> tuple[np.ndarray, np.ndarray]:
    """Of a strip of pixels, in RGB: the place of each in a palette, and the palette (n, 3)."""
    from PIL.Image import Dither

    few = strip.quantize(colours, dither=Dither.NONE)
    return np.asarray(few)[0], np.array(few.getpalette("RGB"), np.uint8).reshape(-1, 3)[:colours]


def _on_white(image: Image) -> Image:
    from PIL import Image

    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    alpha = image.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return image
    flat = Image.new("RGB", image.size, "white")
    flat.paste(image, mask=alpha)
    return flat
