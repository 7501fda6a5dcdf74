"""Pictures with few colours: a plot needs no more, and a palette makes its file half as large.

Pillow's median cut chooses the colours, of those pixels that are not white: they are a quarter of a plot, and white has
a place of its own. Median cut goes by numbers, and would give a small mark on a heat map the colour of what is around
it: those that are farthest from all colours chosen become colours themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

WHITE = 0xFFFFFF
SAMPLE = 4096  # pixels that stand for a picture whose colours are few already
FAR = 32  # steps of 255 in any channel, from which on another colour is seen
APART = 8  # one place in so many is for colours that are far from all others


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
    ink = np.ascontiguousarray(pixels[drawn].view(np.uint8).reshape(-1, 4)[:, :3])
    if most is not None and ink.size and _strip(ink).getcolors(most) is None:
        return image
    places = np.zeros(drawn.shape, np.uint8)
    palette = np.full((1, 3), 255, np.uint8) if len(ink) < drawn.size else np.empty((0, 3), np.uint8)
    if len(ink):
        chosen, own = _chosen(ink, colours - len(palette))
        places[drawn] = chosen + len(palette)
        palette = np.concatenate([palette, own])
    made = Image.fromarray(places, "P")
    made.putpalette(palette.tobytes())
    return made


def _fewer(image: Image, colours: int) -> Image:
    """A picture that has a palette, with a shorter one: each colour counts as often as it occurs."""
    known = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    count = np.array(image.histogram()[: len(known)])
    white = (known == 255).all(axis=1)
    ink, room = np.flatnonzero((count > 0) & ~white), colours - bool(count[white].any())
    if len(ink) <= room:
        return image
    times = np.ceil(count[ink] * (SAMPLE / count[ink].sum())).astype(np.int64)
    places, chosen = _chosen(np.repeat(known[ink], times, axis=0), room)
    known[ink] = chosen[places[np.cumsum(times) - 1]]
    made = image.copy()
    made.putpalette(known.tobytes())
    return made


def _chosen(pixels: np.ndarray, colours: int) -> tuple[np.ndarray, np.ndarray]:
    """Of pixels (n, 3): the place of each in a palette, and the palette (at most `colours`, 3)."""
    apart = colours // APART
    if not apart or _strip(pixels).getcolors(colours):  # no more than there is room for
        return _median_cut(pixels, colours)
    places, palette = _median_cut(pixels, colours - apart)
    distance = _distance(pixels, palette[places])
    far = np.flatnonzero(distance > FAR)
    own, distance, pixels = places[far], distance[far], pixels[far]
    while apart and len(far) and distance.max() > FAR:
        colour, apart = pixels[distance.argmax()], apart - 1
        now = _distance(pixels, colour)
        closer = now < distance
        own[closer], distance[closer] = len(palette), now[closer]
        palette = np.concatenate([palette, colour[None]])
    places[far] = own
    return places, palette


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The largest difference of any channel, (n,)."""
    return (np.maximum(one, other) - np.minimum(one, other)).max(axis=1)


def _median_cut(pixels: np.ndarray, colours: int) -> tuple[np.ndarray, np.ndarray]:
    from PIL.Image import Dither

    few = _strip(pixels).quantize(colours, dither=Dither.NONE)
    return np.array(few)[0], np.array(few.getpalette("RGB"), np.uint8).reshape(-1, 3)[:colours]


def _strip(pixels: np.ndarray) -> Image:
    from PIL import Image

    return Image.fromarray(pixels[None])


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
