"""Content hashes that decide whether a finished cell is still true: notebook, library, lock file, data.

Content only, never file times: touching a file changes nothing, editing it makes exactly the cells stale whose
experiment imports it. "Imports" is read from the source (also inside functions, where torch hides), so nothing heavy
is loaded to answer `mmlib status`.
"""

from __future__ import annotations

import ast
import importlib.machinery
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mmlib
from mmlib.errors import UsageError
from mmlib.files import content_hash, sha256_bytes, sha256_file
from mmlib.record import Hashes

LOCK_FILE = "requirements.lock"
MODULE_TEXT = re.compile(r"\.*[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:\w+)?")


@dataclass(frozen=True)
class NotebookSource:
    """What a notebook computes: its path, the hash of its code, and the experiment its metadata names."""

    path: Path
    hash: str
    experiment: str


def read_notebook(path: Path) -> NotebookSource:
    """Hash the code cells and ``metadata.mmlib``; prose and outputs do not count.

    Raises `UsageError` when the file is absent, is no notebook, or does not name its experiment.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        sources = ["".join(cell["source"]) for cell in cells]
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


class ImportClosure:
    """The source files a module reaches by imports inside its own top-level package and mmlib.

    An import of a package runs its `__init__`, so that counts too. A text that is exactly a module's name
    ("mmlib.data.grid_words", "mmlib.data.grid_words:prepare") counts as an import of it: registries load by name.
    A text made from a package's name and something computed (f"mmlib.data.{name}") counts as all of that package.
    """

    def __init__(self, search: list[Path]) -> None:
        self.roots: dict[str, Path] = {"mmlib": Path(mmlib.__file__).resolve().parent.parent}
        self.search = [str(path) for path in search] + sys.path
        self._imports: dict[str, set[str]] = {}
        self._hashes: dict[Path, str] = {}

    def files(self, module: str) -> dict[str, str]:
        """``{"mmlib/fusion/simam2.py": hash}`` of everything `module` reaches. Raises `UsageError` if it is unknown."""
        top = module.partition(".")[0]
        if top not in self.roots:
            spec = importlib.machinery.PathFinder.find_spec(top, self.search)
            if spec is None or spec.origin is None:
                raise UsageError(f"there is no module {module!r} (named as experiment in a notebook's metadata).")
            origin = Path(spec.origin)
            self.roots[top] = origin.parent.parent if origin.name == "__init__.py" else origin.parent
        if self._file(module) is None:
            raise UsageError(f"there is no module {module!r} (named as experiment in a notebook's metadata).")
        seen: set[str] = set()
        waiting = [module]
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            parent = name.rpartition(".")[0]
            waiting += [parent] if parent else []
            waiting += self._direct_imports(name)
        return dict(sorted(self._hashed(name) for name in seen))

    def _file(self, module: str) -> Path | None:
        parts = module.split(".")
        if parts[0] not in self.roots:
            return None
        base = self.roots[parts[0]].joinpath(*parts)
        for path in (base / "__init__.py", base.with_suffix(".py")):
            if path.is_file():
                return path
        return None

    def _expand(self, name: str) -> list[str]:
        """`package.*` as the modules of that package, any other name as itself."""
        package = name.removesuffix(".*")
        path = self._file(package) if package != name else None
        if path is None or path.name != "__init__.py":
            return [name]
        return [f"{package}.{entry.stem}" for entry in sorted(path.parent.glob("*.py")) if entry != path]

    def _hashed(self, module: str) -> tuple[str, str]:
        path = self._file(module)
        if path not in self._hashes:
            self._hashes[path] = sha256_file(path)[:16]
        return path.relative_to(self.roots[module.partition(".")[0]]).as_posix(), self._hashes[path]

    def _direct_imports(self, module: str) -> set[str]:
        if module not in self._imports:
            path = self._file(module)
            source = path.read_bytes()
            self._hashes[path] = sha256_bytes(source)[:16]
            try:
                tree = ast.parse(source)
            except SyntaxError as error:
                raise UsageError(f"{path}, line {error.lineno}: {error.msg}. Mend it and run again.") from error
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            named = {each for name in _named(tree, package) for each in self._expand(name)}
            self._imports[module] = {name for name in named if self._file(name)}
        return self._imports[module]


def _named(tree: ast.AST, package: str) -> Iterator[str]:
    """Every module name a source may import, wherever it stands; names that are no modules are sorted out later."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and MODULE_TEXT.fullmatch(node.value):
            yield _absolute(node.value.partition(":")[0], package)
        elif isinstance(node, ast.JoinedStr) and len(node.values) == 2 and isinstance(node.values[0], ast.Constant):
            prefix = str(node.values[0].value)
            if prefix.endswith(".") and MODULE_TEXT.fullmatch(prefix[:-1]):
                yield _absolute(prefix[:-1], package) + ".*"


def _absolute(name: str, package: str) -> str:
    level = len(name) - len(name.lstrip("."))
    if not level:
        return name
    parts = package.split(".")
    base = parts[: len(parts) - level + 1]
    return ".".join([*base, name.lstrip(".")] if name.lstrip(".") else base)


@dataclass
class Fingerprints:
    """Hashes of the current sources, each read once; make a new one per command."""

    project: Path
    _notebooks: dict[str, NotebookSource] = field(default_factory=dict)
    _libraries: dict[str, dict[str, str]] = field(default_factory=dict)
    _lock: list[str | None] = field(default_factory=list)
    _hashes: dict[str, Hashes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._closure = ImportClosure([self.project])

    def notebook(self, name: str) -> NotebookSource:
        """`name` is relative to ``notebooks/``."""
        if name not in self._notebooks:
            self._notebooks[name] = read_notebook(self.project / "notebooks" / name)
        return self._notebooks[name]

    def library(self, experiment: str) -> dict[str, str]:
        if experiment not in self._libraries:
            self._libraries[experiment] = self._closure.files(experiment)
        return self._libraries[experiment]

    def libraries(self, notebooks: Iterable[str]) -> dict[str, str]:
        """The library files of several notebooks together, with their hashes."""
        files: dict[str, str] = {}
        for name in dict.fromkeys(notebooks):
            files |= self.library(self.notebook(name).experiment)
        return files

    def lock(self) -> str | None:
        if not self._lock:
            path = self.project / LOCK_FILE
            self._lock.append(sha256_file(path) if path.is_file() else None)
        return self._lock[0]

    def hashes(self, notebook: str, data: str | None = None) -> Hashes:
        """The current hashes of a cell that runs `notebook` on data with manifest hash `data`."""
        if notebook not in self._hashes:
            source = self.notebook(notebook)
            files = self.library(source.experiment)
            self._hashes[notebook] = Hashes(
                notebook=source.hash, library=content_hash(files), lock=self.lock(), library_files=files
            )
        return self._hashes[notebook].model_copy(update={"data": data})


def module_names(files: Iterable[str]) -> list[str]:
    """``mmlib/fusion/__init__.py`` as ``mmlib.fusion``."""
    return [name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in files]


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
