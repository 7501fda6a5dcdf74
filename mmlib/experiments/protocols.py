"""The protocols of an experiment: the rules by which an epoch is chosen, in the words that records print.

    protocols = by_name(
        paper("top1", "top-1", "upstream code selects"),
        clean("top1", "top-1", then="test at that epoch"),
    )

`paper` chooses as published code does, usually on test; `clean` on validation; `last` is always there.
"""

from __future__ import annotations

from collections.abc import Mapping

from mmlib.experiments.settings import RecipeSettings
from mmlib.training import SelectionProtocol


def paper(
    metric: str, words: str, whose: str, *, split: str = "test", place: str = "test", maximise: bool = True
) -> SelectionProtocol:
    """The epoch with the best `metric` (said in `words`) of `split` (said as `place`), as `whose` does."""
    return SelectionProtocol("paper", f"{_best(words, place, maximise)}, as {whose}", split, metric, maximise)


def clean(
    metric: str,
    words: str,
    *,
    whose: str = "",
    then: str = "",
    place: str = "validation",
    maximise: bool = True,
    floor: float | None = None,
) -> SelectionProtocol:
    """The epoch with the best `metric` of the split `validation`; `then` says what is reported of it.

    `floor`: see `SelectionProtocol`.
    """
    rule = _best(words, place, maximise) + (f", as {whose}" if whose else "") + (f"; {then}" if then else "")
    return SelectionProtocol("clean", rule, "validation", metric, maximise, floor=floor)


def _best(words: str, place: str, maximise: bool) -> str:
    return f"epoch with the {'highest' if maximise else 'lowest'} {words} on {place}"


def by_name(*protocols: SelectionProtocol) -> dict[str, SelectionProtocol]:
    """These protocols and `last`, which takes the last epoch."""
    return {protocol.name: protocol for protocol in (*protocols, SelectionProtocol("last", "last epoch"))}


def chosen_protocols(
    parameters: RecipeSettings, protocols: Mapping[str, SelectionProtocol]
) -> dict[str, SelectionProtocol]:
    """The protocols, `paper` choosing among the epochs and between equal ones as the recipe says.

    The others choose among all: every epoch is evaluated, whichever published code evaluates.
    """
    candidates = (parameters.select_every, parameters.select_from, parameters.select_ties)
    return {name: p.among(*candidates) if name == "paper" else p for name, p in protocols.items()}
