"""Weights that one model hands to another: from stage to stage, or from a finished run.

A stage gets what the one before hands over (`mmlib.training.Carried`); its model may have more, less or a grown head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mmlib.errors import UsageError


@torch.no_grad()
def load_matching(
    model: nn.Module,
    weights: Mapping[str, Tensor],
    prefixes: Sequence[str] = ("",),
    *,
    source: str = "the weights handed over",
    absent: str = "Give the weights of a model that has them.",
    unfit: str = "Give the weights of a model of the same sizes.",
) -> list[str]:
    """Copy into `model` every tensor whose name begins with one of `prefixes`; returns their names.

    The rest of the model stays as it is, and what else `weights` holds is left alone.

    Args:
        model: on any device.
        weights: by name, as `state_dict()` gives them, on any device.
        prefixes: of names in the model's `state_dict()`; by default all.
        source, absent, unfit: for messages: where the weights come from, and what to do where a tensor is absent there
            or has another shape.

    Raises:
        UsageError: if a tensor is absent or has another shape; the model is then as it was.
    """
    state = model.state_dict()
    wanted = {name: value for name, value in state.items() if name.startswith(tuple(prefixes))}
    for name, value in wanted.items():
        if name not in weights:
            raise UsageError(f"{source} has no {name}. {absent}")
        if weights[name].shape != value.shape:
            raise UsageError(
                f"{name} of {source} has the shape {tuple(weights[name].shape)}, this network needs "
                f"{tuple(value.shape)}. {unfit}"
            )
    for name, value in wanted.items():
        value.copy_(weights[name])
    return list(wanted)
