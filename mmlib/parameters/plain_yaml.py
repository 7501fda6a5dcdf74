"""YAML as plain values that mean what they seem to: for plans, claims and `--set name=value` alike.

PyYAML follows YAML 1.1, where `010` is 8, `1:30` is 90, `no` is false and `1e-3` is a text. Here a value without quotes
is null, true or false, a number as Python writes it in decimals, or a text. What YAML 1.1 would read as something else
is refused: a number with a leading zero, with `_` or `:`, in base 2, 8 or 16, infinite or too long; yes, no, on, off;
a date. In quotes it is a text.

Nesting, and what anchors multiply, are bounded; there are no tags.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

DEEPEST = 40
MOST_VALUES = 500_000  # of a document, what anchors repeat included
LONGEST_INTEGER = 40  # digits

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
# What YAML 1.1, YAML 1.2 or a reader would take for something else than a text.
_AMBIGUOUS = re.compile(
    r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9_]+)?"  # leading zeros, underscores
    r"|[-+]?\.[0-9_]+([eE][-+]?[0-9_]+)?"
    r"|[-+]?0[bB][01_]+|[-+]?0[oO][0-7_]+|[-+]?0[xX][0-9a-fA-F_]+"
    r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"  # base 60
    r"|[-+]?\.?(inf|Inf|INF)|\.?(nan|NaN|NAN)"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?"
    r"|="  # YAML 1.1's name for a default value
)
_WORDS = re.compile(r"yes|no|on|off", re.I)


# PyYAML's own parser takes ten times as long as libyaml, which its wheels bring.
_SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class PlainLoader(_SafeLoader):
    """Loads one document as plain values; a key given twice is refused (PyYAML would silently keep the last)."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def resolve(self, kind: type, value: str, implicit: Any) -> str:
        if kind is yaml.ScalarNode and implicit[0]:
            return f"tag:yaml.org,2002:{'merge' if value == '<<' else 'plain'}"
        return super().resolve(kind, value, implicit)

    def get_single_node(self) -> Any:
        node = super().get_single_node()
        if node is not None:
            _measure(node, {})
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue  # PyYAML itself refuses a key that is no plain value
            if key.value in seen:
                raise _refused(f"the key {key.value!r:.80} occurs twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_plain(self, node: yaml.ScalarNode) -> Any:
        try:
            return plain_value(node.value)
        except ValueError as error:
            raise _refused(str(error), node.start_mark) from None

    yaml_constructors: dict[str, Any] = {**_SafeLoader.yaml_constructors, "tag:yaml.org,2002:plain": construct_plain}


def plain_value(text: str) -> None | bool | int | float | str:
    """What a value without quotes means. Raises `ValueError` for one that could mean several things."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        if len(text) > LONGEST_INTEGER:
            raise ValueError(f"a whole number of {len(text)} digits is too long")
        return int(text)
    if _FLOAT.fullmatch(text):
        if not math.isfinite(value := float(text)):
            raise ValueError(f"{text:.40} is too large for a number")
        return value
    if _AMBIGUOUS.fullmatch(text) or _WORDS.fullmatch(text):
        raise ValueError(f"{text:.40} can be read in several ways{_advice(text)}; in quotes it is a text")
    return text


def _advice(text: str) -> str:
    """What was probably meant."""
    if _WORDS.fullmatch(text):
        return ": write true or false"
    if not re.match(r"[-+]?[0-9]", text):
        return ""
    plain = re.sub(r"^([-+]?)0+(?=[0-9])", r"\1", text.replace("_", ""))
    return f": write {plain}" if _INT.fullmatch(plain) or _FLOAT.fullmatch(plain) else ": write it in decimals"


def _measure(node: yaml.Node, known: dict[int, tuple[int, int] | None]) -> tuple[int, int]:
    """How many values a node stands for, and how deep, where every alias is written out.

    `known` holds what was measured; None marks the nodes around this one. Raises `YAMLError` for too many or too deep,
    or a circle.
    """
    if isinstance(node, yaml.ScalarNode):
        return 1, 1
    if id(node) in known:
        if known[id(node)] is None:
            raise _refused("an anchor holds itself", node.start_mark)
        return known[id(node)]
    known[id(node)] = None
    pairs = isinstance(node, yaml.MappingNode)
    inside = [_measure(part, known) for pair in node.value for part in (pair if pairs else (pair,))]
    total = 1 + sum(count for count, _ in inside)
    depth = 1 + max((deep for _, deep in inside), default=0)
    if total > MOST_VALUES:
        raise _refused(f"its anchors multiply to more than {MOST_VALUES} values", node.start_mark)
    if depth > DEEPEST + 1:
        raise _refused(f"it is nested more than {DEEPEST} deep", node.start_mark)
    known[id(node)] = total, depth
    return known[id(node)]


def _refused(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def load_plain(text: str) -> Any:
    """The one document in `text` as plain values. Raises `yaml.YAMLError`."""
    try:
        _check_events(text)
        return yaml.load(text, Loader=PlainLoader)
    except UnicodeEncodeError:
        raise yaml.YAMLError("it holds half a character") from None


def _check_events(text: str) -> None:
    """Raise `YAMLError` for tags, and for what nests so deep that a recursive reader would fall over it."""
    depth = 0
    for event in yaml.parse(text, Loader=_SafeLoader):
        if getattr(event, "tag", None) not in (None, "!"):
            raise _refused(f"the tag {event.tag:.80} is not read: write a plain value", event.start_mark)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise _refused(f"it is nested more than {DEEPEST} deep", event.start_mark)
