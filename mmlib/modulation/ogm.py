"""OGM and OGM-GE: slow down the encoder of the modality that is ahead, and (GE) keep its gradient noise.

Peng et al., "Balanced Multimodal Learning via On-the-fly Gradient Modulation", CVPR 2022.

Paper says: ρ is the ratio of the modalities' summed true-class probabilities; the leading encoder's gradient is
    scaled by 1 - tanh(α ρ). GE adds zero-mean Gaussian noise with the covariance of the SGD noise at that iteration.
Published code does: both inside epochs `modulation_starts` to `modulation_ends`, inclusive, on 4-D parameters (the
    convolutions) of the two encoders only, so that batch norms, biases and the fusion are untouched. The noise is
    white, its deviation the unbiased standard deviation of the parameter's unscaled gradient plus 1e-8, and it is
    added to both modalities, also to the one whose coefficient is 1. Momentum sees the modulated gradient; weight
    decay is not scaled.
We do: the same. Scores are summed over processes first and the noise is equal on all of them; the published code, run
    on several processes, lets the replicas drift apart. The deviation is that of the averaged gradient. For more than
    two modalities, an extension in the manner of OGM-GE's later multimodal form (off the paper): ρ of each modality is
    its score over the mean score of the others, and each one with ρ > 1 is scaled; two are the published case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmlib.errors import ParameterError
from mmlib.modulation.mechanism import Generators
from mmlib.modulation.policy import Modulation, Observation
from mmlib.modulation.ratios import decoupled_scores, discrepancy_ratios, modality_coefficients

STD_OFFSET = 1e-8


class OGM(Modulation):
    """On-the-fly gradient modulation: g ← k_m g. Published: α = 0.8 for CREMA-D, 0.1 for VGGSound. See `Modulation`.

    The groups are the modalities', two or more, by the names that `unimodal_logits` have.
    """

    noise_salt = 0
    needs = (
        "unimodal_logits and targets: pass unimodal_logits=fusion.unimodal_logits(output), which every fusion of mmlib "
        "has, and targets=... to observe()."
    )

    def __init__(self, groups: Mapping[str, Iterable[nn.Parameter]], **settings: Any) -> None:
        super().__init__(groups, **settings)
        if len(self.modalities) < 2:
            raise ParameterError(
                f"{type(self).__name__} balances two modalities or more; its groups are "
                f"{', '.join(self.modalities) or 'empty'}."
            )

    def scores(self, seen: Observation) -> dict[str, Tensor] | None:
        logits = seen.unimodal_logits
        if logits is None or seen.targets is None or not set(self.modalities) <= set(logits):
            return None
        return decoupled_scores({m: logits[m] for m in self.modalities}, seen.targets, seen.rows)

    def decide(self, scores: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        ratios = discrepancy_ratios(scores)
        return modality_coefficients(ratios, self.alpha), ratios


class OGMGE(OGM):
    """OGM with generalisation enhancement: g ← k_m g + n, n ~ N(0, (std(g) + 1e-8)²). See `Modulation`."""

    def change(self, gradients: list[Tensor], coefficient: Tensor, generators: Generators) -> None:
        add_noise(gradients, coefficient, generators)


@torch.no_grad()
def add_noise(gradients: list[Tensor], coefficient: Tensor, generators: Generators) -> None:
    """Scale gradients in place and add white noise with the deviation of each unscaled gradient (GE)."""
    # Over the whole tensor, unbiased; of a single number there is none.
    deviations = [(g.std() if g.numel() > 1 else torch.zeros_like(g).sum()) + STD_OFFSET for g in gradients]
    torch._foreach_mul_(gradients, coefficient)
    if all(device.type == "cuda" for device in generators):
        add_noise_together(gradients, deviations, generators)
        return
    # One scratch tensor for all: on a CPU, fresh memory for every gradient costs as much as the noise itself.
    largest = max(gradient.numel() for gradient in gradients)
    scratch = {device: torch.empty(largest, device=device, dtype=gradients[0].dtype) for device in generators}
    for gradient, deviation in zip(gradients, deviations, strict=True):
        noise = scratch[gradient.device][: gradient.numel()].normal_(generator=generators[gradient.device])
        gradient.addcmul_(noise.view(gradient.shape).to(gradient.dtype), deviation)


@torch.no_grad()
def add_noise_together(gradients: list[Tensor], deviations: list[Tensor], generators: Generators) -> None:
    """Add white noise to gradients in place, drawn at once for all of a device: few kernels, where they cost the time.

    `deviations` are 0-d, one for each gradient. Gradients may be laid out in any way: noise has none.
    """
    for device, generator in generators.items():
        owners = [gradient for gradient in gradients if gradient.device == device]
        own = [deviation for deviation in deviations if deviation.device == device]
        noise = torch.empty(sum(g.numel() for g in owners), device=device).normal_(generator=generator)
        parts = [
            _laid_out_like(part, g) for part, g in zip(noise.split([g.numel() for g in owners]), owners, strict=True)
        ]
        torch._foreach_mul_(parts, [deviation.to(noise.dtype) for deviation in own])
        torch._foreach_add_(owners, [part.to(g.dtype) for part, g in zip(parts, owners, strict=True)])


def _laid_out_like(part: Tensor, gradient: Tensor) -> Tensor:
    """A flat part in the gradient's shape and, if that is channels last, its layout: one kernel then does for all."""
    if gradient.dim() == 4 and gradient.is_contiguous(memory_format=torch.channels_last):
        return part.as_strided(gradient.shape, gradient.stride())
    return part.view(gradient.shape)
