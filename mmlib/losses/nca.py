"""Neighbourhood component analysis of class similarities: the classification loss of AFC.

Kang et al., "Class-Incremental Learning by Knowledge Distillation with Adaptive Feature Consolidation", CVPR 2022, with
the classifier and the loss of PODNet (Douillard et al., ECCV 2020); audio-visual in AV-CIL's code (ICCV 2023).

Paper says: [-log(exp(η(s_y - δ)) / Σ_{j≠y} exp(η s_j))]_+ with a margin δ = 0.6 on the true class.
Published code does: subtracts δ from every class, which the shift by the largest similarity undoes; keeps the true
    class in the denominator with its shifted similarity set to 0, so that it counts 1 there; no [.]_+. The shift is not
    detached, and as the loss is not invariant to it, gradient flows through the largest similarity. It equals
    cross-entropy where the true class is the nearest.
We do: the paper's by default (`paper`), the code's as `published`.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from mmlib.errors import ParameterError

NCAForm = Literal["paper", "published"]
MARGIN = 0.6


def nca_loss(
    similarities: Tensor,
    targets: Tensor,
    scale: Tensor | float = 1.0,
    margin: float = MARGIN,
    form: NCAForm = "paper",
) -> Tensor:
    """Mean loss, 0-d, nats.

    Args:
        similarities: (B, K) of each sample to each class, K at least 2; higher is nearer.
        targets: (B,) class indices.
        scale: η, a number or a learned 0-d tensor.
        margin: δ; without effect in the published form.
        form: see above.

    Raises `ParameterError` for an unknown form.
    """
    if form not in get_args(NCAForm):
        raise ParameterError(f"nca_loss: form is {form!r}; choose one of 'paper', 'published'.")
    similarities = similarities.to(torch.promote_types(similarities.dtype, torch.float32))
    true = torch.zeros_like(similarities, dtype=torch.bool).scatter_(1, targets[:, None], True)  # (B, K)
    if form == "paper":
        others = (scale * similarities).masked_fill(true, -torch.inf).logsumexp(dim=1)  # (B,)
        nearest = scale * (similarities.gather(1, targets[:, None]).squeeze(1) - margin)
        return (others - nearest).clamp(min=0).mean()
    shifted = scale * (similarities - margin)
    shifted = shifted - shifted.max(dim=1, keepdim=True).values
    return (shifted.masked_fill(true, 0).logsumexp(dim=1) - shifted.gather(1, targets[:, None]).squeeze(1)).mean()
