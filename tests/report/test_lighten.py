"""Executed notebooks as pages: what they share lies beside them once, and every page leads back to the report."""

from __future__ import annotations

import base64
import io
import json
import re
import struct
import zlib

import pytest
from claims_fakes import fake_notebook
from PIL import Image

from mmlib.report.lighten import add_way_back, light, share, shared_files
from mmlib.report.pages import Conversion


def picture(color: str) -> str:
    stream = io.BytesIO()
    Image.new("RGBA", (60, 40), color).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def notebook(path, *colors: str):
    content = fake_notebook(path.stem)
    content["cells"][1]["outputs"] += [
        {"output_type": "display_data", "metadata": {}, "data": {"image/png": picture(color)}} for color in colors
    ]
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def pages(tmp_path):
    """Two pages that share one picture of three."""
    books = {
        "a": notebook(tmp_path / "a.ipynb", "red", "blue"),
        "b": notebook(tmp_path / "b.ipynb", "red", "green"),
    }
    folder = tmp_path / "pages"
    Conversion(books, folder, back={"a": [("../index.html", "Report"), ("../plan-x.html#x-y", "X: <Y>")]}).finish()
    return folder


def test_styles_and_pictures_are_shared(pages):
    kept = sorted(path.suffix for path in (pages / "files").iterdir())
    assert kept.count(".webp") == 3
    assert kept.count(".css") == len(kept) - 3 >= 1
    for name in "ab":
        page = (pages / f"{name}.html").read_text(encoding="utf-8")
        assert len(page) < 60_000
        assert "data:image/png" not in page
        links = re.findall(r'(?:href|src)="(files/[^"]+)"', page)
        assert len(links) == len(kept) - 1
        assert all((pages / link).is_file() for link in links)


def test_pictures_lose_colours_and_nothing_else(tmp_path):
    page = share(f'<img src="data:image/png;base64,{picture("red")}">', tmp_path)
    (name,) = shared_files(page)
    with Image.open(tmp_path / "files" / name) as kept:
        assert (kept.format, kept.size) == ("WEBP", (60, 40))
        assert kept.convert("RGB").getcolors() == [(60 * 40, (255, 0, 0))]


def test_a_sound_is_kept_once_as_it_is(tmp_path):
    sound = b"RIFF of a sound"
    player = f'<source src="data:audio/wav;base64,{base64.b64encode(sound).decode()}" type="audio/wav" />'
    page = share(player + player, tmp_path)
    (name,) = shared_files(page)
    assert page == f'<source src="files/{name}" type="audio/wav" />' * 2
    assert (tmp_path / "files" / name).read_bytes() == sound


def test_what_no_page_uses_is_removed_and_nothing_else(pages, tmp_path):
    (pages / "files" / "own.png").write_bytes(b"of the user")
    (pages / "files" / f"{'0' * 16}.png").write_bytes(b"of an earlier version")
    Conversion({"a": tmp_path / "a.ipynb"}, pages).finish()
    assert sorted(path.suffix for path in (pages / "files").iterdir()).count(".webp") == 2
    assert (pages / "files" / "own.png").exists()
    assert not (pages / "files" / f"{'0' * 16}.png").exists()
    assert not (pages / "b.html").exists()


def test_an_error_elsewhere_leaves_no_page_under_the_name_of_another(tmp_path):
    """Pages are made while figures are drawn: what an error there ended is made again, and nothing else is."""
    folder, names = tmp_path / "pages", "abcdef"
    old = {name: notebook(tmp_path / f"{name}.ipynb", "red") for name in names}
    texts = {name: path.read_text() for name, path in old.items()}
    Conversion(old, folder).finish()
    new = {name: notebook(tmp_path / f"{name}.ipynb", "blue") for name in "abcde"}
    assert {path.read_text() for path in new.values()}.isdisjoint(texts.values())
    started = Conversion(old, folder)
    assert len(started.tasks) == 5
    list(started.problems)  # what other processes would have done until then
    for name, path in old.items():
        path.write_text(texts[name])
    again = Conversion(old, folder)
    assert len(again.tasks) == 5, "f alone is as it was"
    again.finish()
    shown = {name: shared_files((folder / f"{name}.html").read_text(encoding="utf-8")) for name in names}
    assert all(shown[name] == shown["f"] for name in names)


def test_what_was_finished_when_an_error_came_is_kept(tmp_path, monkeypatch):
    books = {name: notebook(tmp_path / f"{name}.ipynb", "red") for name in "abc"}
    begun = Conversion(books, tmp_path / "pages")
    begun.problems = (problem if len(begun.done) < 2 else pytest.fail("stopped") for problem in begun.problems)
    with pytest.raises(pytest.fail.Exception, match="stopped"):
        begun.finish()
    assert len(Conversion(books, tmp_path / "pages").tasks) == 1


