"""Cross-entropy of class scores, with a weight for each sample where a sampling plan gives one."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def cross_entropy(
    logits: Tensor, targets: Tensor, weight: Tensor | None = None, *, label_smoothing: float = 0.0
) -> Tensor:
    """Mean over all samples (and segments), 0-d, nats.

    Args:
        logits: (B, K) or (B, T, K) class scores.
        targets: (B,) or (B, T) class indices.
        weight: (B,) factor on each sample's loss. The mean is over the number of samples, not over the sum of weights,
            so that the parts of a batch on several processes add up.
        label_smoothing: share of the target that is spread over all classes.
    """
    flat, wanted = logits.flatten(0, -2), targets.flatten()
    if weight is None:
        return F.cross_entropy(flat, wanted, label_smoothing=label_smoothing)
    each = F.cross_entropy(flat, wanted, reduction="none", label_smoothing=label_smoothing).unflatten(0, targets.shape)
    return (each.flatten(1).mean(dim=1) * weight).mean() if each.dim() > 1 else (each * weight).mean()
