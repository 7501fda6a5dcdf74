"""What a step trains on: one batch, or several of named loaders together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from mmlib.errors import ParameterError

SOURCE = "source"  # name of the tensor in a joint batch's `extra` that says which loader a row comes from


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
    """

    inputs: dict[str, Tensor]
    targets: Tensor
    index: Tensor
    size: int = 0
    extra: dict[str, Tensor] = field(default_factory=dict)
    keep: dict[str, Tensor] = field(default_factory=dict)
    weight: Tensor | None = None

    def __post_init__(self) -> None:
        self.size = self.size or len(self.targets)

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        return self._with(lambda value: value.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        return self._with(Tensor.pin_memory)

    def _with(self, change: Callable[[Tensor], Tensor]) -> Batch:
        inputs, extra, keep = (
            {name: change(value) for name, value in values.items()} for values in (self.inputs, self.extra, self.keep)
        )
        weight = None if self.weight is None else change(self.weight)
        targets, index = change(self.targets), change(self.index)
        return replace(self, inputs=inputs, targets=targets, index=index, extra=extra, keep=keep, weight=weight)


@dataclass
class JointBatch:
    """Batches of several loaders for one step, by name: `batch["exemplars"]`.

    It can be used as the one `Batch` that `joined` gives: `inputs`, `targets`, `index`, `extra`, `keep`, `weight`,
    `len` and `size` are that batch's, so a model and a task made for a `Batch` take it as it is. `rows(name)` are the
    rows of one loader, in what a model makes of the inputs too. Nothing is concatenated before it is asked for: move
    the batch first.
    """

    parts: dict[str, Batch]

    def __getitem__(self, name: str) -> Batch:
        return self.parts[name]

    def __len__(self) -> int:
        return sum(map(len, self.parts.values()))

    @property
    def size(self) -> int:
        """Samples over all parts and processes."""
        return sum(part.size for part in self.parts.values())

    def rows(self, name: str) -> slice:
        """Where the rows of a part lie in the joined batch."""
        start = 0
        for other, part in self.parts.items():
            if other == name:
                return slice(start, start + len(part))
            start += len(part)
        raise KeyError(name)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> JointBatch:
        return JointBatch({name: part.to(device, non_blocking) for name, part in self.parts.items()})

    def pin_memory(self) -> JointBatch:
        return JointBatch({name: part.pin_memory() for name, part in self.parts.items()})

    def joined(self) -> Batch:
        """All parts as one batch, one after the other in the order of the loaders.

        `extra["source"]` (B,) int64 numbers the loader of each row; of the other extra tensors those remain that every
        part has. Without `keep` or `weight` a part counts as kept, with weight 1. `index` stays within each part's own
        dataset. Raises `ParameterError` where the parts do not fit together.
        """
        return self._joined

    @cached_property
    def _joined(self) -> Batch:
        parts = list(self.parts.values())
        inputs = self._cat({name: part.inputs for name, part in self.parts.items()}, "inputs")
        targets = self._cat({name: {"targets": part.targets} for name, part in self.parts.items()}, "targets")[
            "targets"
        ]
        common = [name for name in parts[0].extra if all(name in part.extra for part in parts)]
        extra = {name: torch.cat([part.extra[name] for part in parts]) for name in common}
        extra[SOURCE] = torch.cat([torch.full_like(part.index, number) for number, part in enumerate(parts)])
        dropped = dict.fromkeys(name for part in parts for name in part.keep)
        keep = {name: torch.cat([part.keep.get(name, _ones(part, torch.bool)) for part in parts]) for name in dropped}
        weight = None
        if any(part.weight is not None for part in parts):
            weights = [_ones(part, torch.float32) if part.weight is None else part.weight for part in parts]
            weight = torch.cat(weights)
        index = torch.cat([part.index for part in parts])
        return Batch(inputs, targets, index, self.size, extra, keep, weight)

    def _cat(self, parts: Mapping[str, Mapping[str, Tensor]], what: str) -> dict[str, Tensor]:
        """Tensors of the same names, one sample of each alike in every part, concatenated."""
        alike = {
            part: {name: (value.dtype, tuple(value.shape[1:])) for name, value in values.items()}
            for part, values in parts.items()
        }
        first, *others = alike
        for other in others:
            if alike[other] != alike[first]:
                raise ParameterError(
                    f"the {what} of loaders {first!r} and {other!r} cannot be joined: {alike[first]} and "
                    f"{alike[other]}. Give one step loaders of data seen alike, or use the parts one by one."
                )
        return {name: torch.cat([values[name] for values in parts.values()]) for name in parts[first]}

    inputs = property(lambda self: self._joined.inputs)
    targets = property(lambda self: self._joined.targets)
    index = property(lambda self: self._joined.index)
    extra = property(lambda self: self._joined.extra)
    keep = property(lambda self: self._joined.keep)
    weight = property(lambda self: self._joined.weight)


def _ones(part: Batch, dtype: torch.dtype) -> Tensor:
    return torch.ones(len(part), dtype=dtype, device=part.index.device)
