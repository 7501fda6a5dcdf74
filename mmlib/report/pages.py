"""Executed notebooks as HTML beside the report: converted once per content, several at a time, with no network needed.

nbconvert's page asks the network for MathJax, require.js and Mermaid. All scripts are taken out, and formulas become
MathML (`formulas`); what the pages have in common lies beside them (`lighten`). The pages work from a memory stick, and
run nothing of what a notebook holds (`sanitise`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from mmlib import notebook_format
from mmlib.data.progress import Progress
from mmlib.errors import UsageError
from mmlib.figures import palette
from mmlib.files import name_problem, read_json, sha256_bytes, sha256_file, write_json, write_text
from mmlib.pool import Processes
from mmlib.report.formulas import STYLE
from mmlib.report.lighten import add_way_back, remove_unused, share, shared_files
from mmlib.report.sanitise import POLICY

INDEX = "index.json"
MAKERS = (
    *(Path(__file__).with_name(f"{name}.py") for name in ("pages", "exporter", "formulas", "lighten", "sanitise")),
    Path(palette.__file__),
)
"""The files that decide what a page looks like."""
Links = list[tuple[str, str]]


class Conversion:
    """Executed notebooks, `{name: path}`, that become pages of a folder; unchanged ones are not converted again.

    It begins at once, and `finish` waits for its end. `back` holds the links, (address, text), that a page begins with.
    """

    def __init__(
        self,
        notebooks: Mapping[str, Path],
        folder: Path,
        back: Mapping[str, Links] | None = None,
        processes: Processes | None = None,
    ) -> None:
        self.folder, back = folder, back or {}
        self.known = _read_index(folder / INDEX)
        maker = "".join(sha256_file(path) for path in MAKERS)
        self.wanted = {
            name: sha256_bytes(f"{sha256_file(path)}{maker}{back.get(name)}".encode())
            for name, path in notebooks.items()
        }
        self.tasks = [
            (str(notebooks[name]), str(folder / f"{name}.html"), back.get(name, []))
            for name, content in self.wanted.items()
            if self.known.get(name) != content or not (folder / f"{name}.html").exists()
        ]
        anew = {Path(target).stem for _, target, _ in self.tasks}
        self.done = {name: content for name, content in self.known.items() if name not in anew}
        if self.done != self.known:  # an error or a kill must not leave new pages under the names of old ones
            write_json(folder / INDEX, self.done)
        self.problems = (processes or Processes(1)).map(convert, self.tasks)

    def finish(self) -> dict[str, str]:
        """{name: the page's file name in the folder}."""
        folder, wanted = self.folder, self.wanted
        progress, said = Progress("notebooks", len(self.tasks), "pages"), []
        try:
            for (source, target, _), problem in zip(self.tasks, self.problems, strict=True):
                progress.advance(1)
                name = Path(target).stem
                if problem is None:
                    self.done[name] = wanted[name]
                else:
                    said.append(f"{source} cannot be shown ({problem}); the report has no page of it.")
                    wanted.pop(name)
        except BaseException:
            write_json(folder / INDEX, self.done)  # what is finished is kept
            raise
        for line in said:  # after the last line of progress, which stays open on a terminal
            print(line)
        if wanted != self.known or self.tasks:
            write_json(folder / INDEX, wanted)
            for name in set(self.known) - set(wanted):
                (folder / f"{name}.html").unlink(missing_ok=True)
            pages = [(folder / f"{name}.html").read_text(encoding="utf-8") for name in wanted]
            remove_unused(folder, set().union(*map(shared_files, pages)))
        return {name: f"{name}.html" for name in wanted}


def _read_index(path: Path) -> dict[str, str]:
    """What was converted, by name; a damaged index is as good as none, and names that lead elsewhere are not ours."""
    try:
        content = read_json(path)
    except (OSError, UsageError):
        return {}
    known = content if isinstance(content, dict) else {}
    return {name: made for name, made in known.items() if not name_problem(name)}


def convert(task: tuple[str, str, Links]) -> str | None:
    """Write one page; `task` is (notebook, target, links back).

    What is wrong with a notebook that cannot be shown is returned.
    """
    notebook_format.prepare()
    import nbformat

    from mmlib.report.exporter import exporter

    source, target, back = task
    resources = {"metadata": {"name": Path(target).stem}, "config_dir": os.devnull}  # no style sheet of the user's
    try:
        notebook = nbformat.read(source, as_version=4)
        page, _ = exporter().from_notebook_node(notebook, resources=resources)
    except Exception as error:  # nbformat, Jinja and the Markdown reader each raise what they like over a damaged file
        Path(target).unlink(missing_ok=True)
        return str(error).strip().partition("\n")[0][:120] or type(error).__name__
    page = offline(page).replace("<head>", f"<head>{POLICY}", 1).replace("</head>", f"{STYLE}</head>", 1)
    page = share(page, Path(target).parent)
    write_text(target, add_way_back(page, back) if back else page)
    return None


def offline(page: str) -> str:
    """The page without scripts, and without style sheets from the network."""
    page = re.sub(r"<script\b.*?</script\s*>", "", page, flags=re.S | re.I)
    return re.sub(r"<link\b[^>]*\bhref=[\"'](?:https?:)?//[^>]*>", "", page)
