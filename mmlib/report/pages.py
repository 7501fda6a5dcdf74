"""Executed notebooks as HTML beside the report: converted once per content, several at a time, with no network needed.

nbconvert's page asks the network for MathJax, require.js and Mermaid. Those scripts are taken out, and formulas become
MathML (`formulas`). The pages work from a memory stick.
"""

from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from mmlib.errors import UsageError
from mmlib.files import name_problem, read_json, sha256_bytes, sha256_file, write_json, write_text
from mmlib.report.formulas import STYLE

INDEX = "index.json"
PARALLEL_FROM = 4  # fewer pages are made faster than processes start


def convert_notebooks(notebooks: Mapping[str, Path], folder: Path, workers: int | None = None) -> dict[str, str]:
    """{name: page's file name in `folder`} for `{name: executed notebook}`; unchanged ones are not converted again."""
    index_path = folder / INDEX
    known = _read_index(index_path)
    maker = "".join(sha256_file(Path(__file__).with_name(name)) for name in ("pages.py", "exporter.py", "formulas.py"))
    wanted = {name: sha256_bytes((sha256_file(path) + maker).encode()) for name, path in notebooks.items()}
    tasks = [
        (str(notebooks[name]), str(folder / f"{name}.html"))
        for name, content in wanted.items()
        if known.get(name) != content or not (folder / f"{name}.html").exists()
    ]
    if tasks:
        _convert_all(tasks, workers or os.cpu_count() or 1)
    if wanted != known:
        write_json(index_path, wanted)
        for name in set(known) - set(wanted):
            (folder / f"{name}.html").unlink(missing_ok=True)
    return {name: f"{name}.html" for name in wanted}


def _read_index(path: Path) -> dict[str, str]:
    """What was converted, by name; a damaged index is as good as none, and names that lead elsewhere are not ours."""
    try:
        content = read_json(path)
    except (OSError, UsageError):
        return {}
    known = content if isinstance(content, dict) else {}
    return {name: made for name, made in known.items() if not name_problem(name)}


def _convert_all(tasks: list[tuple[str, str]], workers: int) -> None:
    if len(tasks) < PARALLEL_FROM or workers < 2:
        for task in tasks:
            convert(task)
        return
    # fork: the workers need nothing but nbconvert, and the caller may be a notebook that cannot be imported again
    context = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
    with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=context) as pool:
        list(pool.map(convert, tasks, chunksize=1))


def convert(task: tuple[str, str]) -> None:
    """Write one page; `task` is (notebook, target)."""
    import nbformat

    from mmlib.report.exporter import exporter

    source, target = task
    notebook = nbformat.read(source, as_version=4)
    resources = {"metadata": {"name": Path(target).stem}, "config_dir": os.devnull}  # no style sheet of the user's
    page, _ = exporter().from_notebook_node(notebook, resources=resources)
    write_text(target, offline(page).replace("</head>", f"{STYLE}</head>", 1))


def offline(page: str) -> str:
    """The page without anything that would ask the network: remote scripts, remote style sheets, module imports."""
    page = re.sub(r"<script\b[^>]*\bsrc=[\"'](?:https?:)?//[^>]*>\s*</script>", "", page)
    page = re.sub(r"<link\b[^>]*\bhref=[\"'](?:https?:)?//[^>]*>", "", page)
    return re.sub(
        r"<script\b[^>]*>(?:(?!</script>).)*?(?:https?:)?//(?:cdn|unpkg)(?:(?!</script>).)*</script>",
        "",
        page,
        flags=re.S,
    )
