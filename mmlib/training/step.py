"""From named losses to changed weights: what one training step does after the forward pass.

`OnePass` adds the losses up and goes backward once, which is what nearly every method does. `GradientSets` makes a set
of gradients for each of several optimisers from the same graph, each of its own losses, before any of them steps: two
optimisers may then share weights without one stepping under the other's graph (MIM's purification network belongs to
two). Modulations hang on the optimisers and act in either.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mmlib.errors import ParameterError, UsageError
from mmlib.training.distributed import Group, summed
from mmlib.training.optimisation import Precision


class Step(ABC):
    """One way from losses to new weights. `optimizers` by name; the first one's learning rate is reported.

    Args:
        clip_norm: largest Euclidean norm of all gradients of one optimiser together; None leaves them as they are. The
            plain gradients are clipped: modulations, which hang on the optimiser, act afterwards.
    """

    own_reduction = False
    """Whether it averages gradients over processes itself, so that the replica must not."""

    def __init__(self, optimizers: Mapping[str, Optimizer], *, clip_norm: float | None = None) -> None:
        if clip_norm is not None and not clip_norm > 0:
            raise ParameterError(f"clip_norm is {clip_norm}; it must be above 0, or None for no clipping.")
        self.optimizers = dict(optimizers)
        self.clip_norm = clip_norm
        self.precision = Precision("fp32", torch.device("cpu"))
        self.group = Group()

    def bind(self, precision: Precision, group: Group) -> None:
        """Tell the arithmetic and the processes of this run; called once, before the first step."""
        self.precision, self.group = precision, group

    @property
    def learning_rate(self) -> float:
        """Of the first parameter group of the first optimiser."""
        return next(iter(self.optimizers.values())).param_groups[0]["lr"]

    def zero_grad(self) -> None:
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)

    @abstractmethod
    def take(self, losses: Mapping[str, Tensor], total: Tensor, weight: float | None) -> None:
        """Change the weights.

        Args:
            losses: 0-d, by name, as the task gave them; `total` is their sum.
            weight: what this process's losses count in the average over processes; None where there is one process.
        """

    def state_dict(self) -> dict[str, Any]:
        """Of the optimisers, for a checkpoint."""
        return {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state[name])

    def _clip(self, optimizer: Optimizer) -> None:
        if self.clip_norm is not None:
            held = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
            nn.utils.clip_grad_norm_(held, self.clip_norm)


class OnePass(Step):
    """The sum of the losses, one backward pass, one optimiser."""

    def __init__(self, optimizer: Optimizer, *, clip_norm: float | None = None) -> None:
        super().__init__({"optimizer": optimizer}, clip_norm=clip_norm)
        self.optimizer = optimizer

    def take(self, losses: Mapping[str, Tensor], total: Tensor, weight: float | None) -> None:
        if weight is not None:
            total = total * weight
        self.precision.step(total, self.optimizer, self._clip)


@dataclass(frozen=True)
class GradientSet:
    """An optimiser and the names of the losses whose gradients it follows."""

    optimizer: Optimizer
    losses: Sequence[str]


class GradientSets(Step):
    """Several optimisers, each following the gradient of its own losses; all gradients are made before the first steps.

    Args:
        sets: by name, in the order in which the optimisers step. A parameter may belong to several.

    Raises:
        UsageError: at the first step, for a loss that no set names, or a set that names an unknown loss.
        ParameterError: with fp16, whose loss scaling is made for one backward pass.
    """

    own_reduction = True

    def __init__(self, sets: Mapping[str, GradientSet], *, clip_norm: float | None = None) -> None:
        super().__init__({name: one.optimizer for name, one in sets.items()}, clip_norm=clip_norm)
        self.sets = dict(sets)

    def bind(self, precision: Precision, group: Group) -> None:
        if precision.scaler.is_enabled():
            raise ParameterError(
                "precision = 'fp16' scales one loss; a step of several gradient sets needs fp32 or bf16."
            )
        super().bind(precision, group)

    def take(self, losses: Mapping[str, Tensor], total: Tensor, weight: float | None) -> None:
        self._check(losses)
        gradients = {}
        for name, one in self.sets.items():
            parameters = [p for group in one.optimizer.param_groups for p in group["params"] if p.requires_grad]
            loss = sum(losses[term] for term in one.losses)
            found = torch.autograd.grad(
                loss if weight is None else loss * weight, parameters, retain_graph=True, allow_unused=True
            )
            gradients[name] = parameters, self._averaged(parameters, found)
        for name, (parameters, found) in gradients.items():
            for parameter, gradient in zip(parameters, found, strict=True):
                parameter.grad = gradient
            optimizer = self.sets[name].optimizer
            self._clip(optimizer)
            optimizer.step()

    def _averaged(self, parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
        """Mean over processes, as one collective; None where no process has a gradient.

        Every parameter takes part, because a loss may reach others in another process. The results share no memory.
        """
        if not self.group.many:  # autograd may give one tensor for two parameters, or an expanded one
            form = torch.contiguous_format
            return [None if gradient is None else gradient.clone(memory_format=form) for gradient in gradients]
        known = torch.tensor([float(gradient is not None) for gradient in gradients], device=parameters[0].device)
        filled = [
            (torch.zeros_like(parameter) if gradient is None else gradient).flatten().float()
            for parameter, gradient in zip(parameters, gradients, strict=True)
        ]
        total = summed(torch.cat([known, *filled]), self.group)
        there = (total[: len(known)] > 0).tolist()
        parts = (total[len(known) :] / self.group.size).split([parameter.numel() for parameter in parameters])
        return [
            part.view_as(parameter).to(parameter.dtype) if any_has else None
            for part, parameter, any_has in zip(parts, parameters, there, strict=True)
        ]

    def _check(self, losses: Mapping[str, Tensor]) -> None:
        named = {term for one in self.sets.values() for term in one.losses}
        if named != set(losses):
            raise UsageError(
                f"the gradient sets name the losses {', '.join(sorted(named))}; the task gave "
                f"{', '.join(sorted(losses))}. Name each loss in at least one set."
            )


def total_of(losses: Mapping[str, Tensor]) -> Tensor:
    """The sum of named losses, 0-d, added in their order. Raises `UsageError` where there is none."""
    if not losses:
        raise UsageError("the task gave no loss: losses() must name at least one.")
    values = iter(losses.values())
    total = next(values)
    for value in values:
        total = total + value
    return total
