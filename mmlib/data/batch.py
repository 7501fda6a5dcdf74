"""What a step trains on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from mmlib.data.deferred import Deferred


@dataclass
class Batch:
    """One process's part of a batch.

    `inputs`, by modality, float32: audio `(B, 1, F, T)` or features `(B, T, F)`, visual `(B, C, T, H, W)` or
    `(B, T, H, W, C)`, vectors `(B, F)`; or int64: token ids `(B, L)`. Padding is id 0 among tokens and rows of zeros at
    the end of sequences; where the data tell them, lengths are `extra["<modality>_length"]` (B,) int64.
    `targets`: int64 for classes, `(B,)`, or `(B, T)` where every segment has its own; float32 for real values.
    `index` (B,) int64, positions within the dataset, the same one several times where a plan repeats it; `size`:
    samples in the whole batch over all processes (weigh a process's mean loss by `len(batch) * world_size / size` where
    shards differ in length); `extra`: further tensors `(B, ...)` that a task trains with, by name.
    `keep`, by modality, (B,) bool: false where a sample's feature is to be left out; a modality without an entry is
    kept everywhere. `weight` (B,) float32: what each sample's loss is multiplied by before the mean over the batch is
    taken (the sum of weights does not divide, so shards add up); None weighs all by 1.
    `deferred`, by modality: inputs that are computed where the batch is moved to (`to`), and missing until then.
    """

    inputs: dict[str, Tensor]
    targets: Tensor
    index: Tensor
    size: int = 0
    extra: dict[str, Tensor] = field(default_factory=dict)
    keep: dict[str, Tensor] = field(default_factory=dict)
    weight: Tensor | None = None
    deferred: dict[str, Deferred] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.size = self.size or len(self.targets)

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        moved = self.changed(lambda value: value.to(device, non_blocking=non_blocking))
        if not moved.deferred:
            return moved
        return replace(moved, inputs=moved.inputs | {n: v.shown() for n, v in moved.deferred.items()}, deferred={})

    def pin_memory(self) -> Batch:
        return self.changed(Tensor.pin_memory)

    def changed(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The same with every tensor changed, those included that are not computed yet."""
        inputs, extra, keep = (
            {name: change(value) for name, value in values.items()} for values in (self.inputs, self.extra, self.keep)
        )
        weight = None if self.weight is None else change(self.weight)
        deferred = {name: value.moved(change) for name, value in self.deferred.items()}
        changed = {"inputs": inputs, "targets": change(self.targets), "index": change(self.index), "weight": weight}
        return replace(self, **changed, extra=extra, keep=keep, deferred=deferred)