def test_a_page_begins_with_the_way_back(pages):
    page = (pages / "a.html").read_text(encoding="utf-8")
    way = '<a href="../index.html">Report</a> · <a href="../plan-x.html#x-y">X: &lt;Y&gt;</a>'
    assert way in page[page.index("<body") : page.index("<main")]
    assert "mm-way-back" not in (pages / "b.html").read_text(encoding="utf-8")
    assert add_way_back("<p>no body</p>", [("x", "y")]) == "<p>no body</p>"


def test_what_is_no_picture_stays_as_it_is(tmp_path):
    assert light(b"no picture") == b"no picture"
    assert light(b"\x89PNG\r\n\x1a\nhalf") == b"\x89PNG\r\n\x1a\nhalf"
    small = "<style>p { color: red }</style>"
    broken = '<img src="data:image/png;base64,abc">'  # not a whole number of bytes
    assert share(small + broken, tmp_path) == small + broken
    code = '<span class="n">alpha</span> <span class="o">=</span> '
    assert (
        share(f'{code}<span class="kc">None</span> <span class="k">or</span> <span class="mi">1</span>', tmp_path)
        == "alpha = None <span class=k>or</span> 1"
    )
    assert not (tmp_path / "files").exists()


def png_of(mode: str, colour) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (70, 50), colour).save(stream, "TIFF" if mode in ("CMYK", "F", "I") else "PNG")
    return stream.getvalue()


def chunks(*parts: tuple[bytes, bytes]) -> bytes:
    made = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + made


INDEXED = (b"IHDR", struct.pack(">IIBBBBB", 40, 30, 8, 3, 0, 0, 0))
PLACES = (b"IDAT", zlib.compress((b"\0" + bytes(range(40))) * 30))
ODD = {mode: png_of(mode, colour) for mode, colour in {
    "1": 1, "L": 90, "LA": (9, 0), "P": 3, "RGBA": (1, 2, 3, 4), "I;16": 9, "I": 9, "CMYK": (1, 2, 3, 4), "F": 0.5,
}.items()}  # fmt: skip
ODD |= {
    "indexed without a palette": chunks(INDEXED, PLACES, (b"IEND", b"")),
    "places beyond the palette": chunks(INDEXED, (b"PLTE", bytes(range(9))), PLACES, (b"IEND", b"")),
    "an empty palette": chunks(INDEXED, (b"PLTE", b""), PLACES, (b"IEND", b"")),
    "a broken middle": chunks(INDEXED, (b"PLTE", bytes(120)), (b"IDAT", PLACES[1][:20]), (b"\0DAT", PLACES[1][20:])),
    "a palette that is no number of colours": chunks(INDEXED, (b"PLTE", b"1234"), PLACES, (b"IEND", b"")),
}


@pytest.mark.parametrize("name", ODD)
def test_pictures_of_every_kind_are_lighter_or_stay_as_they_are(name):
    made = light(ODD[name])
    assert len(made) <= len(ODD[name])
    if made != ODD[name]:
        with Image.open(io.BytesIO(made)) as kept, Image.open(io.BytesIO(ODD[name])) as given:
            assert (kept.format, kept.size) == ("WEBP", given.size)


def test_marks_that_nobody_sees_go_and_white_space_that_counts_stays(tmp_path):
    page = """<div>
      <div class="jp-Collapser jp-OutputCollapser">
      </div>
      <h2>Data<a class="anchor-link" href="#Data">¶</a></h2>


      <math xmlns="http://www.w3.org/1998/Math/MathML" display="inline"><mi>x</mi></math>
      <div class="jp-RenderedText" data-mime-type="text/plain"><pre>a

          <!-- as printed --> b</pre></div>
      <div data-mime-type="application/vnd.jupyter.stderr"><b>one</b> <i>two</i>
      </div></div>"""
    assert (
        share(page, tmp_path)
        == """<div>
<h2>Data</h2>
<math><mi>x</mi></math>
<div class=jp-RenderedText><pre>a

          <!-- as printed --> b</pre></div>
<div data-mime-type="application/vnd.jupyter.stderr"><b>one</b> <i>two</i>
</div></div>"""
    )


@pytest.mark.parametrize(
    "kept",
    [
        "<PRE><b>a</b>\n\n     <b>b</b></PRE>",
        "<code><b>a</b>\n\n     <b>b</b></code>",
        "<pre><code><b>a</b>\n\n</code>  \n\n  <b>b</b></pre>",
        '<div style="white-space: pre;"><span>a</span>\n\n    <span>b</span></div>',
        "<b>a</b>\u00a0\n\u3000<b>b</b>",
        "<pre>a\n\n <b>x</b>\n\n   <b>y</b>",
        '<p>The attribute data-mime-type="text/html" says so, class="x" too</p>',
        '<hr class="x"/>',
        '<math><mspace class="a"/><mi>x</mi></math>',
    ],
)
def test_what_counts_stays(tmp_path, kept):
    assert share(kept, tmp_path) == kept


@pytest.mark.parametrize("output", ["<b>a</b>" + "\n" * 200_000 + "x", "<pre>" * 60_000, '<div class="jp-' * 60_000])
@pytest.mark.timeout(20)
def test_large_outputs_take_no_longer_than_their_length(tmp_path, output):
    assert share(output, tmp_path) == output
