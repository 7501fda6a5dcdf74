"""Predictions from every subset of the modalities, all from one pass through the encoders.

Paper says: a modality is missing from a prediction where its feature is.
Published code does: one pass; pooled features of missing modalities become zeros, and the head, a linear layer on the
    concatenation, is evaluated once for each subset, always with its whole bias.
We do: the same with any fusion, for any number of modalities. Where the scores are affine in the features (concat and
    sum without SimAM²) the scores of a larger subset are added up from those of its members, which the head gives in
    one call, where others take 2^n - 1. (OGM-GE's unimodal scores have a part of the bias only: those are not these.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from mmlib.fusion import Concat, Fusion, FusionOutput
from mmlib.fusion.modalities import side_by_side
from mmlib.fusion.sum import Sum
from mmlib.valuation.contributions import Subset, subsets_of

Head = Callable[[dict[str, Tensor]], Tensor]
"""Features (B, ...) by modality to scores (B, K)."""


def is_affine(fusion: Fusion) -> bool:
    """Whether a fusion's scores are a linear map of all features, and a bias."""
    return fusion.simam2 is None and type(fusion) in (Concat, Sum)


@torch.no_grad()
def subset_scores(
    head: Head, features: Mapping[str, Tensor], *, affine: bool = False, full: Tensor | None = None
) -> Iterator[tuple[Subset, Tensor]]:
    """Scores (B, K) of every subset, in the order of `subsets_of(features)`, with all other features set to zero.

    Args:
        head: from all features to scores, in evaluation mode.
        features: (B, ...) by modality, kept from one pass through the encoders.
        affine: the head is a linear map and a bias, so scores of several are added up from those of one each.
        full: scores from all modalities, where they are known already.
    """
    alone, none = _affine_scores(head, features, full is None or len(features) > 2) if affine else ({}, None)
    for subset in subsets_of(features):
        if len(subset) == len(features) and full is not None:
            scores = full
        elif affine:
            scores = alone[subset[0]] if len(subset) == 1 else none + sum(alone[name] - none for name in subset)
        else:
            scores = head({m: value if m in subset else torch.zeros_like(value) for m, value in features.items()})
        yield subset, scores


def _affine_scores(head: Head, features: Mapping[str, Tensor], with_none: bool) -> tuple[dict[str, Tensor], Tensor]:
    """Scores (B, K) from each modality alone, and (1, K) from none, by one call of the head on all of them as rows."""
    size = len(next(iter(features.values())))
    rows = size * len(features) + with_none
    placed = {}
    for place, (name, value) in enumerate(features.items()):
        placed[name] = value.new_zeros(rows, *value.shape[1:])
        placed[name][place * size : (place + 1) * size] = value
    scores = head(placed)
    return {name: scores[place * size : (place + 1) * size] for place, name in enumerate(features)}, scores[-1:]


def valued_modalities(fusion: Fusion) -> tuple[str, ...]:
    """The order in which contributions are listed: that of a concatenation, audio before visual."""
    return side_by_side(fusion.modalities)


@torch.no_grad()
def subset_predictions(fusion: Fusion, output: FusionOutput) -> Tensor:
    """Predicted classes (B, 2^n - 1) int64 of a model's output, columns as `subsets_of(valued_modalities(fusion))`.

    Of equally high scores the first counts. The fusion must be in evaluation mode, and no sample may have dropped a
    modality already.
    """
    features = {name: output.features[name] for name in valued_modalities(fusion)}
    found = subset_scores(lambda kept: fusion(kept).logits, features, affine=is_affine(fusion), full=output.logits)
    return torch.stack([scores.argmax(dim=-1) for _, scores in found], dim=-1)
