"""Nearest class mean: a sample belongs to the class whose exemplars' mean feature is nearest (NME).

Rebuffi et al., "iCaRL", CVPR 2017 (Algorithm 1).

Paper says: features and class means are normalised.
Published code does (AV-CIL, ICCV 2023, for iCaRL and AFC): means of normalised features, not normalised again; queries
    normalised. A class with fewer than m clips is filled with zero vectors, which enter its mean.
We do: the same means, of real exemplars only; `count` repeats the filling. An exemplar held twice counts twice.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlib.errors import UsageError


def class_means(features: Tensor, targets: Tensor, num_classes: int, *, count: int | None = None) -> Tensor:
    """Mean feature of each class at length 1 before, not after, (K, C).

    Args:
        features: (N, C) of exemplars, of any length.
        targets: (N,) class indices in 0..K-1.
        num_classes: K.
        count: divide every sum by this instead of by the class's own number, as published for m exemplars a class.

    Raises `UsageError` for a class without an exemplar.
    """
    unit = F.normalize(features.to(torch.promote_types(features.dtype, torch.float32)), dim=1)
    sums = unit.new_zeros(num_classes, unit.shape[1]).index_add_(0, targets, unit)
    sizes = torch.bincount(targets, minlength=num_classes)
    if not bool((sizes > 0).all()):
        raise UsageError(
            f"classes {(sizes == 0).nonzero().flatten().tolist()} have no exemplar, so no mean: hold at least one."
        )
    return sums / (sizes[:, None] if count is None else count)


def mean_distances(features: Tensor, means: Tensor) -> Tensor:
    """Euclidean distance of features (N, C), at length 1, to class means (K, C), (N, K). The least is the class.

    For class scores take their negative.
    """
    unit = F.normalize(features.to(means.dtype), dim=1)
    return torch.cdist(unit, means, compute_mode="donot_use_mm_for_euclid_dist")
