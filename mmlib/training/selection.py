"""Protocols: by which rule an epoch is chosen, and what was measured there.

`paper` chooses on the test split as upstream code does, `clean` on the validation split and takes the test result at
that epoch, `last` takes the last epoch. All are answered by one training run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from mmlib.training.task import Evaluation


@dataclass(frozen=True)
class SelectionProtocol:
    """Choose the epoch with the best `metric` of `split`, or the last without a split.

    Only every `every`-th epoch from epoch `start` of a stage on (counted from 0) is a candidate, as where published
    code evaluates no other; of equally good ones, the first or the last (`ties`) is chosen. A metric that is not above
    `floor` counts as not defined: as long as none is, the latest epoch is chosen.
    """

    name: str
    rule: str
    split: str | None = None
    metric: str = ""
    maximise: bool = True
    every: int = 1
    start: int = 0
    ties: Literal["first", "last"] = "first"
    floor: float | None = None

    def among(self, every: int, start: int, ties: Literal["first", "last"]) -> Self:
        """The same protocol with other candidates and another choice of equal ones; its rule says so."""
        said = [self.rule]
        if every > 1:
            said.append(f"among epochs {start}, {start + every}, {start + 2 * every}, … (counted from 0)")
        elif start:
            said.append(f"from epoch {start} (counted from 0)")
        if ties == "last":
            said.append("the latest of equal ones")
        return replace(self, rule=", ".join(said), every=every, start=start, ties=ties)

    def considers(self, epoch: int) -> bool:
        """Whether `epoch`, counted from 0, is a candidate."""
        return epoch >= self.start and (epoch - self.start) % self.every == 0

    def prefers(self, value: float | None, best: float | None) -> bool:
        """Whether a later candidate's value replaces the best so far; one that is not defined (None) gives way to any,
        and to a later one that is not defined either.
        """
        if best is None:
            return True
        if value is None:
            return False
        return value >= best if self.ties == "last" else value > best

    def value(self, evaluations: Mapping[str, Evaluation]) -> float | None:
        """What is compared: higher is better; None when this protocol has nothing to choose by."""
        if self.split is None:
            return None
        value = evaluations[self.split].metrics[self.metric]
        if value is None or (self.floor is not None and value <= self.floor):
            return None
        return value if self.maximise else -value


class Selector:
    """The chosen epoch of every protocol, the evaluations there, and the weights of one of them.

    Epochs count through the run; candidates of a protocol are counted from `first_epoch`, where the stage begins.
    """

    def __init__(
        self, protocols: tuple[SelectionProtocol, ...], keep_weights_of: str | None = None, first_epoch: int = 0
    ):
        self.protocols = protocols
        self.keep_weights_of = keep_weights_of
        self.first_epoch = first_epoch
        self.chosen: dict[str, tuple[int, float | None]] = {}
        self.evaluations: dict[int, dict[str, Evaluation]] = {}  # by epoch, by split
        self.weights: dict[str, Tensor] = {}

    def update(self, epoch: int, evaluations: dict[str, Evaluation], model: nn.Module) -> None:
        """Compare an epoch with the best so far of each protocol."""
        for protocol in self.protocols:
            if not protocol.considers(epoch - self.first_epoch):
                continue
            value = protocol.value(evaluations)
            best = self.chosen.get(protocol.name)
            if best is None or protocol.prefers(value, best[1]):
                self.chosen[protocol.name] = (epoch, value)
        self.evaluations[epoch] = evaluations
        wanted = {chosen for chosen, _ in self.chosen.values()}
        self.evaluations = {kept: value for kept, value in self.evaluations.items() if kept in wanted}
        if self.keep_weights_of in self.chosen and self.chosen[self.keep_weights_of][0] == epoch:
            self.weights = {name: value.detach().to("cpu", copy=True) for name, value in model.state_dict().items()}

    def epoch_of(self, name: str) -> int:
        return self.chosen[name][0]

    def result(self, name: str) -> dict[str, Evaluation]:
        """Evaluations by split at the epoch a protocol chose."""
        return self.evaluations[self.epoch_of(name)]

    def state_dict(self) -> dict[str, Any]:
        def plain(evaluation: Evaluation) -> dict[str, Any]:
            arrays = {name: torch.from_numpy(array) for name, array in evaluation.arrays.items()}
            return {"metrics": dict(evaluation.metrics), "arrays": arrays}

        evaluations = {
            epoch: {split: plain(value) for split, value in splits.items()}
            for epoch, splits in self.evaluations.items()
        }
        return {"chosen": dict(self.chosen), "evaluations": evaluations, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.chosen = {name: tuple(value) for name, value in state["chosen"].items()}
        self.weights = state["weights"]
        self.evaluations = {
            epoch: {
                split: Evaluation(value["metrics"], {name: array.numpy() for name, array in value["arrays"].items()})
                for split, value in splits.items()
            }
            for epoch, splits in state["evaluations"].items()
        }
