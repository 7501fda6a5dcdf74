"""Settings as a user types them, `name=value`, as typed values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from mmlib.errors import UsageError


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
