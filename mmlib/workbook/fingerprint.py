"""Content hashes that decide whether a finished cell is still true: notebook, library, lock file, data.

Content only, never file times: touching a file changes nothing, editing it makes exactly the cells stale whose
experiment uses it (`mmlib.workbook.closure`). Nothing heavy is loaded to answer `mmlib status`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmlib.errors import UsageError
from mmlib.files import content_hash, parse_json, sha256_file
from mmlib.record import Hashes
from mmlib.workbook.closure import ImportClosure
from mmlib.workbook.source_memory import NAME

if TYPE_CHECKING:
    from mmlib.workbook.cell import Cell

LOCK_FILE = "requirements.lock"
INJECTED = "injected-parameters"  # papermill's tag for the cell it adds, or puts in the place of one that has it
PARAMETERS = ("parameters", "first-parameters")
"""Tags of the cells that hold parameters: papermill's, and ours of those that are changed first."""


@dataclass(frozen=True)
class NotebookSource:
    """What a notebook computes: its path, the hash of its code, and the experiment its metadata names."""

    path: Path
    hash: str
    experiment: str


def read_notebook(path: Path) -> NotebookSource:
    """Hash what the code cells compute and ``metadata.mmlib``.

    Not counted: prose, outputs and whatever else JupyterLab writes on saving; the parameters in the cells tagged
    `parameters` and `first-parameters`, because a run replaces every one of them; the cell that papermill adds; white
    space at the ends of lines and cells. Raises `UsageError` when the file is absent, is no notebook, or does not name
    its experiment.
    """
    try:
        notebook = parse_json(path.read_text(encoding="utf-8"))
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        sources = [source for source in map(_counted, cells) if source]
        metadata = notebook["metadata"].get("mmlib", {})
    except FileNotFoundError:
        raise UsageError(f"there is no notebook {path}. Check 'notebook' and 'summaries' in the plan.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is not a readable notebook ({error!r}). Restore it from the repository.") from error
    experiment = metadata.get("experiment") if isinstance(metadata, dict) else None
    if not isinstance(experiment, str):
        raise UsageError(
            f"{path} does not say which experiment it runs: set metadata.mmlib.experiment to a module such as "
            "'mmlib.experiments.classification'."
        )
    return NotebookSource(path, content_hash([sources, metadata]), experiment)


def _counted(cell: Mapping[str, Any]) -> str:
    """What of a code cell decides what it computes."""
    tags = cell.get("metadata", {}).get("tags", ())
    if INJECTED in tags:
        return ""
    source = "".join(cell["source"])
    if any(tag in tags for tag in PARAMETERS):
        source = _without_parameters(source)
    return "\n".join(line.rstrip() for line in source.splitlines()).strip("\n")


def _without_parameters(source: str) -> str:
    """What a parameters cell does beside giving parameters their plain values: an annotated variable is a parameter."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:  # a magic, perhaps
        return source
    return "\n".join(ast.unparse(statement) for statement in statements if not _is_parameter(statement))


def _is_parameter(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
        return False
    if isinstance(statement.value, ast.Name) and statement.value.id == statement.target.id:
        return True  # named again: its value stands in another cell
    try:
        ast.literal_eval(statement.value)
    except (ValueError, TypeError):  # computed, or no value at all
        return False
    return not statement.target.id.startswith("_")


@dataclass
class Fingerprints:
    """Hashes of the current sources, each read once; make a new one per command.

    `outputs`: a folder in which to keep what was read of the sources for the next command.
    """

    project: Path
    outputs: Path | None = None
    _notebooks: dict[str, NotebookSource] = field(default_factory=dict)
    _lock: list[str | None] = field(default_factory=list)
    _hashes: dict[tuple[str, tuple[str, ...]], Hashes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._closure = ImportClosure([self.project], self.outputs / NAME if self.outputs else None)

    def notebook(self, name: str) -> NotebookSource:
        """`name` is relative to ``notebooks/``."""
        if name not in self._notebooks:
            self._notebooks[name] = read_notebook(self.project / "notebooks" / name)
        return self._notebooks[name]

    def library(self, experiment: str, named: Sequence[str] = ()) -> dict[str, str]:
        """The files that count for an experiment, with their hashes; `named`: the modules its parameters name."""
        return self._closure.files(experiment, named)

    def whole(self, experiment: str) -> dict[str, str]:
        """All files that an experiment can load or that count for it, by the hash of all that is in them."""
        return self._closure.loaded(experiment) | self._closure.files(experiment)

    def loaded(self, cells: Iterable[Cell]) -> dict[str, str]:
        """Every module of ours that these cells' kernels may load, with the hashes of their files."""
        found: dict[str, str] = {}
        for experiment, named in dict.fromkeys(
            (self.notebook(cell.notebook).experiment, cell.parameters.modules_by_name()) for cell in cells
        ):
            found |= self._closure.loaded(experiment, named)
        return found

    def lock(self) -> str | None:
        if not self._lock:
            path = self.project / LOCK_FILE
            self._lock.append(sha256_file(path) if path.is_file() else None)
        return self._lock[0]

    def hashes(self, notebook: str, data: str | None = None, named: Sequence[str] = ()) -> Hashes:
        """The current hashes of a cell that runs `notebook` on data with manifest hash `data`.

        `named` are the modules its parameters name (`ExperimentParameters.modules_by_name`).
        """
        key = (notebook, tuple(named))
        if key not in self._hashes:
            source = self.notebook(notebook)
            files = self.library(source.experiment, named)
            self._hashes[key] = Hashes(
                notebook=source.hash, library=content_hash(files), lock=self.lock(), library_files=files
            )
        return self._hashes[key].model_copy(update={"data": data})


def why_stale(recorded: Hashes, current: Hashes, notebook: str) -> str | None:
    """The first reasons why a record no longer describes the current sources, in words; None when it does."""
    reasons = []
    if recorded.notebook != current.notebook:
        reasons.append(f"notebook changed: {notebook}")
    if recorded.library != current.library:
        old, new = recorded.library_files, current.library_files
        changed = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
        shown = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
        reasons.append(f"library changed: {shown or 'files unknown'}")
    if recorded.lock != current.lock:
        reasons.append(f"lock file changed: {LOCK_FILE}")
    if recorded.data != current.data and current.data is not None:
        reasons.append("data changed")
    return "; ".join(reasons) or None
