"""What a user typed, as checked values: lists, paths, seconds, the data root."""

from __future__ import annotations

import math
from pathlib import Path

from mmlib.errors import DataError, UsageError
from mmlib.files import user_path


def typed_path(text: str) -> Path:
    """The value of an option that is a path, absolute. Raises `UsageError`, also for an empty text."""
    return user_path(text, "the path")


def finite_seconds(value: float | None) -> float | None:
    """The value of an option in seconds, as it is. Raises `UsageError` for infinity and NaN."""
    if value is not None and not math.isfinite(value):
        raise UsageError(f"{value} s is no time; leave the option out for no limit.")
    return value


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
    root = root.resolve()
    if not root.is_dir():
        what = "is no folder" if root.exists() else "does not exist"
        raise DataError(f"the data root {root} {what}. Give the folder with the data sets: --data-root DIR.")
    return root
