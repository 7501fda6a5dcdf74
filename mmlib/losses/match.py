"""Whether sound and picture belong together, as a loss (AVST: cross-entropy of right and wrong pairs alike)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

CLASSES = {"right": 1, "wrong": 0}


def match_loss(scores: Mapping[str, Tensor]) -> Tensor:
    """Mean cross-entropy over all pairs, 0-d, nats.

    Args:
        scores: `right` and `wrong` (..., 2), scores of no and yes; as many of one as of the other.
    """
    return F.cross_entropy(*_rows(scores))


@torch.no_grad()
def match_accuracy(scores: Mapping[str, Tensor]) -> Tensor:
    """Share of all pairs that are told right, 0-d."""
    flat, wanted = _rows(scores)
    return (flat.argmax(dim=1) == wanted).float().mean()


def _rows(scores: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """(n, 2) and the class of each row."""
    flat = {name: scores[name].flatten(0, -2).float() for name in CLASSES}
    wanted = [flat[name].new_full((len(flat[name]),), label, dtype=torch.long) for name, label in CLASSES.items()]
    return torch.cat(list(flat.values())), torch.cat(wanted)
