"""Errors about parameters, in words: which parameter, what was given, what is allowed, what was probably meant."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

PLAIN_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", type(None): "null"}


def closest(name: str, candidates: Iterable[str]) -> str:
    """' (did you mean 'x'?)' for the nearest candidate, '' when none is near."""
    near = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""


def choices(annotation: Any) -> list[str]:
    """The texts a `Literal` annotation (or an optional one) allows; empty for other types."""
    if get_origin(annotation) is Literal:
        return [str(value) for value in get_args(annotation)]
    return [choice for argument in get_args(annotation) for choice in choices(argument)]


def allowed(annotation: Any) -> str:
    """What a field accepts, in words: 'a number or null', "one of 'sgd', 'adam'"."""
    if get_origin(annotation) is Annotated:
        return allowed(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(allowed(argument) for argument in get_args(annotation))
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(repr(value) for value in get_args(annotation))
    return PLAIN_NAMES.get(annotation, str(annotation))


def _looks_numeric(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return isinstance(value, str)


def _explain_one(error: Mapping[str, Any], fields: Mapping[str, FieldInfo]) -> str:
    name = str(error["loc"][0]) if error["loc"] else ""
    value = error["input"]
    if not name:  # a rule over several parameters: its text is written for the user already
        return error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        return f"there is no parameter '{name}'{closest(name, fields)}"
    annotation = fields[name].annotation
    given = "null" if value is None else f"{value!r:.80}"
    start = f"{name} = {given}: "
    if error["type"] == "finite_number":
        return start + "must be finite; infinity and NaN are not parameters"
    if error["type"] in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        return start + error["msg"].replace("Input should be", "must be")
    if error["type"] == "value_error":
        return start + error["msg"].removeprefix("Value error, ")
    text = f"{start}expected {allowed(annotation)}, got {PLAIN_NAMES.get(type(value), type(value).__name__)}"
    if options := choices(annotation):
        return f"{start}expected {allowed(annotation)}" + (closest(value, options) if isinstance(value, str) else "")
    if annotation is int and isinstance(value, float) and value.is_integer():
        text += f" (write {int(value)})"
    if _looks_numeric(value):
        text += f" (in quotes it is a text: write {float(value)!r})"
    return text


def explain(error: ValidationError, fields: Mapping[str, FieldInfo], experiment: str) -> str:
    """One line per wrong parameter; a field that failed as each member of a union is told once."""
    lines = {}
    for item in error.errors():
        name = str(item["loc"][0]) if item["loc"] else item["msg"]
        lines.setdefault(name, _explain_one(item, fields))
    lost = any(x["type"] == "extra_forbidden" and not closest(str(x["loc"][0]), fields) for x in error.errors())
    text = f"wrong parameters for {experiment}:\n  " + "\n  ".join(lines.values())
    return text + (f"\n  the parameters are: {', '.join(fields)}" if lost else "")
