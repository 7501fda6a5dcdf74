"""LFM: the modalities' features (or scores), as distributions, are drawn towards each other by an additional loss.

Yang et al., "Facilitating Multimodal Classification via Dynamically Learning Modality Gap", NeurIPS 2024, in the form
in which IEMF's code compares itself with it.

Published code does (IEMF): p = softmax(x_a), q = softmax(x_v), m = (p + q) / 2, A = ½ [KL(m‖p) + KL(m‖q)], the mean
    over the batch, which is the usual Jensen-Shannon divergence with both arguments turned round. In the script of the
    published table x are the pooled features (softmax over channels), and A is added with weight 1: weights that
    depend on the epoch are computed, and not used. The script of the ablations uses them, 2 [α1 (CE + CE_a + CE_v) +
    α2 A], has the unimodal losses always, and takes the logits of the unimodal heads as x where IEMF is on.
We do: both forms and both directions; the model's heads decide whether there are unimodal losses. Of more than two
    modalities (an extension) A is the mean over all pairs. Beyond the 100 published epochs, where the polynomial leaves
    it, α1 is kept in [0, 1]. A sample that dropped a modality of a pair does not count there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from mmlib.errors import ParameterError, UsageError

Aligned = Literal["features", "logits"]
Direction = Literal["published", "jensen_shannon"]
Weight = Literal["one", "published"]
POLYNOMIAL = (0.204623704, 3.35472727e-3, 1.22989557e-4, -2.92947416e-6, 2.23835486e-8, -5.39717505e-11)
"""α1 by powers of the epoch, counted from 0."""


def label_weight(epoch: int) -> float:
    """α1, the weight of the cross-entropies; that of the alignment is α2 = 1 - α1."""
    return min(max(sum(factor * epoch**power for power, factor in enumerate(POLYNOMIAL)), 0.0), 1.0)


def divergence(x: Tensor, y: Tensor, direction: Direction = "published") -> Tensor:
    """A of two batches of scores (B, ..., C), softmax over the last axis: (B, ...), nats, at least 0, 0 for equal ones.

    `published`: ½ [KL(m‖p) + KL(m‖q)], without an upper bound; `jensen_shannon`: ½ [KL(p‖m) + KL(q‖m)], at most ln 2.
    """
    p, q = (torch.log_softmax(z.float() if z.dtype in (torch.float16, torch.bfloat16) else z, dim=-1) for z in (x, y))
    mean = torch.logaddexp(p, q) - math.log(2)
    if direction == "published":
        return (mean.exp() * (mean - (p + q) / 2)).sum(dim=-1)
    return (p.exp() * (p - mean) + q.exp() * (q - mean)).sum(dim=-1) / 2


def alignment(
    signals: Mapping[str, Tensor],
    direction: Direction = "published",
    *,
    keep: Mapping[str, Tensor] | None = None,
    rows: Tensor | None = None,
) -> Tensor:
    """Mean of A over the samples and over all pairs of modalities, 0-d, nats.

    Args:
        signals: (B, C) or (B, T, C) by modality, all of one size.
        direction: see `divergence`.
        keep: (B,) bool by modality; a sample that dropped one of a pair counts as 0 in the mean over all B samples, so
            that several processes, each weighted by its share of the batch, sum to one.
        rows: (B,) factor on each sample's loss, where a sampling plan gives one.

    Raises `UsageError` for fewer than two modalities, or signals of different shapes.
    """
    shapes = {name: tuple(signal.shape) for name, signal in signals.items()}
    if len(shapes) < 2 or len(set(shapes.values())) > 1:
        raise UsageError(f"an alignment is of two modalities or more with signals of one shape; got {shapes}.")
    terms = []
    for one, other in combinations(signals, 2):
        each = divergence(signals[one], signals[other], direction)
        each = each.unsqueeze(-1).flatten(1).mean(dim=1)  # (B,)
        for kept in ((keep or {}).get(one), (keep or {}).get(other)):
            each = each if kept is None else torch.where(kept, each, 0)
        terms.append((each if rows is None else each * rows).mean())
    return torch.stack(terms).mean()


class LFM:
    """Adds the loss `alignment` to those of a classification, and weighs them all.

    Args:
        aligned: `features` of the encoders, or `logits` of the unimodal heads.
        direction: see `divergence`.
        weight: `one`, A as it is (as used for the published table), or `published`, 2 α1 on every other loss and 2 α2
            on A (as computed).

    Tell it each epoch by `start_epoch`; it has no other state. Raises `ParameterError` for an unknown alternative.
    """

    def __init__(
        self, aligned: Aligned = "features", *, direction: Direction = "published", weight: Weight = "one"
    ) -> None:
        given = {"aligned": (aligned, Aligned), "direction": (direction, Direction), "weight": (weight, Weight)}
        for name, (value, kind) in given.items():
            if value not in get_args(kind):
                raise ParameterError(f"LFM: {name} is {value!r}; choose one of {', '.join(map(repr, get_args(kind)))}.")
        self.aligned, self.direction, self.weight = aligned, direction, weight
        self.epoch = 0

    def start_epoch(self, epoch: int) -> None:
        """Tell the epoch, counted from 0: the computed weights depend on it."""
        self.epoch = epoch

    def __call__(self, losses: Mapping[str, Tensor], output: Any, rows: Tensor | None = None) -> dict[str, Tensor]:
        """The losses, 0-d by name, weighted, and `alignment`.

        Args:
            losses: of the fused logits and of the unimodal heads, if there are any.
            output: of a model: `features` (B, C) and `head_logits` (B, K) by modality, and `keep`.
            rows: see `alignment`.

        Raises `UsageError` for logits of a model without heads, and as `alignment` does.
        """
        signals = output.features if self.aligned == "features" else output.head_logits
        if signals is None:
            raise UsageError("LFM aligns the logits of unimodal heads: build the model with unimodal_heads='attached'.")
        term = alignment(signals, self.direction, keep=output.keep, rows=rows)
        if self.weight == "one":
            return {**losses, "alignment": term}
        label = label_weight(self.epoch)
        return {name: 2 * label * loss for name, loss in losses.items()} | {"alignment": 2 * (1 - label) * term}
