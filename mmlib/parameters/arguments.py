"""Settings as a user types them, `name=value`, as typed values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from mmlib.errors import UsageError
from mmlib.parameters.plain_yaml import load_plain


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """``["epochs=3", "simam2=true", "learning_rate=1e-3"]`` as typed values, read as plans are. Raises `UsageError`."""
    values = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(f"the setting {text:.80}: expected name=value, such as --set epochs=5.")
        values[name.strip()] = _value(text, value)
    return values


def _value(text: str, value: str) -> Any:
    if not value:
        return ""
    try:
        return load_plain(value)
    except yaml.YAMLError as error:
        why = getattr(error, "problem", None) or "the value cannot be read"
        raise UsageError(f"{text:.80}: {why}; put a text with : or {{ in quotes.") from None
