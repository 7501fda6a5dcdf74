"""Orthogonal projection constraint of FOP: features of one identity alike, those of different identities orthogonal.

Saeed et al., "Fusion and Orthogonal Projection for Improved Face-Voice Association", ICASSP 2022, and its code.

Paper says: cosine similarities of pairs with equal and with different labels, summed.
Published code does: means over ordered pairs instead of sums, the absolute value of every single pair with different
    labels, and a fixed weight of 0.7 on them.
We do: what the code does; the weight is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

NEGATIVE_WEIGHT = 0.7
EPSILON = 1e-6  # in the denominators: a batch without such pairs counts 0


@dataclass(frozen=True)
class OrthogonalProjection:
    """The constraint, 0-d each: `loss` = 1 - `same` + weight · `different`."""

    loss: Tensor
    same: Tensor
    """Mean cosine of ordered pairs i ≠ j with equal labels, 0 if there is none."""
    different: Tensor
    """Mean |cosine| of ordered pairs with different labels, 0 if there is none."""


def orthogonal_projection(
    features: Tensor, labels: Tensor, negative_weight: float = NEGATIVE_WEIGHT
) -> OrthogonalProjection:
    """The constraint over all pairs of a batch.

    Pairs are those of this process's part of a batch: under several processes it is another loss than on one.

    Args:
        features: (B, C), of any length; they are normalised here.
        labels: (B,) identities.
        negative_weight: of the pairs with different labels.
    """
    unit = F.normalize(features, dim=1, eps=1e-12)
    cosine = unit @ unit.T  # (B, B)
    equal = labels[:, None] == labels[None, :]
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    positive = (equal & ~itself).to(cosine.dtype)
    negative = (~equal).to(cosine.dtype)
    same = (positive * cosine).sum() / (positive.sum() + EPSILON)
    different = (negative * cosine.abs()).sum() / (negative.sum() + EPSILON)
    return OrthogonalProjection(1 - same + negative_weight * different, same, different)
