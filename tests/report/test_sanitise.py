"""No program of a notebook survives into a page; its figures, tables, players and formulas do."""

from __future__ import annotations

import base64
import json
import random
import re

import numpy as np
import pytest
from bleach.html5lib_shim import HTMLParser
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from mmlib.experiments.classification.samples import _players
from mmlib.report import sanitise
from mmlib.report.formulas import mathml
from mmlib.report.pages import Conversion
from mmlib.report.sanitise import clean

PLAYER = "data:audio/wav;base64," + base64.b64encode(bytes(range(200))).decode()
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
TABLE = (
    '<div>\n<style scoped>\n .dataframe td {vertical-align: top;}\n</style>\n<table border="1" class="dataframe">\n'
    '<tr style="text-align: right;"><th colspan="2" halign="left">a &amp; b</th></tr><tr><td>1.5</td></tr></table>'
    "</div>"
)
AUDIO = f'<audio  controls="controls" >\n<source src="{PLAYER}" type="audio/wav" />\nno player\n</audio>'
VIDEO = f'<video controls  >\n<source src="{PLAYER.replace("audio/wav", "video/mp4")}" type="video/mp4">\n</video>'

HOSTILE = [
    "<script>X</script>",
    "<SCRIPT SRC=//e.example/x.js></SCRIPT>",
    "<script",
    "<scr<script>ipt>X</scr</script>ipt>",
    "<img src=x onerror=X>",
    '<img src="x" alt="a" onload="X">',
    "<svg onload=X><script>X</script><a xlink:href='javascript:X'><text>t</text></a></svg>",
    "<svg><style><img src=x onerror=X></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=X&gt;'>",
    "<math><annotation-xml encoding='text/html'><script>X</script></annotation-xml></math>",
    "<math href='javascript:X'><mi xlink:href='javascript:X'>x</mi></math>",
    "<a href='javascript:X'>a</a>",
    "<a href='java&#10;script:X'>a</a>",
    "<a href='&#x6A;avascript&colon;X'>a</a>",
    "<a href=' \x01javascript:X'>a</a>",
    "<a href='data:text/html,<script>X</script>'>a</a>",
    "<a href='da&#9;ta&#58;text/html;base64,WA=='>a</a>",
    "<a href='vbscript:X'>a</a>",
    "<iframe src='javascript:X'></iframe><iframe srcdoc='<script>X</script>'></iframe>",
    "<object data='javascript:X'></object><embed src='javascript:X'>",
    "<form action='javascript:X'><button formaction='javascript:X'>b</button><input autofocus onfocus=X></form>",
    "<meta http-equiv='refresh' content='0;url=javascript:X'><base href='//e.example'>",
    "<link rel=import href=//e.example>",
    "<details open ontoggle=X>d</details>",
    "<video><source onerror=X src='http://e.example/v'></video><audio src='//e.example/a' onplay=X></audio>",
    "<img src='http://e.example/track.png'><img srcset='http://e.example/x 2x'>",
    "<img src='data:text/html;base64,WA=='>",
    "<div style='background:url(javascript:X);behavior:url(x);-moz-binding:url(x)'>s</div>",
    "<style>@import url(//e.example/x.css); body {background: url('javascript:X')}</style>",
    "<noscript><p title='</noscript><img src=x onerror=X>'>",
    "<textarea><img src=x onerror=X></textarea><title><script>X</script></title><xmp><script>X</script></xmp>",
    "<!--><script>X</script>--><![CDATA[<script>X</script>]]><?php X ?>",
    "<template><script>X</script></template><plaintext><script>X</script>",
    "</div></div></body></html><script>X</script>",
    "<a id=x tabindex=1 onfocus=X href=#x>a</a><marquee onstart=X>m</marquee>",
    '<b class="a" class="><script>X</script>">t</b>',
    '<p title="<script>X</script>" title=\'"><script>X</script>\'>p</p>',
]
ADDRESSES = {"href", "src", "srcset", "action", "formaction", "data", "xlink:href"}


def elements(page: str):
    """(name, attributes) of all elements, as two parsers see them: one as browsers read, and one that is naive."""
    for element in BeautifulSoup(page, "html.parser").find_all(True):
        yield element.name, {k: " ".join(v) if isinstance(v, list) else v for k, v in element.attrs.items()}
    for element in HTMLParser(namespaceHTMLElements=False).parse(page).iter():
        if isinstance(element.tag, str):
            yield element.tag.rpartition("}")[2], {k.rpartition("}")[2]: v for k, v in element.attrib.items()}


def problems(page: str) -> list[str]:
    """What a browser could run or load in a page."""
    found = []
    for element, attributes in elements(page):
        if element in ("script", "iframe", "object", "embed", "form", "base", "svg", "frame", "template", "link"):
            found.append(f"<{element}>")
        for name, value in attributes.items():
            text = re.sub(r"[\s\x00-\x20]", "", value).lower()
            runs = name in ADDRESSES and re.match(r"javascript|vbscript", text)
            if name.startswith("on") or runs or (name == "srcdoc"):
                found.append(f"{element} {name}={text[:40]}")
            if name in ("src", "srcset", "data") and re.match(r"(https?:)?//", text):
                found.append(f"loads {text[:40]}")
            if name == "href" and text.startswith("data:"):
                found.append(f"opens {text[:40]}")
            if name == "style" and re.search(r"url\(|expression|binding|behavior", text):
                found.append(f"style {text[:40]}")
    return found


