"""Formulas: MathML where a browser can draw it, the source where it cannot be read."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import nbformat
import pytest

from mmlib.report.formulas import mathml
from mmlib.report.pages import convert

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


def test_inline_and_block():
    inline, block = mathml("x_i^2"), mathml(r"\frac{a}{b}", "block")
    assert ElementTree.fromstring(inline).get("display") == "inline"
    assert ElementTree.fromstring(block).get("display") == "block"
    assert "<msubsup>" in inline
    assert "<mfrac>" in block


def test_unreadable_formula_stays_as_its_source():
    assert mathml(r"\left( a < b") == r"<code>\left( a &lt; b</code>"


def test_page_draws_formulas_and_leaves_code_alone(tmp_path):
    text = "With $\\zeta < 1$:\n\n$$U = \\zeta X_1$$\n\n`cost $5` and *more*"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell(text), nbformat.v4.new_code_cell("a = '$x$'")]
    )
    nbformat.write(notebook, tmp_path / "a.ipynb")
    convert((str(tmp_path / "a.ipynb"), str(tmp_path / "a.html"), []))
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert len(re.findall(r"<math[ >]", page)) == 2
    assert "<code>cost $5</code>" in page
    assert "<em>more</em>" in page
    assert "$x$" in page


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_formula_of_the_notebooks_can_be_drawn(path):
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "markdown"]
    for cell in cells:
        for block, inline in re.findall(r"\$\$(.+?)\$\$|\$([^$]+?)\$", "".join(cell["source"]), re.S):
            found = mathml(block or inline)
            assert found.startswith("<math"), found
            assert "\\" not in "".join(ElementTree.fromstring(found).itertext()), found
