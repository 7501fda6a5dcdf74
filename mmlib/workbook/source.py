"""One module's source: what it imports, what it defines, whether importing it does more than define, what of it counts.

Read with `ast`, nothing is executed. A reference is a pair of a module's name and the name taken from it, `ALL` for
the module as a whole, `BELOW` for whatever is loaded from a package by a computed name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmlib.errors import UsageError
from mmlib.files import sha256_bytes

Reference = tuple[str, str]
ALL, BELOW = "*", ".*"
MODULE_TEXT = re.compile(r"\.*[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:\w+)?")
FIELD = "about"  # what declares a parameter of an experiment
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_LEAVES = frozenset({ast.Name, ast.Load, ast.Store, ast.arg, ast.Pass, ast.alias})  # half of all nodes
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)


@dataclass(frozen=True)
class Facts:
    """What counts of a module's source.

    Attributes:
        all_references: every module it may import, wherever the import stands, but for those of types alone.
        at_import: what is imported when it is: not what its functions import when they are called.
        acts: whether importing it may change something elsewhere: a call for its effect, an attribute set, a
            registration. Definitions, imports and assignments to names do not; except where one of our own functions is
            called for them (`@register`, `X = register(Y)`), because nobody knows what else that does.
        classes: whether it defines any.
        finds_subclasses: whether a class counts for it that it does not mention.
        content_hash: hash of the file, whatever it says.
        hash: hash of what counts of the file: all but the parameters it declares (`name: type = about(...)` in a
            class). What a declaration does is in the values, and those are in a cell's identity; were it counted, no
            parameter could be added without making every record stale.
    """

    all_references: frozenset[Reference]
    at_import: frozenset[Reference]
    acts: bool
    classes: bool
    finds_subclasses: bool
    content_hash: str
    hash: str

    def as_json(self) -> dict[str, Any]:
        sets = {name: sorted(map(list, getattr(self, name))) for name in ("all_references", "at_import")}
        return asdict(self) | sets

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Facts:
        """Raises `KeyError`, `TypeError`, `ValueError` for what `as_json` did not write."""
        sets = {
            name: frozenset((str(module), str(each)) for module, each in stored[name])
            for name in ("all_references", "at_import")
        }
        return cls(**(stored | sets))


class Source:
    """The module `name` in the file `path`, which holds `content`. Raises `UsageError` for what is no Python.

    Attributes:
        facts: see `Facts`; read from the content unless given.
        bindings: the statements that give each name its value; only of a package's `__init__`.
    """

    def __init__(self, name: str, path: Path, content: bytes, facts: Facts | None = None) -> None:
        self.name, self.path, self.content = name, path, content
        self.is_package = path.name == "__init__.py"
        self.package = name if self.is_package else name.rpartition(".")[0]
        self.bindings: dict[str, list[ast.stmt]] = {}
        self.facts = facts or self._read()

    def _read(self) -> Facts:
        try:
            statements = ast.parse(self.content).body
        except SyntaxError as error:
            raise UsageError(f"{self.path}, line {error.lineno}: {error.msg}. Mend it and run again.") from error
        self.bindings = _bindings(statements)
        imports = (each for each in _executed(statements) if isinstance(each, _IMPORTS))
        content_hash = sha256_bytes(self.content)[:16]
        facts = Facts(
            all_references=frozenset(references(statements, self.package)),
            at_import=frozenset(references(imports, self.package)),
            acts=any(self._effect(each) for each in _executed(statements, into_classes=False)),
            classes=any(isinstance(each, ast.ClassDef) for each in statements),
            finds_subclasses=b"subclass" in self.content and any(map(_finds_subclasses, statements)),
            content_hash=content_hash,
            hash=self._hash_without_declarations(statements) or content_hash,
        )
        if not self.is_package:
            self.bindings = {}  # the parsed statements of a hundred modules would be many objects to keep
        return facts

    def _hash_without_declarations(self, statements: list[ast.stmt]) -> str | None:
        if FIELD.encode() not in self.content:
            return None
        lines = self.content.splitlines(keepends=True)
        for statement in _executed(statements):
            for declared in statement.body if isinstance(statement, ast.ClassDef) else ():
                if _declares(declared):
                    count = declared.end_lineno - declared.lineno + 1
                    lines[declared.lineno - 1 : declared.end_lineno] = [b""] * count
        return sha256_bytes(b"".join(lines))[:16]

    def _effect(self, statement: ast.stmt) -> bool:
        if isinstance(statement, _DEFINITIONS):
            return any(self._calls_ours(each) or self._ours(each) for each in statement.decorator_list)
        if isinstance(statement, ast.Expr):
            return not isinstance(statement.value, ast.Constant)
        if isinstance(statement, _ASSIGNMENTS):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            plain = all(isinstance(each, ast.Name | ast.Tuple | ast.List) for each in targets)
            return not plain or (statement.value is not None and self._calls_ours(statement.value))
        if isinstance(statement, ast.If) and self._calls_ours(statement.test):
            return True
        return not isinstance(statement, (*_IMPORTS, ast.If, ast.Try, ast.With, ast.Pass))

    def _calls_ours(self, value: ast.expr) -> bool:
        return any(isinstance(node, ast.Call) and self._ours(node.func) for node in ast.walk(value))

    def _ours(self, called: ast.expr) -> bool:
        """Whether a called name is a function of our own: defined or imported here, and written in lower case."""
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        while isinstance(called, ast.Attribute):
            called = called.value
        if not isinstance(called, ast.Name) or name.lstrip("_")[:1].isupper():
            return False
        tops = {"mmlib", self.name.partition(".")[0]}
        return any(
            isinstance(statement, _DEFINITIONS)
            or any(module.partition(".")[0] in tops for module, _ in references([statement], self.package))
            for statement in self.bindings.get(called.id, [])
        )

    def imported_as(self, name: str, statement: ast.stmt) -> set[Reference]:
        """What an import statement binds `name` to."""
        chosen = [alias for alias in statement.names if _bound_by(alias, statement) == name]
        if isinstance(statement, ast.Import):
            return set(references([ast.Import(chosen)], self.package))
        return set(references([ast.ImportFrom(statement.module, chosen, statement.level)], self.package))

    def references_of(self, statement: ast.stmt) -> set[Reference]:
        """What one statement of the module may import."""
        return set(references([statement], self.package))

    def text_of(self, statement: ast.stmt) -> str:
        """The lines of a statement, decorators included."""
        decorators = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(each.lineno for each in decorators)])
        return b"\n".join(self.content.splitlines()[first - 1 : statement.end_lineno]).decode()


def names_in(statement: ast.stmt) -> set[str]:
    """Every name a statement mentions."""
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def references(nodes: Iterable[ast.AST], package: str) -> Iterator[Reference]:
    """What these parts of a source may import, by statement or by a text that names a module.

    A text that is exactly a module's name ("mmlib.data.grid_words", "mmlib.data.grid_words:prepare") counts as an
    import of it; one made from a package's name and something computed (f"mmlib.data.{name}") as `BELOW` it. Names
    that are no modules are sorted out later.
    """
    waiting: list[ast.AST] = list(nodes)
    while waiting:
        node = waiting.pop()
        if type(node) in _LEAVES:
            continue
        if isinstance(node, ast.If) and _for_types(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ALL
                if alias.asname is None:  # `import a.b` gives a, and through it whatever a holds
                    parts = alias.name.split(".")
                    yield from ((".".join(parts[:length]), ALL) for length in range(1, len(parts)))
        elif isinstance(node, ast.ImportFrom):
            base = absolute("." * node.level + (node.module or ""), package)
            yield from ((base, alias.name) for alias in node.names)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str) and MODULE_TEXT.fullmatch(node.value):
                yield absolute(node.value.partition(":")[0], package), ALL
            continue
        elif isinstance(node, ast.JoinedStr) and len(node.values) == 2 and isinstance(node.values[0], ast.Constant):
            prefix = str(node.values[0].value)
            if prefix.endswith(".") and MODULE_TEXT.fullmatch(prefix[:-1]):
                yield absolute(prefix[:-1], package), BELOW
        for name in node._fields:  # ast.iter_child_nodes takes three times as long
            value = getattr(node, name, None)
            if isinstance(value, list):
                waiting += [each for each in value if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST):
                waiting.append(value)


def absolute(name: str, package: str) -> str:
    """A relative module name as an absolute one."""
    level = len(name) - len(name.lstrip("."))
    if not level:
        return name
    parts = package.split(".")
    base = parts[: len(parts) - level + 1]
    return ".".join([*base, name.lstrip(".")] if name.lstrip(".") else base)


def _for_types(test: ast.expr) -> bool:
    """Whether a condition is `TYPE_CHECKING`, which never holds in a run, or the `__main__` of a script."""
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING" or (isinstance(test, ast.Compare) and getattr(test.left, "id", "") == "__name__")


def _executed(statements: Iterable[ast.stmt], into_classes: bool = True) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported, those inside conditions and classes too."""
    for statement in statements:
        if isinstance(statement, ast.If) and _for_types(statement.test):
            yield from _executed(statement.orelse, into_classes)
            continue
        yield statement
        if isinstance(statement, _FUNCTIONS) or (isinstance(statement, ast.ClassDef) and not into_classes):
            continue
        for name in ("body", "orelse", "finalbody"):
            yield from _executed(getattr(statement, name, []), into_classes)
        for handler in getattr(statement, "handlers", []):
            yield from _executed(handler.body, into_classes)


