"""Knowledge guidance: what knows better teaches what knows less, within a modality and between modalities.

Zeng et al., "Multimodal Reaction: Information Modulation for Cross-Modal Representation Learning", IEEE TMM 26, 2024.

Paper says: the Knowledge Guidance Scheme helps the weaker components learn, within and between modalities, and
    considers modality dominance and sample variation.
Published code does (as far as it is there; the file is unfinished): within, the purified or the raw output, whichever
    has the smaller loss, teaches the other by squared error. Between, the modality with the strictly smallest loss
    teaches the others: KL of softmaxes over feature channels, times (10 α)² / 2, α being larger for a stronger teacher;
    the temperature is a factor only and not inside the softmax. Losses are means over the batch, so that teacher and α
    are the batch's.
We do: the same per sample, as the abstract promises, or per batch (`granularity`); for any number of modalities; for
    classes too, where outputs are class scores. `scale_inside` divides by the temperature before the softmax.

Everything is stacked: modalities M first, samples B second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlib.collectives import all_reduce_sum
from mmlib.errors import UsageError

Granularity = Literal["sample", "batch"]
IntraDistance = Literal["squared", "kl"]


def absolute_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """|output - target| of each sample, (..., B) from outputs (..., B, 1) and real values (B,)."""
    if outputs.shape[-1] != 1 or not targets.is_floating_point():
        raise UsageError(
            f"regression takes outputs (..., B, 1) and real-valued targets; got {tuple(outputs.shape)} and "
            f"{targets.dtype}."
        )
    return (outputs.squeeze(-1) - targets).abs()


def class_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each sample, (..., B) from scores (..., B, K) and class numbers (B,), nats."""
    if targets.is_floating_point():
        raise UsageError(f"classification takes class numbers; the targets are {targets.dtype}.")
    wanted = targets.expand(outputs.shape[:-1]).flatten()
    return F.cross_entropy(outputs.flatten(0, -2), wanted, reduction="none").view(outputs.shape[:-1])


SAMPLE_ERRORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "regression": absolute_error,
    "classification": class_error,
}


def compared(errors: Tensor, granularity: Granularity) -> Tensor:
    """What teachers are chosen by, without gradient: errors (M, B), or (M, 1), their mean over all processes' batch."""
    errors = errors.detach()
    if granularity == "sample":
        return errors
    total = all_reduce_sum(torch.cat((errors.sum(dim=1), errors.new_full((1,), errors.shape[1]))))
    return (total[:-1] / total[-1])[:, None]


def adjuster(errors: Tensor) -> Tensor:
    """α (M, ...) from errors (M, ...): M/(1 + λ_m) over Σ_k 1/(1 + λ_k), λ_m = error_m / Σ errors; no gradient.

    The strongest modality has the largest; they sum to M. All are 1 where no modality errs.
    """
    errors = errors.detach()
    total = errors.sum(dim=0)
    weights = 1 / (1 + errors / torch.where(total > 0, total, 1))
    return errors.shape[0] * weights / weights.sum(dim=0)


def intra_guidance(
    purified: Tensor,
    raw: Tensor,
    purified_errors: Tensor,
    raw_errors: Tensor,
    *,
    granularity: Granularity = "sample",
    distance: IntraDistance = "squared",
) -> Tensor:
    """Distance from the better to the worse branch, mean over samples, (M,); the loss is its sum, 0 where both are
    equal.

    Args:
        purified, raw: outputs (M, B, K) of the heads; gradients reach the worse one only.
        purified_errors, raw_errors: (M, B).
        granularity: whether the better branch is that of each sample, or that of the batch.
        distance: mean over K of the squared difference, or KL(better ‖ worse) of the softmaxes.
    """
    purified_errors, raw_errors = compared(purified_errors, granularity), compared(raw_errors, granularity)
    apart = _squared if distance == "squared" else _divergence
    teaches = purified_errors < raw_errors  # (M, B) or (M, 1)
    taught = purified_errors > raw_errors
    zero = purified.new_zeros(())
    terms = torch.where(teaches, apart(purified.detach(), raw), zero)
    terms = terms + torch.where(taught, apart(raw.detach(), purified), zero)
    return terms.mean(dim=1)


def teachers(errors: Tensor) -> Tensor:
    """Which modality alone errs least, (B,) int64 from errors (M, B); -1 where no single one does."""
    least = errors == errors.min(dim=0).values
    return torch.where(least.sum(dim=0) == 1, least.int().argmax(dim=0), -1)


def inter_guidance(
    features: Tensor,
    errors: Tensor,
    *,
    granularity: Granularity = "sample",
    temperature: float = 10.0,
    scale_inside: bool = False,
) -> Tensor:
    """(T₀ α)² Σ KL(teacher ‖ student) / (M - 1), mean over samples, 0-d; 0 where no modality alone errs least.

    Args:
        features: (M, B, C) purified features, or outputs; no gradient reaches the teacher's.
        errors: (M, B) of the purified outputs.
        granularity: whether teacher and α are those of each sample, or of the batch.
        temperature: T₀.
        scale_inside: features are divided by T₀ α before the softmax, as distillation is usually done.
    """
    if features.shape[0] < 2:
        raise UsageError("guidance between modalities needs two of them or more.")
    errors = compared(errors, granularity)
    teacher = teachers(errors)  # (B,), or (1,) of the batch
    chosen = teacher.clamp(min=0)
    scale = temperature * adjuster(errors).gather(0, chosen[None])[0]  # (B,)
    if scale_inside:
        features = features / scale[:, None]
    log_student = torch.log_softmax(features, dim=2)
    batch = features.shape[1]
    index = chosen.expand(batch)[None, :, None].expand(1, batch, features.shape[2])
    log_teacher = log_student.detach().gather(0, index)  # (1, B, C)
    divergence = (log_teacher.exp() * (log_teacher - log_student)).sum(dim=2)  # (M, B)
    number = torch.arange(len(features), device=features.device)[:, None]
    guided = (number != chosen) & (teacher >= 0)  # (M, B): students of a sample that has a teacher
    each = torch.where(guided, divergence, divergence.new_zeros(())).sum(dim=0) / (len(features) - 1)
    return (scale.square() * each).mean()


def _squared(better: Tensor, worse: Tensor) -> Tensor:
    return (better - worse).square().mean(dim=-1)


def _divergence(better: Tensor, worse: Tensor) -> Tensor:
    log_better, log_worse = torch.log_softmax(better, dim=-1), torch.log_softmax(worse, dim=-1)
    return (log_better.exp() * (log_better - log_worse)).sum(dim=-1)
