"""Palettes: what is drawn in few colours stays as it is, white stays white, and what is left out is not seen."""

import io

import numpy as np
import pytest
from PIL import Image

from mmlib.figures.palette import with_palette
from mmlib.figures.style import new_figure, png, style


def colours_of(picture) -> set:
    return {colour for _, colour in picture.convert("RGB").getcolors(1 << 20)}


def difference(one, other) -> float:
    """Root mean square over pixels and channels, in steps of 255."""
    return float(
        np.sqrt(np.mean((np.asarray(one.convert("RGB"), float) - np.asarray(other.convert("RGB"), float)) ** 2))
    )


@pytest.fixture
def drawing():
    """A plot of lines, text and an image of a hundred colours, as it is drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with style():
        figure, ((left, right),) = new_figure(6, 2.4, 1, 2)
        left.plot(np.arange(20), np.sin(np.arange(20)), "o-", label="a line")
        left.legend()
        right.imshow(np.arange(100).reshape(10, 10), cmap="cividis")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    return figure, Image.fromarray(np.asarray(canvas.buffer_rgba()).copy())


def test_few_colours_stay_as_they_are():
    ramp = Image.linear_gradient("L").convert("RGB")
    assert difference(with_palette(ramp, 256), ramp) < 1.1  # 255 colours and white
    flags = Image.fromarray(np.array([[[255, 0, 0], [0, 0, 255], [255, 255, 255]]], np.uint8))
    assert with_palette(flags, 8).convert("RGB").tobytes() == flags.tobytes()
    empty = Image.new("RGB", (5, 4), "white")
    assert with_palette(empty, 2).convert("RGB").tobytes() == empty.tobytes()


def test_what_is_transparent_is_white():
    glass = Image.new("RGBA", (3, 2), (255, 0, 0, 0))
    glass.putpixel((1, 1), (0, 128, 0, 255))
    assert colours_of(with_palette(glass, 16)) == {(255, 255, 255), (0, 128, 0)}
    index = Image.new("P", (2, 1), 0)
    index.putpalette([9, 9, 9, 70, 70, 70])
    index.putpixel((1, 0), 1)
    index.info["transparency"] = 0
    assert colours_of(with_palette(index, 16)) == {(255, 255, 255), (70, 70, 70)}


def test_photographs_stay_as_they_are_where_that_is_asked():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8))
    assert with_palette(noise, 256, most=4096) is noise
    assert len(colours_of(with_palette(noise, 256))) <= 256


@pytest.mark.parametrize("colours", [40, 12])
def test_a_palette_is_shortened_as_well_as_the_picture_itself(drawing, colours):
    _, picture = drawing
    full = with_palette(picture, 256)
    assert full.mode == "P"
    assert difference(full, picture) < 1
    short, direct = with_palette(full, colours), with_palette(picture, colours)
    for made in (short, direct):
        assert len(colours_of(made)) <= colours
        white = (np.asarray(picture.convert("RGB")) == 255).all(axis=2)
        assert ((np.asarray(made.convert("RGB")) == 255).all(axis=2) >= white).all()
    assert difference(short, picture) < 1.15 * difference(direct, picture)


@pytest.mark.parametrize("colours", [256, 40])
def test_small_marks_on_a_heat_map_keep_their_colours(colours):
    from matplotlib import colormaps

    heat = (colormaps["viridis"](np.linspace(0, 1, 400))[None].repeat(300, 0)[..., :3] * 255).astype(np.uint8)
    marks = {(255, 0, 0): (20, 30), (255, 0, 255): (120, 200), (0, 255, 255): (250, 350)}
    for colour, (row, column) in marks.items():
        heat[row : row + 3, column : column + 3] = colour
    made = with_palette(with_palette(Image.fromarray(heat), 256), colours)
    kept = np.asarray(made.convert("RGB"))
    for colour, (row, column) in marks.items():
        assert (kept[row : row + 3, column : column + 3] == colour).all()


@pytest.mark.parametrize("white", [True, False])
def test_as_many_colours_as_there_are_places_stay(white):
    steps = np.linspace(0, 200, 40 - white).astype(np.uint8)
    row = np.stack([steps, steps[::-1], 200 - steps], axis=1)
    row = np.concatenate([row, [[255, 255, 255]]]).astype(np.uint8) if white else row
    picture = Image.fromarray(row[None].repeat(5, 0))
    for given in (picture, with_palette(picture, 256)):
        assert with_palette(given, 40).convert("RGB").tobytes() == picture.tobytes()


def test_a_figure_without_a_background_keeps_none(drawing):
    figure, _ = drawing
    figure.patch.set_alpha(0)
    assert Image.open(io.BytesIO(png(figure))).mode == "RGBA"


def test_a_notebook_holds_plots_with_palettes(drawing):
    figure, picture = drawing
    shown = Image.open(io.BytesIO(png(figure)))
    assert (shown.mode, shown.size) == ("P", picture.size)
    assert shown.info["dpi"] == pytest.approx((figure.dpi, figure.dpi), abs=0.1)
    assert difference(shown, picture) < 1
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    assert len(png(figure)) < 0.6 * len(stream.getvalue())
