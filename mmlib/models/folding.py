"""Batch norms folded into the convolutions before them: the same function in evaluation, in less time."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


@torch.no_grad()
def fold_norms(model: nn.Module) -> dict[str, Tensor]:
    """Change `model`, which is in evaluation mode and will stay there, in place.

    Where a batch norm with statistics directly follows a convolution in an `nn.Sequential`, the convolution takes over
    its scale and shift (as weights and bias), and an identity its place. Other norms stay.

    Returns: the factor (out, 1, 1, 1) that each such convolution's weights were multiplied by, by parameter name.
    """
    factors = {}
    for name, block in model.named_modules():
        if not isinstance(block, nn.Sequential):
            continue
        for place, (convolution, norm) in enumerate(pairwise(list(block))):
            if not isinstance(convolution, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d) or norm.training:
                continue
            if norm.running_var is None or not norm.affine:
                continue
            factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)  # (out,)
            before = 0 if convolution.bias is None else convolution.bias
            convolution.bias = nn.Parameter(norm.bias + (before - norm.running_mean) * factor)
            convolution.weight.mul_(factor.view(-1, 1, 1, 1))
            block[place + 1] = nn.Identity()
            factors[".".join(filter(None, (name, str(place), "weight")))] = factor.view(-1, 1, 1, 1)
    return factors
