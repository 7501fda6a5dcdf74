"""Separated softmax: new samples compete among the new classes alone, exemplars among the old ones (SS-IL).

Ahn et al., "SS-IL: Separated Softmax for Incremental Learning", ICCV 2021; AV-CIL (ICCV 2023) and IEMF (2025) use it
with two modalities. Without exemplars it is the cross-entropy of LwF as they run it.

Paper says: the sum of two cross-entropies, over the new slice of the scores for new data, over the old for exemplars.
Published code does: (n·CE_new + m·CE_old) / (n + m) of n new samples and m exemplars, with labels counted from the
    first class of the slice (label mod classes per step).
We do: the same, which is the mean over all samples of each one's own cross-entropy. The label says which slice is a
    sample's, tasks may be of any sizes, and nothing waits for the device.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor


def separated_cross_entropy(
    logits: Tensor, targets: Tensor, old_classes: int, reduction: Literal["mean", "none"] = "mean"
) -> Tensor:
    """Cross-entropy of each sample inside its slice, nats: 0-d, or (B,) with `reduction="none"`.

    Args:
        logits: (B, K) scores of all classes seen so far.
        targets: (B,) class indices in 0..K-1: below `old_classes` an exemplar's, else a new sample's.
        old_classes: L, where the new classes begin; 0 is plain cross-entropy.
        reduction: "none" gives each sample's loss, for `mmlib.losses.unimodal.unimodal_losses` or weights.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if not 0 < old_classes < logits.shape[1]:
        return F.cross_entropy(logits, targets, reduction=reduction)
    old, new = logits[:, :old_classes].logsumexp(dim=1), logits[:, old_classes:].logsumexp(dim=1)  # (B,)
    chosen = logits.gather(1, targets[:, None]).squeeze(1)
    each = torch.where(targets >= old_classes, new, old) - chosen
    return each if reduction == "none" else each.mean()
