"""A classifier of several proxies per class: the local similarity classifier (LSC) of PODNet and AFC.

Douillard et al., "PODNet", ECCV 2020; Kang et al., "Adaptive Feature Consolidation", CVPR 2022; audio-visual in the
code of AV-CIL (ICCV 2023).

Paper says: a class's score is Σ_k softmax_k(sim)·sim of its proxies' cosine similarities; η is learned.
Published code does: sim = -‖x̂ - ŵ‖² of features and proxies at length 1; ten proxies a class, drawn Kaiming normal (fan
    in, gain 1). Old proxies are frozen (learning rate and weight decay 0). η is made anew, at 1, in every step.
We do: the same. Old proxies are a buffer, so that no optimiser can move them; `keep_scale` carries η on.
"""

from __future__ import annotations

from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlib.errors import UsageError

PROXIES = 10


class LocalSimilarityClassifier(nn.Module):
    """Class scores (B, K), in [-4, 0], of features (B, features).

    Args:
        features: length of a feature.
        num_classes: K.
        proxies: per class.
        old_classes: how many of the K are old: their proxies are frozen.
        keep_scale: whether `grow` keeps η; without it η starts again at 1, as published.

    Attributes: `scale`, η, a learned 0-d tensor for `mmlib.losses.nca`. `load_state_dict` takes the state of any
    classifier with as many classes, however many of them are old there.
    """

    def __init__(
        self, features: int, num_classes: int, proxies: int = PROXIES, *, old_classes: int = 0, keep_scale: bool = False
    ) -> None:
        super().__init__()
        if not 0 <= old_classes < num_classes:
            raise UsageError(f"{old_classes} of {num_classes} classes cannot be old: at least one must be new.")
        self.keep_scale = keep_scale
        self.register_buffer("old_proxies", _drawn(old_classes, proxies, features))
        self.proxies = nn.Parameter(_drawn(num_classes - old_classes, proxies, features))
        self.scale = nn.Parameter(torch.ones(()))

    @property
    def all_proxies(self) -> Tensor:
        """(K, proxies, features), old classes first."""
        return torch.cat((self.old_proxies, self.proxies))

    @property
    def num_classes(self) -> int:
        return len(self.old_proxies) + len(self.proxies)

    def similarities(self, features: Tensor) -> Tensor:
        """-‖x̂ - ŵ‖² in [-4, 0], (B, K, proxies)."""
        proxies = self.all_proxies
        cosine = F.normalize(features, dim=1) @ F.normalize(proxies.flatten(0, 1), dim=1).T  # (B, K·proxies)
        return (2 * cosine - 2).unflatten(1, proxies.shape[:2])

    def forward(self, features: Tensor) -> Tensor:
        similarities = self.similarities(features)
        return (torch.softmax(similarities, dim=2) * similarities).sum(dim=2)  # (B, K)

    @torch.no_grad()
    def grow(self, new_classes: int) -> Self:
        """Freeze all proxies there are and draw those of `new_classes` more, from torch's global generator."""
        old = self.all_proxies.detach().clone()
        self.old_proxies = old
        self.proxies = nn.Parameter(_drawn(new_classes, *old.shape[1:]).to(old))
        if not self.keep_scale:
            self.scale = nn.Parameter(torch.ones_like(self.scale))
        return self

    @torch.no_grad()
    def imprint(self, proxies: Tensor) -> Self:
        """Start the new classes from these proxies (new classes, proxies, features); see `mmlib.continual.proxies`."""
        if proxies.shape != self.proxies.shape:
            raise UsageError(
                f"proxies of the new classes have the shape {tuple(self.proxies.shape)}; got {tuple(proxies.shape)}."
            )
        self.proxies.copy_(proxies)
        return self

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        old, new = f"{prefix}old_proxies", f"{prefix}proxies"
        if old in state_dict and new in state_dict:
            together = torch.cat((state_dict[old], state_dict[new]))
            if len(together) == self.num_classes:
                state_dict[old], state_dict[new] = together.tensor_split([len(self.old_proxies)])
        super()._load_from_state_dict(state_dict, prefix, *args)


def _drawn(classes: int, proxies: int, features: int) -> Tensor:
    """Kaiming normal over the fan in, gain 1."""
    return torch.randn(classes, proxies, features) / features**0.5
