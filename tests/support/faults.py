"""A seeded generator of malformed input: damaged bytes, JSON of other types, hostile texts, and a count of outcomes."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mmlib.errors import MMLibError

CASES = int(os.environ.get("MMLIB_FAULTS", "25"))
DOCUMENTED = {0, 1, 2, 3, 4, 5, 6}
MESSAGE, EQUAL, NAMED, FAILURE = "message", "equal result", "named warning", "failure"
LONGEST_SECONDS = 30  # of this process: other work on the machine is no hang


@dataclass
class Campaign:
    """Cases of one class and how they ended. `marker` is a file that executed input would make."""

    name: str
    marker: str
    outcomes: Counter = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def case(self, what: str, run: Callable[[], str]) -> None:
        """Run one case: `run` gives its outcome, or raises what a user would see as a traceback."""
        began = time.process_time()
        try:
            outcome = run()
        except Exception as error:
            outcome = f"{FAILURE}: {type(error).__name__}: {error}"
        if time.process_time() - began > LONGEST_SECONDS:
            outcome = f"{FAILURE}: took longer than {LONGEST_SECONDS} s"
        kind = outcome.partition(":")[0]
        self.outcomes[kind] += 1
        if kind == FAILURE:
            self.failures.append(f"{self.name}, {what[:200]!r}: {outcome[:300]}")


def guarded(run: Callable[[], str]) -> str:
    """`run`'s outcome, or a message where it raised one for the user."""
    try:
        return run()
    except MMLibError as error:
        return MESSAGE if error.exit_code in DOCUMENTED and str(error) else f"{FAILURE}: {error!r}"


def damage(content: bytes, rng: random.Random) -> bytes:
    """The content with one accident."""
    if not content:
        return b"\0"
    place, length = rng.randrange(len(content)), rng.randrange(1, 1 + min(64, len(content)))
    kind = rng.randrange(9)
    if kind < 3:  # one bit: half of all accidents that leave a file readable
        return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]
    if kind == 3:
        return content[:place]
    if kind == 4:
        return content[:place] + bytes(length) + content[place + length :]
    if kind == 5:
        return content[:place] + content[place + length :]
    if kind == 6:
        return content[:place] + content[place : place + length] + content[place:]
    if kind == 7:  # one digit
        digits = [i for i, byte in enumerate(content) if 48 <= byte < 58] or [place]
        place = rng.choice(digits)
        return content[:place] + str(rng.randrange(10)).encode() + content[place + 1 :]
    return rng.choice(
        [b"", b"{", b"[" * 20_000, content + b"\0", b"version https://git-lfs.github.com/spec/v1\n", b"\xff\xfe"]
    )


ODD_VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2**63, 10**30, 1e308, -0.0, 0.5, 57.3, "", "x", "010", "../../x", "/etc/passwd"),
    *("x" * 5000, "\u00b2", [], {}, [[]], [None], {"a": 1}, [1, "a"], {"": {}}, "NaN"),
]


def odd_json(content: Any, rng: random.Random) -> Any:
    """JSON content with one value replaced, removed, renamed or added somewhere."""
    content = json.loads(json.dumps(content))
    places: list[tuple[Any, Any]] = []
    waiting = [content]
    while waiting:
        one = waiting.pop()
        for key in list(one) if isinstance(one, dict) else range(len(one)):
            places.append((one, key))
            if isinstance(one[key], dict | list):
                waiting.append(one[key])
    if not places or rng.random() < 0.05:
        return rng.choice(ODD_VALUES)
    holder, key = rng.choice(places)
    kind = rng.randrange(6)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[rng.choice(["", "x" * 300, "../x", "metrics", "digest"])] = holder.pop(key)
    else:
        holder[key] = rng.choice(ODD_VALUES)
    return content


def odd_texts(marker: str) -> list[str]:
    """Values as a user, or somebody who means ill, could type them."""
    execute = [f"!!python/object/apply:os.system ['touch {marker}']", "!!python/name:os.system", f"$(touch {marker})"]
    numbers = [
        "010",
        "1:30",
        "0x10",
        "1_000",
        "0b1",
        "-007",
        "1e999",
        "9" * 5000,
        ".inf",
        "nan",
        "inf",
        "-1",
        "0",
        "1e-3",
    ]
    numbers += ["\u0663", "\u00b2", "\u22121", "1.", ".5", "+3", "1e5", "00", "1__0", "--3", "3.0", "1e400", "0.1.2"]
    words = ["yes", "No", "on", "off", "true", "null", "~", "2026-13-45", "2026-01-01", "", " ", "=", "<<", "?", "- -"]
    structure = [
        "[" * 3000,
        "{a: " * 300,
        "&a [*a]",
        "&a [1]\n- *a",
        "{a: 1, a: 2}",
        "[",
        "}",
        "'",
        '"',
        "a: b",
        "%x",
        "@",
        "`",
    ]
    paths = [
        "~nosuchuser/x",
        "x" * 5000,
        "../../../..",
        "/dev/null",
        "/dev/full",
        "/proc/self/environ",
        "a\\b",
        ".",
        "/",
    ]
    return [*execute, *numbers, *words, *structure, *paths, "a" * 300 + "/" + "b" * 300, "\udcff", "\u202e", "\x07"]


def odd_yaml(text: str, rng: random.Random, marker: str) -> str:
    """A YAML file with one accident, or one value replaced by an odd text."""
    if rng.random() < 0.5:
        return damage(text.encode(), rng).decode("utf-8", "replace")
    lines = text.splitlines()
    with_value = [number for number, line in enumerate(lines) if ": " in line and not line.lstrip().startswith("#")]
    number = rng.choice(with_value)
    key, _, value = lines[number].partition(": ")
    lines[number] = f"{key}: {rng.choice([*odd_texts(marker), *map(json.dumps, ODD_VALUES)])}"
    if rng.random() < 0.3:  # somewhere inside of a flow mapping
        pieces = value.split(", ")
        pieces[rng.randrange(len(pieces))] = f"seed: {rng.choice(odd_texts(marker))}"
        lines[number] = f"{key}: {', '.join(pieces)}"
    return "\n".join(lines) + "\n"
