"""Plans and claims as YAML files: plain values only (`mmlib.parameters.plain_yaml`), and every mistake named with its
file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mmlib.errors import UsageError
from mmlib.files import LFS_ADVICE, is_lfs_pointer
from mmlib.parameters.plain_yaml import load_plain

LARGEST = 4 << 20  # bytes


def read_yaml(path: Path, kind: str) -> Any:
    """The content of a file; `kind` ("plan") names it in messages. Raises `UsageError`."""
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"the {kind} {path} is no file.")
        if path.exists() and path.stat().st_size > LARGEST:
            raise UsageError(f"the {kind} {path} is larger than {LARGEST >> 20} MiB; it is not one of ours.")
        if is_lfs_pointer(path):
            raise UsageError(f"the {kind} {path} {LFS_ADVICE}")
        return load_plain(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"there is no {kind} {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the {kind} {path} cannot be read: {error}. Restore it from the repository.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{where}: {getattr(error, 'problem', None) or error}.") from error
