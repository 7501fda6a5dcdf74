"""Plans and claims as YAML files: plain values only, and every mistake named with its file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mmlib.errors import UsageError

# PyYAML's own parser takes ten times as long as libyaml, which its wheels bring.
_SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UniqueKeyLoader(_SafeLoader):
    """YAML with plain values only, that refuses a key given twice (PyYAML would silently keep the last)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue  # PyYAML itself refuses a key that is no plain value
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} occurs twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, kind: str) -> Any:
    """The content of a file; `kind` ("plan") names it in messages. Raises `UsageError`."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=UniqueKeyLoader)
    except FileNotFoundError:
        raise UsageError(f"there is no {kind} {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the {kind} {path} cannot be read: {error}. Restore it from the repository.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{where}: {getattr(error, 'problem', None) or error}.") from error
