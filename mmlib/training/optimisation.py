"""Optimisers, learning-rate schedules (one step per epoch) and arithmetic precision, by name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LRScheduler, MultiStepLR, StepLR

OptimizerName = Literal["sgd", "adam", "adamw"]
ScheduleName = Literal["step", "cosine", "constant"]
StepUnit = Literal["epochs", "iterations"]
PrecisionName = Literal["fp32", "bf16", "fp16"]
SMALL = 1 << 20  # parameters that stay in a CPU's cache between two operations; of more, foreach is slower


def build_optimizer(
    parameters: Iterable[nn.Parameter],
    name: OptimizerName,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
    *,
    decay_1d: bool = True,
    nesterov: bool = False,
) -> Optimizer:
    """SGD with momentum, Adam or AdamW with `momentum` as their first decay rate β₁ (β₂ = 0.999).

    Args:
        decay_1d: whether the weight decay acts on tensors of fewer than two dimensions too; see `parameter_groups`.
        nesterov: of SGD's momentum, which must then be above 0 (torch raises ValueError); others ignore it.

    Of parameters on a GPU all are changed by one kernel (`fused`). On a CPU those of a small model go through each
    operation together (`foreach`), in fp32 with the same results bit for bit and less time between operations.
    """
    parameters = [parameter for parameter in parameters if parameter.requires_grad]
    together = {}
    if parameters and all(parameter.device.type == "cuda" for parameter in parameters):
        together = {"fused": True}
    elif _in_single_precision(parameters) and sum(parameter.numel() for parameter in parameters) <= SMALL:
        together = {"foreach": True}
    groups = parameters if decay_1d else parameter_groups(parameters, weight_decay)
    if name == "sgd":
        return torch.optim.SGD(
            groups, lr=learning_rate, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov, **together
        )
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    return kind(groups, lr=learning_rate, betas=(momentum, 0.999), weight_decay=weight_decay, **together)


def _in_single_precision(parameters: Iterable[nn.Parameter]) -> bool:
    return not any(is_lazy(parameter) or parameter.dtype != torch.float32 for parameter in parameters)


def parameter_groups(parameters: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Matrices and convolutions with `weight_decay`, then biases, norms and scalars without (as timm's groups)."""
    parameters = list(parameters)
    matrices = [parameter for parameter in parameters if parameter.dim() >= 2]
    others = [parameter for parameter in parameters if parameter.dim() < 2]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def build_scheduler(
    optimizer: Optimizer,
    name: ScheduleName,
    epochs: int,
    step_size: int,
    gamma: float,
    *,
    unit: StepUnit = "epochs",
    most_drops: int = 0,
) -> LRScheduler:
    """step: times `gamma` every `step_size` epochs or iterations (`unit`), `most_drops` times at most (0: no limit);
    cosine: to zero over `epochs`; constant. Its `step()` is called at the end of every epoch.
    """
    if name == "step":
        drops = [step_size * (drop + 1) for drop in range(most_drops)]
        schedule = MultiStepLR(optimizer, drops, gamma) if drops else StepLR(optimizer, step_size, gamma)
        return schedule if unit == "epochs" else PerIteration(optimizer, schedule)
    if name == "cosine":
        return CosineAnnealingLR(optimizer, epochs)
    return ConstantLR(optimizer, factor=1.0, total_iters=0)


class PerIteration(LRScheduler):
    """A schedule that advances with every step of the optimiser; `step()`, at the end of an epoch, does nothing.

    A step that fp16 skips for overflow does not count.
    """

    def __init__(self, optimizer: Optimizer, schedule: LRScheduler) -> None:
        self.optimizer, self.schedule = optimizer, schedule  # the base's own state would be a second one
        self._last = None
        optimizer.register_step_pre_hook(self._follow)

    def _follow(self, optimizer: Optimizer, *_: Any) -> None:
        """At the first step, take the last place among the hooks after a step: a modulation that scales a rate for one
        step puts back the rate it found, which must happen before the schedule changes it.
        """
        if self._last is None:
            self._last = optimizer.register_step_post_hook(lambda *_: self.schedule.step())

    def step(self, epoch: int | None = None) -> None:
        pass

    def get_last_lr(self) -> list[float]:
        return self.schedule.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        return self.schedule.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.schedule.load_state_dict(state)


class Precision:
    """fp32, or automatic mixed precision: bf16 as it is, fp16 with loss scaling (CUDA).

    Only fp16 waits for the device at every step: whether a scaled gradient overflowed decides if the step is taken.
    """

    def __init__(self, name: PrecisionName, device: torch.device):
        self.dtype = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[name]
        self.device_type = device.type
        self.scaler = torch.amp.GradScaler(device.type, enabled=name == "fp16")

    def autocast(self) -> contextlib.AbstractContextManager:
        if self.dtype is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device_type, self.dtype)

    def step(self, loss: Tensor, optimizer: Optimizer, between: Callable[[Optimizer], None] | None = None) -> None:
        """Backward and optimiser step; `between` (clipping) and step hooks (modulations) see unscaled gradients."""
        if not self.scaler.is_enabled():
            loss.backward()
            if between is not None:
                between(optimizer)
            optimizer.step()
            return
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(optimizer)
        if between is not None:
            between(optimizer)
        self.scaler.step(optimizer)
        self.scaler.update()
