"""Protocols: by which rule an epoch is chosen, and what was measured there.

`paper` chooses on the test split as upstream code does, `clean` on the validation split and takes the test result at
that epoch, `last` takes the last epoch. All are answered by one training run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mmlib.training.task import Evaluation


@dataclass(frozen=True)
class Protocol:
    """Choose the epoch with the best `metric` of `split` (the first of equal ones), or the last without a split."""

    name: str
    rule: str
    split: str | None = None
    metric: str = ""
    maximise: bool = True

    def value(self, evaluations: Mapping[str, Evaluation]) -> float | None:
        """What is compared: higher is better; None when this protocol has nothing to choose by."""
        if self.split is None:
            return None
        value = evaluations[self.split].metrics[self.metric]
        return None if value is None else (value if self.maximise else -value)


class Selector:
    """The chosen epoch of every protocol, the evaluations there, and the weights of one of them."""

    def __init__(self, protocols: tuple[Protocol, ...], keep_weights_of: str | None = None):
        self.protocols = protocols
        self.keep_weights_of = keep_weights_of
        self.chosen: dict[str, tuple[int, float | None]] = {}
        self.evaluations: dict[int, dict[str, Evaluation]] = {}  # by epoch, by split
        self.weights: dict[str, Tensor] = {}

    def update(self, epoch: int, evaluations: dict[str, Evaluation], model: nn.Module) -> None:
        """Compare an epoch with the best so far of each protocol."""
        for protocol in self.protocols:
            value = protocol.value(evaluations)
            best = self.chosen.get(protocol.name)
            if best is None or value is None or best[1] is None or value > best[1]:
                self.chosen[protocol.name] = (epoch, value)
        self.evaluations[epoch] = evaluations
        wanted = {chosen for chosen, _ in self.chosen.values()}
        self.evaluations = {kept: value for kept, value in self.evaluations.items() if kept in wanted}
        if self.keep_weights_of and self.chosen[self.keep_weights_of][0] == epoch:
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
