"""Several loaders in one step, such as new data and exemplars."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from mmlib.data.batch import Batch
from mmlib.data.loader import BatchLoader
from mmlib.errors import ParameterError

SOURCE = "source"  # name of the tensor in a joint batch's `extra` that says which loader a row comes from

_LENGTHS = {"first": lambda steps: steps[0], "longest": max, "shortest": min}


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

    def mean(self, name: str, each: Tensor) -> Tensor:
        """Mean of values `each` (B_name,) over the rows of one part, 0-d, as a loss of the joint batch.

        A process's losses count by its share of the joint batch. A part may be shared out in other proportions, so that
        a plain mean over the rows here would not add up to the mean over the rows of all processes; this one does.
        """
        return each.sum() * (self.size / (len(self) * self[name].size))

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
        with _as_they_are(next(iter(self.parts.values())).index.device.type):
            return {name: torch.cat([values[name] for values in parts.values()]) for name in parts[first]}

    inputs = property(lambda self: self._joined.inputs)
    targets = property(lambda self: self._joined.targets)
    index = property(lambda self: self._joined.index)
    extra = property(lambda self: self._joined.extra)
    keep = property(lambda self: self._joined.keep)
    weight = property(lambda self: self._joined.weight)


def _as_they_are(device: str) -> contextlib.AbstractContextManager:
    """Without autocast, which in bfloat16 refuses to concatenate float16, in which tokens are stored."""
    if torch.amp.is_autocast_available(device):
        return torch.autocast(device, enabled=False)
    return contextlib.nullcontext()


class JointLoader:
    """One batch of every loader in each step, as a `JointBatch`: `JointLoader({"new": new, "exemplars": exemplars})`.

    `length`: steps of an epoch, those of the first loader, of the longest or of the shortest; a loader with fewer
    begins anew, in another order, as often as it takes, and in the next epoch all begin at their start. Each part is
    what its loader alone would give, cut over the processes in the same way. `joint["exemplars"]` is a loader, whose
    plan may be replaced. Raises `ParameterError` for loaders without batches, of one seed, or of different processes.
    """

    def __init__(
        self, loaders: Mapping[str, BatchLoader], length: Literal["first", "longest", "shortest"] = "first"
    ) -> None:
        if not loaders or length not in _LENGTHS:
            raise ParameterError(
                f"{len(loaders)} loaders, length {length!r}: give one or more, and one of {list(_LENGTHS)}."
            )
        if len({(loader.rank, loader.world_size) for loader in loaders.values()}) > 1:
            raise ParameterError("the loaders of one step have different ranks or numbers of processes.")
        if len({loader.seed for loader in loaders.values()}) < len(loaders):
            raise ParameterError(
                "loaders of one step have the same seed, so their rows would get the same noise and crops. Give each "
                "its own, such as mix(seed, name)."
            )
        empty = next((name for name, loader in loaders.items() if not len(loader)), None)
        if empty is not None:
            raise ParameterError(f"loader {empty!r} has no batches. Leave it out, or give it samples.")
        self.loaders, self.length = dict(loaders), length

    def __getitem__(self, name: str) -> BatchLoader:
        return self.loaders[name]

    def set_epoch(self, epoch: int) -> None:
        for loader in self.loaders.values():
            loader.set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        return {name: loader.state_dict() for name, loader in self.loaders.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name, loader in self.loaders.items():
            loader.load_state_dict(state[name])

    def __len__(self) -> int:
        return _LENGTHS[self.length]([len(loader) for loader in self.loaders.values()])

    def __iter__(self) -> Iterator[JointBatch]:
        steps = len(self)
        streams = [loader.batches(steps) for loader in self.loaders.values()]
        for batches in zip(*streams, strict=True):
            yield JointBatch(dict(zip(self.loaders, batches, strict=True)))


def _ones(part: Batch, dtype: torch.dtype) -> Tensor:
    return torch.ones(len(part), dtype=dtype, device=part.index.device)
