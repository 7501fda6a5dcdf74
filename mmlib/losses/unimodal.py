"""Losses of unimodal heads, by name: each modality's own scores against the targets of the fused ones.

Published code does (IEMF): cross-entropy of each head, added with weight 1.
We do: the same with any weight and any loss. A sample that drops a modality teaches its head nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlib.errors import UsageError

each_cross_entropy: Callable[[Tensor, Tensor], Tensor] = partial(F.cross_entropy, reduction="none")


def unimodal_losses(
    output: Any,
    targets: Tensor,
    *,
    weight: float = 1.0,
    criterion: Callable[[Tensor, Tensor], Tensor] = each_cross_entropy,
    rows: Tensor | None = None,
) -> dict[str, Tensor]:
    """Weighted mean loss of each head, 0-d, under the name `unimodal_<modality>`.

    Args:
        output: of a model with `UnimodalHeads`: `head_logits` (B, K) by modality, and `keep`.
        targets: (B,) class indices, or whatever the criterion takes.
        weight: factor on every loss.
        criterion: scores (B, K) and targets to the loss of each sample, (B,).
        rows: (B,) factor on each sample's loss, where a sampling plan gives one.

    Samples that dropped a modality count as 0 in the mean over all B samples, so that several processes, each weighted
    by its share of the batch, sum to one. Raises `UsageError` for a model without heads.
    """
    if output.head_logits is None:
        raise UsageError("the model has no unimodal heads: build it with unimodal_heads='attached' or 'detached'.")
    losses = {}
    for modality, logits in output.head_logits.items():
        each = criterion(logits.float(), targets)
        each = each if rows is None else each * rows
        kept = (output.keep or {}).get(modality)
        losses[f"unimodal_{modality}"] = weight * (each if kept is None else torch.where(kept, each, 0)).mean()
    return losses
