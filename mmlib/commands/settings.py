"""What a user typed, as checked values: `name=value` settings, lists, the data root."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from mmlib.errors import DataError, UsageError


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """``["epochs=3", "simam2=true", "learning_rate=1e-3"]`` as typed values, read as YAML. Raises `UsageError`."""
    values = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(f"the setting {text}: expected name=value, such as --set epochs=5.")
        values[name.strip()] = _value(text, value)
    return values


def _value(text: str, value: str) -> Any:
    try:
        parsed = yaml.safe_load(value) if value else ""
    except yaml.YAMLError:
        raise UsageError(f"{text}: the value cannot be read; put a text with : or {{ in quotes.") from None
    if isinstance(parsed, str) and parsed == value:  # unquoted; YAML 1.1 takes 1e-3 for a text
        try:
            return float(value)
        except ValueError:
            return parsed
    return parsed


def split_names(text: str | None) -> list[str] | None:
    """``a,b`` as names; None without the option. Raises `UsageError` for an empty list: it would mean all rows."""
    if text is None:
        return None
    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        raise UsageError("--rows is empty: name rows by id, such as a,b, or leave it out for all of them.")
    return names


def split_numbers(text: str | None) -> list[int] | None:
    """``0,1,2`` as numbers, each once; None without the option. Raises `UsageError`."""
    if text is None:
        return None
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--seeds {text}: expected whole numbers separated by commas, such as 0,1,2.") from None
    return list(dict.fromkeys(numbers))


def existing_root(root: Path | None) -> Path | None:
    """The data root as an absolute path. Raises `DataError` where there is no such folder."""
    if root is None:
        return None
    root = root.expanduser().resolve()
    if not root.is_dir():
        what = "is no folder" if root.exists() else "does not exist"
        raise DataError(f"the data root {root} {what}. Give the folder with the data sets: --data-root DIR.")
    return root