def _finds_subclasses(statement: ast.stmt) -> bool:
    return any(
        (isinstance(node, ast.Attribute) and node.attr == "__subclasses__")
        or (isinstance(node, ast.FunctionDef) and node.name == "__init_subclass__")
        for node in ast.walk(statement)
    )


def _declares(statement: ast.stmt) -> bool:
    """Whether a statement of a class declares a parameter of an experiment."""
    called = statement.value.func if isinstance(getattr(statement, "value", None), ast.Call) else None
    return isinstance(statement, ast.AnnAssign) and isinstance(called, ast.Name) and called.id == FIELD


def _bindings(statements: list[ast.stmt]) -> dict[str, list[ast.stmt]]:
    found: dict[str, list[ast.stmt]] = {}
    for statement in statements:
        if isinstance(statement, ast.If) and _for_types(statement.test):
            continue
        for name in _bound(statement):
            found.setdefault(name, []).append(statement)
    return found


def _bound(statement: ast.stmt) -> set[str]:
    if isinstance(statement, _DEFINITIONS):
        return {statement.name}
    if isinstance(statement, _IMPORTS):
        return {_bound_by(alias, statement) for alias in statement.names}
    found = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, _DEFINITIONS):
            found.add(node.name)
        elif isinstance(node, _IMPORTS):
            found |= {_bound_by(alias, node) for alias in node.names}
    return found


def _bound_by(alias: ast.alias, statement: ast.stmt) -> str:
    return alias.asname or (alias.name.partition(".")[0] if isinstance(statement, ast.Import) else alias.name)
