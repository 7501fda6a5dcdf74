"""The source files whose content decides what an experiment computes, found by reading imports, not by running them.

A file counts when something the experiment can reach uses it: its own package and mmlib are followed, through every
import statement (also inside functions, where torch hides) and every text that names a module. What counts, counts
whole, comments included, but for the parameters it declares (`Source.hash`). Three things count only in part:

- A package's `__init__` counts by the names taken from it: `from mmlib.fusion import Concat` counts the line that says
  where `Concat` comes from, and then that file. A definition in it counts with what it mentions. So a file beside
  those in use, and the line that exports it, make nothing stale; taking a name from another file does.
- A module that is only imported because a package's `__init__` imports it does not count, unless its import does more
  than define things (`Source.acts`), or what does count looks for subclasses.
- Where a module is loaded by a computed name, f"mmlib.data.{name}", those count that the parameters name
  (`ExperimentParameters.modules_by_name`), and all modules below that package where they name none.

So an edit of any definition that a run uses makes its record stale. The set is larger than what one run uses: a file
counts if any branch of any function in a counted file could import it. Not seen: a module found by a name that no
source spells out, and an attribute of a package that only another module's import put there.
"""

from __future__ import annotations

import ast
import importlib.machinery
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import mmlib
from mmlib.errors import UsageError
from mmlib.files import content_hash
from mmlib.workbook.source import ALL, BELOW, Reference, Source, names_in
from mmlib.workbook.source_memory import SourceMemory


class ImportClosure:
    """Reads each source once; make a new one to see changes. `memory`: a file that keeps what was read."""

    def __init__(self, search: list[Path], memory: Path | None = None) -> None:
        self.roots: dict[str, Path] = {"mmlib": Path(mmlib.__file__).resolve().parent.parent}
        self.search = [str(path) for path in search] + sys.path
        self._memory = SourceMemory(memory)
        self._sources: dict[str, Source | None] = {}
        self._walks: dict[tuple[str, tuple[str, ...]], Walk] = {}

    def files(self, module: str, named: Sequence[str] = ()) -> dict[str, str]:
        """``{"mmlib/fusion/simam2.py": hash}`` of everything that counts for `module`.

        `named` are the modules its parameters name. Raises `UsageError` if `module` is unknown.
        """
        return self._walk(module, named).hashes

    def loaded(self, module: str, named: Sequence[str] = ()) -> dict[str, str]:
        """``{"mmlib.fusion.simam2": hash}`` of every module that may be in memory, whether it counts or not.

        The hashes are of whole files. Raises `UsageError` if `module` is unknown.
        """
        names = sorted(self._walk(module, named).loaded)
        return {name: self.source(name).facts.content_hash for name in names}

    def _walk(self, module: str, named: Sequence[str]) -> Walk:
        key = (module, tuple(named))
        if key not in self._walks:
            top = module.partition(".")[0]
            if top not in self.roots:
                spec = importlib.machinery.PathFinder.find_spec(top, self.search)
                if spec is None or spec.origin is None:
                    raise UsageError(f"there is no module {module!r} (named as experiment in a notebook's metadata).")
                origin = Path(spec.origin)
                self.roots[top] = origin.parent.parent if origin.name == "__init__.py" else origin.parent
            if self.source(module) is None:
                raise UsageError(f"there is no module {module!r} (named as experiment in a notebook's metadata).")
            self._walks[key] = Walk(self, key[1])
            self._walks[key].start(module)
            self._memory.save()
        return self._walks[key]

    def source(self, module: str) -> Source | None:
        """The source of a module of ours; None for another's, and for what is no module."""
        if module not in self._sources:
            path = self._path(module)
            self._sources[module] = self._memory.read(module, path) if path else None
        return self._sources[module]

    def _path(self, module: str) -> Path | None:
        parts = module.split(".")
        if parts[0] not in self.roots:
            return None
        base = self.roots[parts[0]].joinpath(*parts)
        return next((path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()), None)

    def below(self, package: str) -> list[str]:
        """All modules in a package and in its packages."""
        source = self.source(package)
        if source is None or not source.is_package:
            return []
        folder = source.path.parent
        inside = (path.relative_to(folder).with_suffix("").parts for path in sorted(folder.rglob("*.py")))
        names = (parts[:-1] if parts[-1] == "__init__" else parts for parts in inside)
        return [".".join([package, *parts]) for parts in names if parts]

    def file_name(self, module: str) -> str:
        """``mmlib/fusion/__init__.py``."""
        return self.source(module).path.relative_to(self.roots[module.partition(".")[0]]).as_posix()


