"""nbconvert's HTML exporter for many notebooks alike: what they share is made once per process.

Two hundred pages repeat the same text, the same code and the same theme. Templates are compiled once, equal Markdown
and equal code are rendered once, and the three attributes that nbconvert sets by parsing the finished page of half a
megabyte are written with regular expressions. What an output may bring into a page is decided in `sanitise`.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

from jupyter_core.paths import ENV_JUPYTER_PATH, SYSTEM_JUPYTER_PATH
from nbconvert import HTMLExporter
from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter

from mmlib.report.formulas import draw_formulas
from mmlib.report.sanitise import clean, harmless

INJECTED = "injected-parameters"  # papermill's tag
INSIDE = re.compile(r"(<div[^>]*><pre><span></span>)(.*\n)(</pre></div>\s*)", re.S)
TEMPLATE = "nbconvert/templates/lab"
NO_ALT = re.compile(r"<img(?![^>]*\salt=)(?=\s)")
FOCUSABLE = re.compile(r'<div class="(?:jp-Cell-inputWrapper|[^"]*\bjp-OutputArea-output\b[^"]*)"(?![^>]*\stabindex=)')


@functools.cache
def exporter() -> PageExporter:
    """The exporter of this process."""
    # Without `extra_template_basedirs` templates would also be looked for where the user stands.
    made = PageExporter(template_name="lab", sanitize_html=True, extra_template_basedirs=[])
    made.optimistic_validation = True  # once after all steps, not after each
    draw_formulas(made)
    made.register_filter("clean_html", clean)
    return made


class PageExporter(HTMLExporter):
    """Gives the page that `HTMLExporter` gives, in a third of the time from the second notebook on."""

    def get_prefix_root_dirs(self) -> list[str]:
        """Where templates are looked for: the installation's own, not a user's (JUPYTER_PATH, the home folder)."""
        own = [*ENV_JUPYTER_PATH, *SYSTEM_JUPYTER_PATH]
        return [root for root in own if (Path(root) / TEMPLATE).is_dir()] or super().get_prefix_root_dirs()

    def from_notebook_node(self, nb: Any, resources: dict[str, Any] | None = None, **kw: Any) -> tuple[str, dict]:
        """A notebook as (page, resources)."""
        nb = harmless(nb)
        language = nb.metadata.get("language_info", {})
        resources = self._init_resources(resources)
        highlight = self._highlight(language.get("pygments_lexer", language.get("name")))
        types = WidgetsDataTypeFilter(notebook_metadata=self._nb_metadata, parent=self, resources=resources)
        self.register_filter("highlight_code", highlight)
        self.register_filter("filter_data_type", types)
        page, resources = TemplateExporter.from_notebook_node(self, nb, resources, **kw)
        page = NO_ALT.sub('<img alt="No description has been provided for this image"', page)
        return FOCUSABLE.sub(lambda found: f'{found[0]} tabindex="0"', page), resources

    @functools.cache  # noqa: B019 - one exporter per process
    def _highlight(self, lexer: str | None) -> Any:
        draw = Highlight2HTML(pygments_lexer=lexer, parent=self)
        known = functools.lru_cache(maxsize=4096)(draw)

        def highlight(source: str, language: str | None = None, metadata: Any = None) -> str:
            # Parameters differ from page to page, but most of their lines do not; papermill writes each as a statement.
            lines = source.strip("\n").split("\n") if INJECTED in (metadata or {}).get("tags", ()) else []
            drawn = [INSIDE.fullmatch(known(line, language)) for line in lines if line]
            if not lines or len(drawn) < len(lines) or None in drawn:
                return known(source, language)
            return drawn[0][1] + "".join(line[2] for line in drawn) + drawn[0][3]

        return highlight
