"""The loss around trained weights, on a plane through them that two random directions span.

Li et al., "Visualizing the loss landscape of neural nets", NeurIPS 2018 (section 4): directions are Gaussian, and each
    filter of a direction is rescaled to the norm of the same filter of the weights, so that the planes of two networks
    can be compared: a step of 1 is as long as the weights themselves. Biases and the weights of norms do not move.
IEMF shows such planes of two training methods. The program that drew them for two modalities is not published, so
    neither grid nor data are known.
We do: 21 x 21 points over [-1, 1]²; plain cross-entropy, without label smoothing or any other loss, on a fixed subset
    of a split. A filter is a slice along a parameter's first axis (of a linear layer: the weights of one output).
    Parameters of one axis or none, and buffers, stay. Batch norms use the statistics of training at every point, which
    fit the weights in the middle only; with `norms="estimated"` they are measured anew at each point, on the same
    samples, before the loss is. Directions are drawn on the CPU from a seed and nothing else: two networks of equal
    shapes get the same draws, each scaled to its own filters.

Torch is loaded here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlib.data.batch import Batch
from mmlib.data.dataset import MultimodalDataset
from mmlib.errors import ParameterError
from mmlib.models.folding import fold_norms

Norms = Literal["trained", "estimated"]
SIZE, EXTENT, SAMPLES = 21, 1.0, 256
BATCH = 128  # samples evaluated at a time: memory does not grow with the subset


@dataclass(frozen=True)
class Landscape:
    """`loss[i, j]` is the mean cross-entropy (nats) at weights + places[i] * first + places[j] * second direction."""

    loss: np.ndarray
    """(n, n) float64."""
    places: np.ndarray
    """(n,) from -extent to extent; 0 in the middle where n is odd."""
    samples: int
    seed: int = 0
    norms: Norms = "trained"

    @property
    def centre(self) -> float | None:
        """The loss at the trained weights, in the middle; None where the grid leaves it out (an even n)."""
        middle = len(self.places) // 2
        return float(self.loss[middle, middle]) if len(self.places) % 2 else None

    def share_below(self, level: float) -> float:
        """Share of the grid whose loss is at most `level`: how wide the valley is at that height."""
        return float((self.loss <= level).mean())


def fixed_subset(dataset: MultimodalDataset, samples: int = SAMPLES, batch_size: int = BATCH) -> list[Batch]:
    """At most `samples` rows of a split, evenly spaced, in batches; the same ones every time, without augmentation of
    an evaluation split.
    """
    wanted = np.unique(np.linspace(0, len(dataset) - 1, min(samples, len(dataset))).round().astype(int))
    return [dataset[wanted[start : start + batch_size]] for start in range(0, len(wanted), batch_size)]


def random_direction(model: nn.Module, generator: torch.Generator) -> dict[str, Tensor]:
    """A Gaussian direction in weight space, by parameter name, filter by filter as long as the weights.

    Parameters of fewer than two axes are left out: they do not move. `generator` is on the CPU.
    """
    direction = {}
    for name, parameter in model.named_parameters():
        if parameter.dim() < 2:
            continue
        drawn = torch.randn(parameter.shape, generator=generator).flatten(1)  # (filters, weights of one)
        weights = parameter.detach().to("cpu", torch.float32).flatten(1)
        scale = weights.norm(dim=1, keepdim=True) / drawn.norm(dim=1, keepdim=True).clamp(min=1e-10)
        direction[name] = torch.empty_like(parameter.detach()).copy_((drawn * scale).view(parameter.shape))
    return direction


def loss_landscape(
    model: nn.Module,
    batches: Sequence[Batch],
    *,
    size: int = SIZE,
    extent: float = EXTENT,
    seed: int = 0,
    norms: Norms = "trained",
    advance: Callable[[int], Any] | None = None,
) -> Landscape:
    """The loss on a grid around the weights of `model`, which stays as it is.

    Args:
        model: takes a batch's `inputs` and gives an output with `logits` (B, K), as `MultimodalClassifier` does; on any
            device.
        batches: the samples, on any device; a copy of all of them lies on the model's while it works.
        size, extent: points along each axis, from -extent to extent.
        seed: of the two directions.
        norms: statistics of batch norms, those of training or measured anew at every point (twice the work).
        advance: told after each point that one more is done, as `mmlib.data.progress.Progress.advance` wants it.

    Raises `ParameterError` for settings out of range or a model without weights that could move.
    """
    if size < 1 or not extent > 0 or norms not in get_args(Norms) or not batches:
        raise ParameterError(
            f"a landscape needs size >= 1, extent > 0, norms one of {', '.join(map(repr, get_args(Norms)))} and at "
            f"least one batch; got size {size}, extent {extent}, norms {norms!r}, {len(batches)} batches."
        )
    # Channels last: small convolutions take half the time on a CPU, and frames are not copied in every pass.
    twin = copy.deepcopy(model).eval().to(memory_format=torch.channels_last)
    device = next(twin.parameters(), torch.empty(0)).device
    batches = [_channels_last(batch.to(device)) for batch in batches]
    generator = torch.Generator().manual_seed(seed)
    first, second = random_direction(twin, generator), random_direction(twin, generator)
    if not first:
        raise ParameterError("the model has no parameter of two axes or more, so there is no direction to go.")
    if norms == "trained":
        for name, factor in fold_norms(twin).items():  # a quarter of the time less
            for direction in (first, second):
                direction[name].mul_(factor)
    moved = {name: parameter for name, parameter in twin.named_parameters() if name in first}
    start = [parameter.detach().clone() for parameter in moved.values()]
    places = np.linspace(-extent, extent, size)
    loss = np.empty((size, size))
    with torch.inference_mode():
        for i, one in enumerate(places):
            row = torch._foreach_add(start, list(first.values()), alpha=float(one))
            for j, other in enumerate(places):
                values = torch._foreach_add(row, list(second.values()), alpha=float(other))
                torch._foreach_copy_(list(moved.values()), values)
                if norms == "estimated":
                    estimate_norms(twin, batches)
                loss[i, j] = mean_cross_entropy(twin, batches)
                if advance is not None:
                    advance(1)
    return Landscape(loss, places, sum(map(len, batches)), seed, norms)


def _channels_last(batch: Batch) -> Batch:
    """The same batch with pictures (B, C, H, W) and frames (B, C, T, H, W) stored with their channels last."""
    inputs = {
        name: x.movedim(1, -1).contiguous().movedim(-1, 1) if x.dim() in (4, 5) else x
        for name, x in batch.inputs.items()
    }
    return replace(batch, inputs=inputs)


@torch.inference_mode()
def mean_cross_entropy(model: nn.Module, batches: Sequence[Batch]) -> float:
    """Mean cross-entropy over all samples, in the mode the model is in."""
    device = next(model.parameters()).device
    total = torch.zeros((), dtype=torch.float64, device=device)
    for batch in batches:
        batch = batch.to(device, non_blocking=True)
        total += F.cross_entropy(model(batch.inputs).logits.float(), batch.targets, reduction="sum")
    return float(total) / sum(map(len, batches))


@torch.inference_mode()
def estimate_norms(model: nn.Module, batches: Sequence[Batch]) -> None:
    """Replace the statistics of all batch norms by those of these samples: the mean over batches of each one's."""
    device = next(model.parameters()).device
    with _measuring_norms(model):
        for batch in batches:
            model(batch.to(device, non_blocking=True).inputs)


@contextmanager
def _measuring_norms(model: nn.Module) -> Iterator[None]:
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    before = [(norm.training, norm.momentum) for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.train()
        norm.momentum = None  # the plain mean of all batches
    try:
        yield
    finally:
        for norm, (training, momentum) in zip(norms, before, strict=True):
            norm.training, norm.momentum = training, momentum
