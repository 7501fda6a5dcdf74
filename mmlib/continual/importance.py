"""How much an earlier network's loss depends on each of its features: the importance of AFC.

See `mmlib.losses.feature_consolidation`. In published code the earlier network is copied after its head has grown and
before new proxies are imprinted, so that random proxies of the new classes take part in its loss; which network is
given here is the method's choice.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mmlib.losses.feature_consolidation import importance_weights
from mmlib.models.incremental import IncrementalAudioVisual, IncrementalOutput


def consolidated(output: IncrementalOutput) -> dict[str, Tensor]:
    """The features that AFC keeps: pooled visual tokens, f_a and f_v, each (B, C_x)."""
    return {"pooled": output.pooled, **output.features}


@torch.enable_grad()
def feature_importance(
    model: IncrementalAudioVisual, output: IncrementalOutput, loss: Callable[[IncrementalOutput], Tensor]
) -> dict[str, Tensor]:
    """I_x of each feature of `consolidated`, (B,) by name; they add up to 1 in each sample.

    Args:
        model: the earlier network; its parameters get no gradient.
        output: of a pass of it, with or without gradient: what follows the pooling is done again here.
        loss: of such an output, 0-d, a mean over the batch.
    """
    audio, pooled = output.features["audio"].detach(), output.pooled.detach()
    again = model.classify(audio.requires_grad_(), pooled.requires_grad_())
    features = consolidated(again)
    gradients = torch.autograd.grad(loss(again), list(features.values()))
    return importance_weights(dict(zip(features, gradients, strict=True)))
