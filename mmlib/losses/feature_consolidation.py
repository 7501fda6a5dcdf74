"""Keep those features of an earlier network that its loss depends on: the distillation of AFC.

Kang et al., "Class-Incremental Learning by Knowledge Distillation with Adaptive Feature Consolidation", CVPR 2022;
audio-visual in AV-CIL's code (ICCV 2023).

Paper says: each feature map's change is weighted by an importance, which the gradient of the loss with respect to it
    bounds.
Published code does (audio-visual): x ∈ {pooled visual, f_a, f_v}; I_x = ‖∂NCA(old network)/∂x‖ of each sample, over
    their sum; L_disc = Σ_x mean(I_x ‖x̂_new - x̂_old‖) of features at length 1. With one modality, the plain mean.
We do: the same, for features by any names.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor


def unit_distance(features: Tensor, old_features: Tensor) -> Tensor:
    """‖x̂ - x̂_old‖ in [0, 2], (B,), of features (B, C) brought to length 1. No gradient reaches the old ones."""
    return torch.linalg.vector_norm(F.normalize(features, dim=1) - F.normalize(old_features.detach(), dim=1), dim=1)


def importance_weights(gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """I_x, (B,) by name, from the loss's gradients (B, C_x): their lengths over their sum, equal where all are 0."""
    lengths = torch.stack([torch.linalg.vector_norm(gradient, dim=1) for gradient in gradients.values()])  # (X, B)
    total = lengths.sum(dim=0)
    shares = torch.where(total > 0, lengths / total.where(total > 0, torch.ones_like(total)), 1 / len(lengths))
    return dict(zip(gradients, shares.unbind(), strict=True))


def feature_discrepancy(
    features: Mapping[str, Tensor], old_features: Mapping[str, Tensor], importance: Mapping[str, Tensor] | None = None
) -> Tensor:
    """L_disc = Σ_x mean(I_x ‖x̂_new - x̂_old‖), 0-d.

    Args:
        features, old_features: (B, C_x) by name.
        importance: (B,) by name; None weighs each by 1.
    """
    distances = {name: unit_distance(value, old_features[name]) for name, value in features.items()}
    if importance is not None:
        distances = {name: importance[name].detach() * distance for name, distance in distances.items()}
    return torch.stack([distance.mean() for distance in distances.values()]).sum()
