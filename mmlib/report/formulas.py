"""Formulas of a notebook's text as MathML, which browsers draw themselves: no script, no network, text to copy.

nbconvert leaves `$...$` in the page for MathJax to draw; these functions take the place of its Markdown filter.
"""

from __future__ import annotations

import functools
import html
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from nbconvert.exporters import HTMLExporter

STYLE = (
    '<style>math { font-family: "Latin Modern Math", "STIX Two Math", "Cambria Math", "DejaVu Math TeX Gyre", math; '
    "font-size: 1.08em; } math[display=block] { margin: .6em 0; overflow-x: auto; overflow-y: hidden; }</style>"
)


def mathml(tex: str, display: Literal["inline", "block"] = "inline") -> str:
    """A formula as a `<math>` element; one that cannot be read stays as its source, in `<code>`."""
    from latex2mathml.converter import convert

    try:
        return convert(tex.strip(), display=display)
    except Exception:  # the library raises many kinds, and a page must not fail over a formula
        return f"<code>{html.escape(tex)}</code>"


def draw_formulas(exporter: HTMLExporter) -> None:
    """Let `exporter` write MathML where it would leave formulas to MathJax."""
    from jinja2 import pass_context
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Renderer(IPythonRenderer):
        def block_math(self, body: str) -> str:
            return mathml(body, "block")

        def inline_math(self, body: str) -> str:
            return mathml(body)

        def latex_environment(self, name: str, body: str) -> str:
            return mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")

    @pass_context
    def markdown(context: Any, source: str) -> str:
        attachments = context.get("cell", {}).get("attachments", {})
        return render(source, attachments) if attachments else plain(source)

    def render(source: str, attachments: dict) -> str:
        return MarkdownWithMath(renderer=Renderer(escape=False, attachments=attachments)).render(source)

    plain = functools.lru_cache(maxsize=1024)(lambda source: render(source, {}))

    exporter.register_filter("markdown2html", markdown)
