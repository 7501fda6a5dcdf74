"""iCaRL: exemplars among the new data, old classes kept by their sigmoids, classes told by the nearest class mean.

Rebuffi et al., "iCaRL: Incremental Classifier and Representation Learning", CVPR 2017, with two modalities as in the
code of AV-CIL (Pian et al., ICCV 2023).

Paper says: binary cross-entropy of every class, against the labels for new classes and the old network's outputs for
    old ones; exemplars by herding after each step; the class whose exemplars' mean feature is nearest.
Published code does: cross-entropy over all classes seen so far plus binary cross-entropy of the old classes, whose new
    side passes the sigmoid twice; new clips and exemplars shuffled together. NME: exemplars are drawn anew after every
    epoch, and the draw of the best epoch is kept; the features are f_a + f_v at length 1. FC: the highest score, and
    exemplars once, from the best network. Herding leaves chosen clips among the candidates, and a class with fewer
    than m clips is filled with zero vectors that enter its mean.
We do: the same, with each slip behind a switch: `double_sigmoid`, and in the memory `herding_repeats` and
    `herding_padding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlib.continual.methods.base import Method
from mmlib.losses.distillation import binary_distillation


class ICaRL(Method):
    """iCaRL with the scores of its classifier (FC); see `Method`."""

    training = "mixed"
    keeps = "herding"
    distils = True

    def score_losses(
        self, logits: Tensor, targets: Tensor, old_logits: Tensor | None, taught: Sequence[bool] | None = None
    ) -> dict[str, Tensor]:
        losses = {"cross_entropy": F.cross_entropy(logits.float(), targets)}
        if old_logits is None:
            return losses
        if taught is not None and not all(taught):
            slices = [
                slice(*bounds)
                for bounds, there in zip(pairwise(self.step.old_boundaries), taught, strict=True)
                if there
            ]
            if not slices:
                return losses | {"distillation": 0 * losses["cross_entropy"]}
            logits, old_logits = (torch.cat([scores[:, s] for s in slices], dim=1) for scores in (logits, old_logits))
        double = self.options.double_sigmoid
        return losses | {"distillation": binary_distillation(logits, old_logits, double_sigmoid=double)}


class ICaRLMeans(ICaRL):
    """iCaRL with nearest class means (NME), as in the paper."""

    nearest_mean = True
