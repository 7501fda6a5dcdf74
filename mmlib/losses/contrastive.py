"""Audio and video of one clip alike, and of one class: the two contrastive losses of AV-CIL.

Pian et al., "Audio-Visual Class-Incremental Learning", ICCV 2023.

Paper says: L_inst, cross-entropy of audio-to-visual similarities with the clip itself as target; L_class, -log-softmax
    averaged over a row's positives (clips of its class), then over rows.
Published code does: the same L_inst; L_class divides the sum over all positive pairs by N², which a comment in it
    says, and that the weights would need tuning for the other form.
We do: the code's L_class (`pairs`), whose published weights it belongs to; `positives` is the paper's.

All samples of a batch count, new ones and exemplars, with labels over all classes. Pairs are those of this process's
part of a batch.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlib.errors import ParameterError

TEMPERATURE = 0.05
ClassAverage = Literal["pairs", "positives"]


def cross_modal_log_softmax(audio: Tensor, visual: Tensor, temperature: float) -> Tensor:
    """log-softmax over j of z_a,i · z_v,j / τ, (N, N), with z the features (N, C) at length 1."""
    wide = torch.promote_types(audio.dtype, torch.float32)
    audio, visual = F.normalize(audio.to(wide), dim=1), F.normalize(visual.to(wide), dim=1)
    return torch.log_softmax(audio @ visual.T / temperature, dim=1)


def instance_contrast(audio: Tensor, visual: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """L_inst, 0-d, nats: does the sound find its own clip's video? Features (N, C), before fusion, of any length."""
    return -cross_modal_log_softmax(audio, visual, temperature).diagonal().mean()


def class_contrast(
    audio: Tensor,
    visual: Tensor,
    targets: Tensor,
    temperature: float = TEMPERATURE,
    average: ClassAverage = "pairs",
) -> Tensor:
    """L_class, 0-d, nats: does the sound find the videos of its class?

    Args:
        audio, visual: (N, C) features before fusion, of any length.
        targets: (N,) classes.
        temperature: τ.
        average: `pairs` divides by N² as published code does, `positives` by each row's positives and then by N.

    Raises `ParameterError` for another average.
    """
    if average not in get_args(ClassAverage):
        raise ParameterError(f"class_contrast: average is {average!r}; choose one of 'pairs', 'positives'.")
    positive = targets[:, None] == targets[None, :]  # (N, N)
    found = (cross_modal_log_softmax(audio, visual, temperature) * positive).sum(dim=1)  # (N,)
    return -(found / (len(targets) if average == "pairs" else positive.sum(dim=1))).mean()
