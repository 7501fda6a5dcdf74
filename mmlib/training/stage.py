"""Stages: the parts of a run. Nearly every run has one; pre-training has two, class-incremental learning one per step.

A stage is built when its turn comes, from what the one before handed over: selected weights, an exemplar memory, a
teacher's weights. So it may have another model (a grown head), other data, other trainable parameters, another
optimiser and other rules of selection; history, record, checkpoint and progress are the run's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from mmlib.training.selection import SelectionProtocol, Selector
from mmlib.training.step import OnePass, Step
from mmlib.training.task import Task

Carried = dict[str, Any]
"""What a stage hands to the next: tensors, texts and plain numbers, nested in dicts and lists (checkpoints hold it)."""


@dataclass
class Stage:
    """What one stage trains with.

    `loaders` has "train"; every other split is evaluated after each epoch. Only what `step` (or `optimizer`, for one
    pass) holds is trained; `clip_norm` is for a step that has none of its own (see `Step`). Modulations are already
    attached to the optimisers. `keep_weights_of` names the protocol whose weights are kept. `hand_over` makes what the
    next stage is built from; without it, the selected weights as `{"weights": ...}`. `facts` are plain values for the
    record.
    """

    model: nn.Module
    task: Task
    loaders: Mapping[str, Any]
    optimizer: Optimizer | None = None
    step: Step | None = None
    clip_norm: float | None = None
    scheduler: LRScheduler | Sequence[LRScheduler] | None = None
    modulations: Sequence[Any] = ()
    protocols: Sequence[SelectionProtocol] = ()
    keep_weights_of: str | None = None
    hand_over: Callable[[StageOutcome], Carried] | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.optimizer is None) == (self.step is None):
            raise ValueError("a stage has either an optimizer or a step")
        if self.step is None:
            self.step = OnePass(self.optimizer, clip_norm=self.clip_norm)
        elif self.clip_norm is not None and self.step.clip_norm is None:
            self.step.clip_norm = self.clip_norm

    @property
    def schedulers(self) -> list[LRScheduler]:
        if self.scheduler is None:
            return []
        return [self.scheduler] if isinstance(self.scheduler, LRScheduler) else list(self.scheduler)


@dataclass(frozen=True)
class StagePlan:
    """A stage to come: its name in records and history, its epochs, and how to build it.

    `build` gets what the stage before handed over, None for the first. It must depend on that and on the global random
    state alone: a resumed run builds its stage again.
    """

    name: str
    epochs: int
    build: Callable[[Carried | None], Stage]


@dataclass
class StageOutcome:
    """What a finished stage leaves. Epochs count through the whole run, from 0."""

    name: str
    first_epoch: int
    epochs: int
    selector: Selector
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def weights(self) -> dict[str, Tensor]:
        """Of the selected epoch, on the CPU; empty in a resumed run for a stage that had been finished."""
        return self.selector.weights

    def state_dict(self) -> dict[str, Any]:
        """For checkpoints of later stages; the weights are in what was handed over, as far as they are needed."""
        selector = {**self.selector.state_dict(), "weights": {}}
        span = {"name": self.name, "first_epoch": self.first_epoch, "epochs": self.epochs}
        return {**span, "facts": self.facts, "selector": selector, "keep": self.selector.keep_weights_of}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> StageOutcome:
        selector = Selector((), state["keep"])
        selector.load_state_dict(state["selector"])
        return cls(state["name"], state["first_epoch"], state["epochs"], selector, dict(state["facts"]))
