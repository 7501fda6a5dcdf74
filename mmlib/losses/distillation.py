"""What a network must keep of an earlier one's class scores: softmax by old task (LwF, SS-IL, AV-CIL), or sigmoids by
old class (iCaRL).

Li and Hoiem, "Learning without Forgetting", ECCV 2016; Ahn et al., "SS-IL", ICCV 2021; Rebuffi et al., "iCaRL", CVPR
2017; as the audio-visual code of AV-CIL (ICCV 2023) and of IEMF (2025) runs them.

Paper says: LwF and SS-IL, cross-entropy of softened softmaxes of each old task; iCaRL, binary cross-entropy of each
    class against the old network's sigmoid, for old classes in place of the labels.
Published code does: T²·KL(old ‖ new) of each old task's slice of the scores, batch mean, T = 2, summed over tasks.
    iCaRL: mean over samples and old classes, added to cross-entropy over all classes; the loss takes scores but is
    given σ(new), so that σ is applied twice.
We do: the same, with old tasks of any sizes. `double_sigmoid` repeats the slip of the iCaRL code.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlib.errors import UsageError

TEMPERATURE = 2.0


def task_distillation(
    logits: Tensor, old_logits: Tensor, boundaries: Sequence[int], temperature: float = TEMPERATURE
) -> Tensor:
    """T²·KL(softmax(old/T) ‖ softmax(new/T)) of each old task, batch mean, (tasks,), nats; the loss is their sum.

    Args:
        logits: (B, K) class scores of the network in training, K at least L.
        old_logits: (B, L) of the earlier one; no gradient reaches it.
        boundaries: where each old task begins among the classes, and where the last one ends: 0, ..., L.
        temperature: T, above 0.

    Raises `UsageError` for boundaries that do not fit the scores.
    """
    if (
        len(boundaries) < 2
        or boundaries[0] != 0
        or boundaries[-1] != old_logits.shape[-1]
        or logits.shape[-1] < boundaries[-1]
        or any(end <= start for start, end in pairwise(boundaries))
    ):
        raise UsageError(
            f"boundaries of old tasks are {list(boundaries)}; they must rise from 0 to the old network's "
            f"{old_logits.shape[-1]} classes, which the new one (of {logits.shape[-1]}) must have too."
        )
    new, old = _wide(logits) / temperature, _wide(old_logits.detach()) / temperature
    parts = [
        F.kl_div(
            torch.log_softmax(new[:, start:end], dim=1),
            torch.log_softmax(old[:, start:end], dim=1),
            reduction="batchmean",
            log_target=True,
        )
        for start, end in pairwise(boundaries)
    ]
    return temperature**2 * torch.stack(parts)  # (tasks,)


def binary_distillation(logits: Tensor, old_logits: Tensor, *, double_sigmoid: bool = False) -> Tensor:
    """Binary cross-entropy of σ(new) against σ(old), mean over samples and old classes, 0-d, nats.

    Args:
        logits: (B, K) class scores of the network in training; only the first L count.
        old_logits: (B, L) of the earlier one; no gradient reaches it.
        double_sigmoid: as the published code of iCaRL, σ(σ(new)) in place of σ(new).

    Raises `UsageError` where the old network has more classes than the new one.
    """
    if old_logits.shape[-1] > logits.shape[-1]:
        raise UsageError(f"the old network scores {old_logits.shape[-1]} classes, the new one {logits.shape[-1]}.")
    new, old = _wide(logits)[:, : old_logits.shape[-1]], _wide(old_logits.detach())
    return F.binary_cross_entropy_with_logits(torch.sigmoid(new) if double_sigmoid else new, torch.sigmoid(old))


def _wide(logits: Tensor) -> Tensor:
    """At least single precision, also under autocast."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
