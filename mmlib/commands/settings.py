"""What a user typed, as checked values: lists, the data root."""

from __future__ import annotations

from pathlib import Path

from mmlib.errors import DataError, UsageError


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
