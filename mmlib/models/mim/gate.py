"""The hard-concrete gate of MIM: open or closed, and still trainable.

Zeng et al., "Multimodal Reaction: Information Modulation for Cross-Modal Representation Learning", IEEE TMM 26, 2024.

Paper says: a purification network filters out each modality's impurity before fusion.
Published code does: a concrete variable with temperature β, stretched to [γ, ζ] and clamped, then cut at a threshold;
    forward the cut value, backward the gradient of the clamped one (straight-through). The penalty is the probability
    that the clamped value is above 0. It draws noise in evaluation too, so that two evaluations differ.
We do: the same, without noise in evaluation (`noise = "always"` for that); noise may be given.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from mmlib.errors import ParameterError

GateNoise = Literal["train", "always", "never"]
TINY = 1e-6  # how far uniform noise stays from 0 and 1


class HardConcreteGate(nn.Module):
    """Gates of any shape, exactly 0 or 1, from logits of that shape. No parameters.

    Args:
        beta: temperature β of the concrete distribution.
        gamma, zeta: ends γ < 0 and ζ of the stretched interval.
        bias: added to the logits; 3 begins about 94 % open.
        threshold: the gate is open where the clamped value is above it.
        noise: drawn in training only, always (as published), or never.

    Raises `ParameterError` for constants that make no gate.
    """

    def __init__(
        self,
        beta: float = 1 / 3,
        gamma: float = -0.2,
        zeta: float = 1.0,
        bias: float = 3.0,
        threshold: float = 0.6,
        noise: GateNoise = "train",
    ) -> None:
        super().__init__()
        if not (beta > 0 and gamma < 0 < zeta and max(gamma, 0) < threshold < min(zeta, 1)):
            raise ParameterError(
                f"a hard-concrete gate needs beta > 0, gamma < 0 < zeta and a threshold between 0 and zeta (at most "
                f"1); got beta {beta:g}, gamma {gamma:g}, zeta {zeta:g}, threshold {threshold:g}."
            )
        self.beta, self.gamma, self.zeta, self.bias, self.threshold = beta, gamma, zeta, bias, threshold
        self.noise = noise

    def forward(self, logits: Tensor, uniform: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The gate and the penalty of each logit, P(clamped value > 0), both of the logits' shape.

        `uniform`: noise in (0, 1) of that shape; drawn from torch's global generator where noise is wanted and none is
        given. Without noise it counts as ½.
        """
        location = logits.to(torch.promote_types(logits.dtype, torch.float32)) + self.bias
        if uniform is None and (self.noise == "always" or (self.noise == "train" and self.training)):
            uniform = torch.rand_like(location).mul_(1 - 2 * TINY).add_(TINY)
        noisy = location if uniform is None else location + torch.logit(uniform)
        concrete = torch.sigmoid(noisy / self.beta)
        soft = (concrete * (self.zeta - self.gamma) + self.gamma).clamp(0, 1)
        hard = (soft > self.threshold).to(soft.dtype)
        gate = hard + (soft - soft.detach())  # the value of the one, the gradient of the other
        return gate, torch.sigmoid(location - self._shift(0.0))

    def keep_probability(self, logits: Tensor) -> Tensor:
        """P(gate open) of each logit, over the noise."""
        return torch.sigmoid(logits + self.bias - self._shift(self.threshold))

    def _shift(self, value: float) -> float:
        """By how much a location lies above the middle of its probability to pass `value`."""
        share = (value - self.gamma) / (self.zeta - self.gamma)
        return self.beta * math.log(share / (1 - share))
