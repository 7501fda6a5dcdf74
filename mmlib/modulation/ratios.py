"""Discrepancy ratios of modalities, and the coefficients that follow from them. Pure functions.

The ratio ρ of the first modality (visual) over the second (audio) is measured in one of two ways:
- decoupled (OGM-GE, Peng et al., CVPR 2022): summed probability of the true class, by each modality's own scores;
- decoupling-free (SimAM², Eq. 11): how much the fusion itself weighs each, Σζ / Σ(1 - ζ); of two modalities only.

Of more than two modalities, an extension: each one's score over the mean score of the others (`discrepancy_ratios`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from mmlib.errors import UsageError
from mmlib.fusion.modalities import PUBLISHED_PAIR

ZetaReduce = Literal["batch", "sample"]


def decoupled_scores(
    unimodal_logits: Mapping[str, Tensor], targets: Tensor, rows: Tensor | None = None
) -> dict[str, Tensor]:
    """s_m = Σ_i softmax(z_m)_{i, y_i}, the summed probability of the true class, 0-d per modality.

    Args:
        unimodal_logits: (..., K) per modality.
        targets: (...) class indices in 0..K-1; a negative one leaves its row out.
        rows: (B,) bool, the samples that count; None for all.

    Raises `UsageError` for targets that are no class indices of these rows.
    """
    if rows is not None and not targets.is_floating_point():
        targets = torch.where(rows.view(-1, *(1,) * (targets.dim() - 1)), targets, -1)
    scores = {}
    for modality, logits in unimodal_logits.items():
        if logits.shape[:-1] != targets.shape or targets.is_floating_point():
            raise UsageError(
                f"unimodal logits of {modality} have shape {tuple(logits.shape)}, targets {tuple(targets.shape)} "
                f"({targets.dtype}); targets must be class indices of shape {tuple(logits.shape[:-1])}."
            )
        probabilities = torch.softmax(logits, dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))
        true_class = probabilities.gather(-1, targets.long().clamp(min=0).unsqueeze(-1)).squeeze(-1)
        scores[modality] = (true_class * (targets >= 0)).sum()
    return scores


def score_ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """numerator / denominator of two non-negative 0-d scores, finite even if a modality scores nothing."""
    tiny = torch.finfo(numerator.dtype).tiny ** 0.5
    return numerator.clamp(min=tiny) / denominator.clamp(min=tiny)


def decoupled_ratio(
    unimodal_logits: Mapping[str, Tensor], targets: Tensor, modalities: tuple[str, str] = PUBLISHED_PAIR
) -> Tensor:
    """ρ of OGM-GE: s_visual / s_audio, 0-d. Arguments as `decoupled_scores`."""
    scores = decoupled_scores(unimodal_logits, targets)
    return score_ratio(scores[modalities[0]], scores[modalities[1]])


def zeta_scores(zeta: Tensor, reduce: ZetaReduce = "batch", rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Two 0-d sums whose quotient is `zeta_ratio`; sums of several batches (or processes) may be added up first.

    `batch`: Σζ and Σ(1 - ζ) over everything. `sample`: the sum of the samples' own ratios, and their number. `rows`
    (B,) bool: the samples that count.
    """
    zeta = zeta.to(torch.promote_types(zeta.dtype, torch.float32))
    if reduce == "batch" and rows is None:
        return zeta.sum(), (1 - zeta).sum()
    each = zeta.flatten(1)  # (B, everything else)
    of_first, of_second = each.sum(dim=1), (1 - each).sum(dim=1)  # (B,)
    if reduce == "batch":
        return torch.where(rows, of_first, 0).sum(), torch.where(rows, of_second, 0).sum()
    ratios = score_ratio(of_first, of_second)
    if rows is None:
        return ratios.sum(), ratios.new_full((), len(ratios))
    return torch.where(rows, ratios, 0).sum(), rows.sum().to(ratios.dtype)


def zeta_ratio(zeta: Tensor, reduce: ZetaReduce = "batch") -> Tensor:
    """ρ of SimAM² (Eq. 11), 0-d, from ζ (B, ...) in (0, 1).

    Args:
        zeta: weight of the visual modality.
        reduce: `batch`, one ratio of sums over samples and neurons, the counterpart of OGM's; `sample`, a ratio per
            sample, then their mean (which is biased upwards).
    """
    return score_ratio(*zeta_scores(zeta, reduce))


def discrepancy_ratios(scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """ρ of each modality from the scores of two or more, 0-d: its score over the mean score of the others.

    Of two, as published, the second one's is the reciprocal of the first one's. The keys' order says which is first.
    """
    if len(scores) == 2:
        (first, one), (second, other) = scores.items()
        ratio = score_ratio(one, other)
        return {first: ratio, second: 1 / ratio}
    ratios = {}
    for modality, score in scores.items():
        others = torch.stack([other for name, other in scores.items() if name != modality])
        ratios[modality] = score_ratio(score, others.mean())
    return ratios


def modality_coefficients(ratios: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """OGM's coefficient of each modality, 0-d in [0, 1]: 1 - tanh(α ρ) where ρ > 1, else 1; of two see `coefficients`.

    Of more than two, several may lead, each held back by its own ρ, and none does where all are equal.
    """
    if len(ratios) == 2:
        first, second = ratios
        return coefficients(ratios[first], alpha, (first, second))
    return {
        modality: torch.where(ratio > 1, 1 - torch.tanh(alpha * ratio), torch.ones_like(ratio))
        for modality, ratio in ratios.items()
    }


def coefficients(ratio: Tensor, alpha: float, modalities: tuple[str, str] = PUBLISHED_PAIR) -> dict[str, Tensor]:
    """OGM's coefficients of two modalities, 0-d in [0, 1]: 1 - tanh(α ρ) for the leading one, 1 for the other.

    A tie, ρ = 1, counts as the second (audio) leading. Note the jump at ρ = 1, from 1 to 1 - tanh(α).
    """
    first, second = modalities
    one = torch.ones_like(ratio)
    first_leads = ratio > 1
    return {
        first: torch.where(first_leads, 1 - torch.tanh(alpha * ratio), one),
        second: torch.where(first_leads, one, 1 - torch.tanh(alpha / ratio)),
    }