@dataclass
class Walk:
    """From one module to all that counts for it: `used` whole, of packages in `taken` the statements behind names."""

    closure: ImportClosure
    named: tuple[str, ...]
    used: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)
    taken: dict[str, dict[str, list]] = field(default_factory=dict)
    _seen: set[Reference] = field(default_factory=set)
    _waiting: list[Reference] = field(default_factory=list)

    def start(self, module: str) -> None:
        self._waiting.append((module, ALL))
        self._go_on()
        if any(self.closure.source(name).facts.finds_subclasses for name in self.used):
            self._waiting += [(name, ALL) for name in self.loaded if self.closure.source(name).facts.classes]
            self._go_on()

    @cached_property
    def hashes(self) -> dict[str, str]:
        """By file; of a package of which only some names were taken, the hash of what gives them their values."""
        found = {self.closure.file_name(name): self.closure.source(name).facts.hash for name in self.used}
        for name in self.taken.keys() - self.used:
            found[self.closure.file_name(name)] = content_hash(self.taken[name])[:16]
        return dict(sorted(found.items()))

    def _go_on(self) -> None:
        while self._waiting:
            reference = self._waiting.pop()
            if reference not in self._seen:
                self._seen.add(reference)
                self._follow(*reference)

    def _follow(self, module: str, name: str) -> None:
        if name == BELOW:
            below = self.closure.below(module)
            chosen = [each for each in self.named if each in below] or below
            self._waiting += [(each, ALL) for each in chosen]
            return
        source = self.closure.source(module)
        if source is None:
            return
        self._load(module)
        if name == ALL or not source.is_package:
            self._use(source)
            return
        for statement in source.bindings.get(name, []):
            self._take(source, name, statement)
        inside = self.closure.source(f"{module}.{name}")
        if inside is not None:
            self._waiting.append((inside.name, ALL))
        elif name not in source.bindings and "__getattr__" in source.bindings:
            self._waiting.append((module, "__getattr__"))

    def _use(self, source: Source) -> None:
        if source.name not in self.used:
            self.used.add(source.name)
            self._waiting += source.facts.all_references

    def _take(self, source: Source, name: str, statement: ast.stmt) -> None:
        """One name of a package, and what gives it its value."""
        if isinstance(statement, ast.Import | ast.ImportFrom):
            targets = source.imported_as(name, statement)
            found = sorted(map(list, targets))
            self._waiting += targets
        else:
            found = source.text_of(statement)
            self._waiting += source.references_of(statement)
            self._waiting += [(source.name, each) for each in names_in(statement) if each in source.bindings]
        self.taken.setdefault(source.name, {}).setdefault(name, []).append(found)

    def _load(self, module: str) -> None:
        """Note what an import brings into memory; what acts on being imported counts."""
        waiting = [module]
        while waiting:
            name = waiting.pop()
            source = self.closure.source(name)
            if source is None or name in self.loaded:
                continue
            self.loaded.add(name)
            waiting += [name.rpartition(".")[0]] if "." in name else []
            waiting += [part for base, each in source.facts.at_import for part in (base, f"{base}.{each}")]
            if source.facts.acts:
                self._waiting.append((name, ALL))
