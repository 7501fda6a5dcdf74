"""Optimisers, learning-rate schedules (one step per epoch) and arithmetic precision, by name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LRScheduler, StepLR

OptimizerName = Literal["sgd", "adam", "adamw"]
ScheduleName = Literal["step", "cosine", "constant"]
PrecisionName = Literal["fp32", "bf16", "fp16"]


def build_optimizer(
    parameters: Iterable[nn.Parameter], name: OptimizerName, learning_rate: float, momentum: float, weight_decay: float
) -> Optimizer:
    """SGD with momentum, Adam or AdamW with `momentum` as their first decay rate β₁ (β₂ = 0.999)."""
    parameters = [parameter for parameter in parameters if parameter.requires_grad]
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=learning_rate, momentum=momentum, weight_decay=weight_decay)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    return kind(parameters, lr=learning_rate, betas=(momentum, 0.999), weight_decay=weight_decay)


def build_scheduler(optimizer: Optimizer, name: ScheduleName, epochs: int, step_size: int, gamma: float) -> LRScheduler:
    """step: times `gamma` every `step_size` epochs; cosine: to zero over `epochs`; constant."""
    if name == "step":
        return StepLR(optimizer, step_size, gamma)
    if name == "cosine":
        return CosineAnnealingLR(optimizer, epochs)
    return ConstantLR(optimizer, factor=1.0, total_iters=0)


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
