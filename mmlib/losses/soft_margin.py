"""Multi-label soft margin of probabilities: the published loss of AVGA.

Tian et al., ECCV 2018. Paper says: cross-entropy. Published code does: -[y log σ(p) + (1 - y) log(1 - σ(p))], averaged
over classes too, of softmax *probabilities* p, so that the loss of 29 classes moves between 0.680 (all right) and
0.7145 (all wrong). We do: this as an option, cross-entropy of scores by default.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def soft_margin_of_softmax(scores: Tensor, target: Tensor) -> Tensor:
    """Mean loss, 0-d, of scores (..., K) before softmax against targets (..., K) in [0, 1]."""
    return F.binary_cross_entropy_with_logits(torch.softmax(scores, dim=-1), target)
