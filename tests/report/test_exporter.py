"""The fast exporter gives nbconvert's own page, the first time and from its caches."""

from __future__ import annotations

import base64

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from mmlib.report.exporter import PageExporter, exporter
from mmlib.report.formulas import draw_formulas

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


def notebook(number: int) -> nbformat.NotebookNode:
    """A page with all kinds of outputs that our notebooks have; the last code cell differs by `number`."""
    image = {"image/png": PIXEL, "text/plain": "<Figure>"}
    table = "<table><tbody><tr><td>1</td></tr></tbody></table>"
    described = {"text/html": f'<img alt="drawn" src="a.png"> <img src="b.png">{table}'}
    outputs = [new_output("display_data", image), new_output("display_data", described)]
    outputs += [new_output("stream", text="epoch 1\n"), new_output("error", ename="E", evalue="<no>", traceback=["a"])]
    cells = [
        new_markdown_cell("# Title\n\nWith $x_1$ and\n\n$$y$$"),
        new_code_cell("a = '<b>'  # text", outputs=outputs, execution_count=1),
        new_code_cell("a = '<b>'  # text", metadata={"tags": ["parameters"]}, execution_count=2),
        new_code_cell(f"b = {number}"),
        new_code_cell(
            f'# Parameters\nrate = {number}e-3\n\nname = "<{number}>"\nparts = [1, None, True]\n',
            metadata={"tags": ["injected-parameters"]},
        ),
    ]
    return new_notebook(cells=cells, metadata={"language_info": {"name": "python", "pygments_lexer": "ipython3"}})


def published(source: nbformat.NotebookNode) -> str:
    own = HTMLExporter(template_name="lab")
    draw_formulas(own)
    return own.from_notebook_node(source, resources={"metadata": {"name": "page"}})[0]


@pytest.mark.parametrize("number", [1, 2])
def test_the_page_is_nbconverts_own(number):
    source = notebook(number)
    page, _ = exporter().from_notebook_node(source, resources={"metadata": {"name": "page"}})
    ours, theirs = (BeautifulSoup(text, "html.parser") for text in (page, published(source)))
    assert len(theirs.find_all("img")) == 3
    assert str(ours.body) == str(theirs.body)
    assert str(ours.head) == str(theirs.head)


def test_another_language_is_highlighted_as_such():
    source = notebook(1)
    source.metadata.language_info = {"name": "text", "pygments_lexer": "text"}
    page, _ = exporter().from_notebook_node(source)
    assert "hl-text" in page
    assert "hl-ipython3" not in page


def test_templates_are_the_installations_own(tmp_path, monkeypatch):
    for place in (tmp_path / "jupyter" / "nbconvert" / "templates" / "lab", tmp_path / "lab"):
        place.mkdir(parents=True)
        (place / "index.html.j2").write_text("nothing")
    (tmp_path / "custom").mkdir()
    (tmp_path / "custom" / "custom.css").write_text("body {display: none}")
    expected = published(notebook(1))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.chdir(tmp_path)
    made = exporter.__wrapped__()
    assert isinstance(made, PageExporter)
    assert not [path for path in made.template_paths if path.startswith(str(tmp_path))]
    page, _ = made.from_notebook_node(notebook(1), resources={"metadata": {"name": "page"}})
    assert len(page) > 0.9 * len(expected)