@pytest.mark.parametrize("html", HOSTILE)
def test_hostile_html_is_disarmed(html):
    assert problems(clean(html)) == []
    assert problems(clean(f"<p>before</p>{html}<p>after</p>")) == []


def test_mixtures_of_hostile_html_are_disarmed():
    rng = random.Random(18)
    pieces = [
        *HOSTILE,
        TABLE,
        AUDIO,
        VIDEO,
        mathml("x_1"),
        "<table><tr><td>",
        "</p>",
        '"',
        "'",
        ">",
        "<",
        "&lt;script&gt;",
    ]
    for _ in range(150):
        html = "".join(rng.sample(pieces, 3))
        start = rng.randrange(len(html))
        html = html[:start] + rng.choice(pieces) + html[start:]
        assert problems(clean(html)) == [], html


def test_what_our_notebooks_show_stays_as_it_is():
    for html in (
        AUDIO,
        VIDEO,
        mathml(r"\frac{a}{b} \sum_{i=1}^N x_i < \begin{matrix}1&2\end{matrix} \quad \hat y", "block"),
    ):
        assert clean(html) == html
    assert clean(TABLE) == re.sub(r"<style.*?</style>", "", TABLE, flags=re.S)
    heading = '<h2 id="The-network">The network<a class="anchor-link" href="#The-network">¶</a></h2>'
    assert clean(heading) == heading


def test_players_of_samples_stay_in_their_row_unparsed(monkeypatch):
    monkeypatch.setattr(sanitise, "_parsed", lambda text: pytest.fail(f"parsed: {text[:80]}"))
    wave = np.sin(np.arange(800, dtype=np.float32))
    row = _players("class 1 & 2", {"as the encoder hears it": wave, "without noise": wave}, 8000)
    assert row.count("<audio") == 2
    assert clean(row) == row


@pytest.mark.parametrize("style", ["margin: -9em", "position: fixed", "margin: 0 -9em; display: x"])
def test_no_style_lays_one_thing_over_another(style):
    assert not re.search("-9em|fixed", clean(f'<p style="{style}">1</p>'))


def test_what_has_to_be_parsed_keeps_its_meaning_too():
    image = f'<img src="data:image/png;base64,{PIXEL}" onerror="X">'
    assert f'src="data:image/png;base64,{PIXEL}"' in clean(image)
    assert clean("<b>bold</b> <a href='page.html'>a > b</a>") == '<b>bold</b> <a href="page.html">a &gt; b</a>'
    assert 'style="color: red;"' in clean("<p style='color: red; position: fixed'>1</p>")


def test_a_long_output_that_would_have_to_be_parsed_is_named(monkeypatch):
    monkeypatch.setattr(sanitise, "LONGEST", 10_000)
    assert clean("<table>" + "<tr><td>1</td></tr>" * 1000) == "<table>" + "<tr><td>1</td></tr>" * 1000
    assert (
        clean("<b onclick=X>1</b>" * 1000)
        == "<p>An output of 0.0 MB of HTML is left out here; the notebook has it.</p>"
    )


def test_a_page_runs_nothing_of_its_notebook(tmp_path):
    image = {"image/png": PIXEL, "text/plain": "<Figure>"}
    outputs = [new_output("display_data", {"text/html": html, "text/plain": "t"}) for html in (TABLE, AUDIO, *HOSTILE)]
    outputs += [
        new_output("display_data", image),
        new_output("display_data", {"application/javascript": "X", "text/plain": "a program"}),
        new_output("display_data", {"text/vnd.mermaid": "<script>X</script>", "text/plain": "a diagram"}),
        new_output(
            "display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "Box()"}
        ),
        new_output("display_data", {"image/svg+xml": "<svg onload='X'><script>X</script></svg>"}),
        new_output("display_data", {"text/markdown": "[a](javascript:X) <script>X</script> **bold** $y$"}),
        new_output("display_data", {"text/latex": "</div><script>X</script>"}),
        new_output("stream", text="<script>X</script>"),
        new_output("error", ename="<script>", evalue="X", traceback=["<script>X</script>"]),
    ]
    cells = [
        new_markdown_cell("# T <img src=x onerror=X>\n\n[a](javascript:X) and $x_1$\n\n<script>X</script>"),
        new_code_cell("'<script>X</script>'", outputs=outputs, execution_count=1),
        new_code_cell("1", metadata={"tags": ['"><script>X</script>']}),
    ]
    notebook = new_notebook(
        cells=cells, metadata={"widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}}}
    )
    notebook["cells"][1]["execution_count"] = "<script>X</script>"  # as no kernel would
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps(notebook))
    assert Conversion({"n": path}, tmp_path / "pages").finish() == {"n": "n.html"}
    page = (tmp_path / "pages" / "n.html").read_text()
    own = re.compile(r'<link rel="stylesheet" href="files/[0-9a-f]{16}\.css">')  # what all pages share, beside them
    assert problems(own.sub("", page)) == []
    assert page.index("Content-Security-Policy") < min(page.index("<style"), page.index("<link"))
    text = BeautifulSoup(page, "html.parser")
    sound = tmp_path / "pages" / text.find("source")["src"]
    assert sound.suffix == ".wav"
    assert sound.read_bytes() == bytes(range(200))
    assert [image for image in text.find_all("img") if re.fullmatch(r"files/[0-9a-f]{16}\.webp", image.get("src", ""))]
    assert text.find("table", class_="dataframe").find("td").text == "1.5"
    assert text.find("math") is not None
    assert text.find("strong").text == "bold"
    for shown in ("a program", "a diagram", "Box()"):
        assert shown in text.text
