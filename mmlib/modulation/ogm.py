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
    on several processes, lets the replicas drift apart. The deviation is that of the averaged gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmlib.modulation.base import Generators, Modulation
from mmlib.modulation.ratios import decoupled_scores, score_ratio

STD_OFFSET = 1e-8


class OGM(Modulation):
    """On-the-fly gradient modulation: g ← k_m g. Published: α = 0.8 for CREMA-D, 0.1 for VGGSound. See `Modulation`."""

    needs = (
        "unimodal_logits and targets: pass unimodal_logits=fusion.unimodal_logits(output), which every fusion of mmlib "
        "has, and targets=... to observe()."
    )

    def scores(
        self, *, unimodal_logits: dict[str, Tensor] | None, zeta: Tensor | None, targets: Tensor | None
    ) -> dict[str, Tensor] | None:
        if unimodal_logits is None or targets is None or not set(self.modalities) <= set(unimodal_logits):
            return None
        return decoupled_scores({m: unimodal_logits[m] for m in self.modalities}, targets)

    def ratio(self, scores: dict[str, Tensor]) -> Tensor:
        first, second = self.modalities
        return score_ratio(scores[first], scores[second])


class OGMGE(OGM):
    """OGM with generalisation enhancement: g ← k_m g + n, n ~ N(0, (std(g) + 1e-8)²). See `Modulation`."""

    def change(self, gradients: list[Tensor], coefficient: Tensor, generators: Generators) -> None:
        add_noise(gradients, coefficient, generators)


@torch.no_grad()
def add_noise(gradients: list[Tensor], coefficient: Tensor, generators: Generators) -> None:
    """Scale gradients in place and add white noise with the deviation of each unscaled gradient (GE)."""
    deviations = [gradient.std() + STD_OFFSET for gradient in gradients]  # over the whole tensor, unbiased
    torch._foreach_mul_(gradients, coefficient)
    # One scratch tensor for all: on a CPU, fresh memory for every gradient costs as much as the noise itself.
    largest = max(gradient.numel() for gradient in gradients)
    scratch = {device: torch.empty(largest, device=device, dtype=gradients[0].dtype) for device in generators}
    for gradient, deviation in zip(gradients, deviations, strict=True):
        noise = scratch[gradient.device][: gradient.numel()].normal_(generator=generators[gradient.device])
        gradient.addcmul_(noise.view(gradient.shape).to(gradient.dtype), deviation)
