"""`mmlib open`: a notebook in JupyterLab, as a copy under the outputs, so that playing never changes the repository."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from mmlib.errors import OutputsError, UsageError
from mmlib.files import read_json, write_problem
from mmlib.parameters.base import project_root
from mmlib.parameters.messages import closest
from mmlib.processes import PLAIN_DRAWING, own_environment


def notebooks() -> dict[str, Path]:
    """{name: path} of the project's notebooks, without `.ipynb`."""
    return {path.stem: path for path in sorted((project_root() / "notebooks").glob("*.ipynb"))}


def title_of(path: Path) -> str:
    """The first heading of a notebook; empty where it has none. Raises `UsageError` for what is no notebook."""
    try:
        cells = [cell for cell in read_json(path)["cells"] if cell["cell_type"] == "markdown"]
        lines = [line for cell in cells for line in "".join(cell["source"]).splitlines()]
    except (KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a readable notebook. Restore it from the repository.") from error
    return next((line.lstrip("# ") for line in lines if line.startswith("#")), "")


def listing() -> str:
    """All notebooks with what they are about, a line each."""
    found = notebooks()
    width = max(map(len, found), default=0)
    return "\n".join(f"  {name:<{width}}  {title_of(path)}" for name, path in found.items())


def find_notebook(name: str) -> Path:
    """The notebook of that name, with or without `.ipynb`. Raises `UsageError`, which lists all."""
    found = notebooks()
    if not found:
        raise UsageError(
            f"there is no notebook in {project_root() / 'notebooks'}. Set MMLIB_PROJECT to the folder that holds "
            "notebooks/, such as a clone of the repository."
        )
    stem = name.removesuffix(".ipynb").removeprefix("notebooks/")
    if stem not in found:
        raise UsageError(f"there is no notebook {name!r}{closest(stem, found)}; there are\n{listing()}")
    return found[stem]


def own_copy(notebook: Path, outputs: Path, fresh: bool = False) -> tuple[Path, str]:
    """The copy that is opened, and what to say of it. A copy made before is kept as it is, with all that was changed.

    `fresh` makes a new one; the old is kept beside it, with a number. Raises `OutputsError`.
    """
    folder = outputs / "interactive" / "notebooks"
    copy = folder / notebook.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        said = f"a copy of {notebook.name}"
        if copy.exists() and not fresh:
            same = copy.read_bytes() == notebook.read_bytes()
            told = "as it is in the project" if same else "with your changes; --fresh starts from the project's again"
            return copy, f"your copy of {notebook.name}, {told}"
        if copy.exists():
            kept = next(path for n in range(1, 10_000) if not (path := folder / f"{copy.stem}-{n}.ipynb").exists())
            copy.rename(kept)
            said += f"; the one before is kept as {kept.name}"
        shutil.copyfile(notebook, copy)
    except OSError as error:
        raise OutputsError(
            f"cannot write {copy}: {write_problem(error, copy)}. Fix its permissions or choose another folder with "
            "--outputs."
        ) from error
    return copy, said


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def open_notebook(
    name: str,
    outputs: Path,
    fresh: bool = False,
    browser: bool = True,
    port: int | None = None,
    allow_root: bool = False,
) -> None:
    """Become JupyterLab on a copy of the notebook; Ctrl-C ends it. Returns only where that cannot be.

    Raises `UsageError` for an unknown name, where JupyterLab is not installed, and for root, whom Jupyter refuses
    unless it is told to `allow_root`; `OutputsError`.
    """
    notebook = find_notebook(name)
    if importlib.util.find_spec("jupyterlab") is None:
        raise UsageError(
            f"JupyterLab is not installed for {sys.executable}. Install it: pip install -r requirements.lock."
        )
    if is_root() and not allow_root:
        raise UsageError(
            "JupyterLab does not start for root, whose notebooks may do anything to this machine. Open it as another "
            "user, or, as in a container of your own, with --allow-root."
        )
    copy, said = own_copy(notebook, outputs, fresh)
    command = [sys.executable, "-P", "-m", "jupyterlab", str(copy)]
    command += [] if browser else ["--no-browser"]
    command += [] if port is None else [f"--port={port}"]
    command += ["--allow-root"] if allow_root else []
    environment = own_environment(MMLIB_PROJECT=str(project_root()), MMLIB_OUTPUTS=str(outputs))
    for variable in PLAIN_DRAWING:  # the command line's own; a notebook draws into its page
        environment.pop(variable, None)
    print(f"opening {copy}: {said}. Ctrl-C ends JupyterLab.", flush=True)
    os.execve(sys.executable, command, environment)
