"""Memory layout of images: channels last, for every pass of a model, in training and in evaluation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}
MOST_CHANNELS = 3  # of frames; what has more in that place are stored features, whose channels come last already


def lay_out_images(model: nn.Module) -> None:
    """Lay out what `model` is given, tensors by modality, channels last where they are images.

    Spectrograms and pictures (B, C, H, W); frames (B, C, T, H, W) too, which folded into (B · T, C, H, W) are images
    laid out channels last without another copy. Numbers stay as they are.
    """
    model.register_forward_pre_hook(_laid_out)


def _laid_out(model: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
    inputs, *others = given
    if not isinstance(inputs, dict):
        return given
    return {name: _image(value) for name, value in inputs.items()}, *others


def _image(value: Any) -> Any:
    if isinstance(value, Tensor) and (value.ndim == 4 or (value.ndim == 5 and value.shape[1] <= MOST_CHANNELS)):
        return value.contiguous(memory_format=LAYOUTS[value.ndim])
    return value
