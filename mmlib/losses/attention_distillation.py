"""Keep where and when an earlier network looked: distillation of the attention of AV-CIL.

Pian et al., "Audio-Visual Class-Incremental Learning", ICCV 2023.

Paper says: λ·KL of the spatial attention + (1 - λ)·KL of the temporal attention, old against new.
Published code does: KL(old ‖ new) of the exemplars alone, summed over every clip, time step and channel, and divided by
    the number of exemplars; λ = 0.5. At 768 channels and 8 steps that sums 6,144 spatial and 768 temporal divergences
    a clip, so that λ belongs to this size. IEMF never switches it on.
We do: the same.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmlib.errors import UsageError


def attention_divergence(weights: Tensor, old_weights: Tensor) -> Tensor:
    """KL(old ‖ new) summed over everything and divided by the number of clips, 0-d, nats.

    Both (M, ...) of M clips, each a distribution along one of the other dimensions; the new ones above 0, as a softmax
    of bounded scores is. No gradient reaches the old ones. Raises `UsageError` for different shapes.
    """
    if weights.shape != old_weights.shape or not len(weights):
        raise UsageError(
            f"attention of shape {tuple(weights.shape)} cannot be compared with {tuple(old_weights.shape)}: give both "
            "networks the same clips, at least one."
        )
    old = old_weights.detach()
    # Subtracted place by place, as the two sums are far larger than their difference; in place, as at the published
    # size each of these tensors holds a gigabyte.
    return torch.xlogy(old, weights).neg_().add_(torch.xlogy(old, old)).sum() / len(weights)


def attention_distillation(
    spatial: Tensor, old_spatial: Tensor, temporal: Tensor, old_temporal: Tensor, weight: float = 0.5
) -> Tensor:
    """λ·KL(spatial) + (1 - λ)·KL(temporal), 0-d.

    Args:
        spatial, old_spatial: (M, T, P, C) weights over the P positions.
        temporal, old_temporal: (M, T, C) weights over the T steps.
        weight: λ in [0, 1].
    """
    return weight * attention_divergence(spatial, old_spatial) + (1 - weight) * attention_divergence(
        temporal, old_temporal
    )
