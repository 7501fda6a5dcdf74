"""The clips of a sequence of tasks: which ones a step trains on and is evaluated on, and the loaders that give them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmlib.continual.memory import ExemplarMemory
from mmlib.continual.methods import Method, Step
from mmlib.continual.tasks import Tasks
from mmlib.data import registry
from mmlib.data.assembly import build_views
from mmlib.data.dataset import MultimodalDataset
from mmlib.data.joint import JointLoader
from mmlib.data.loader import BatchLoader
from mmlib.data.prepared import SPLITS, open_prepared
from mmlib.data.randomness import Draws, mix
from mmlib.data.sampling import SamplingPlan
from mmlib.data.splits import in_memory
from mmlib.data.views import FeatureView, View
from mmlib.errors import DataError
from mmlib.experiments.continual.parameters import Parameters
from mmlib.experiments.loaders import loader_workers
from mmlib.training import Group

CACHE_BYTES = 256 << 20  # computed inputs kept per split: at full shape a split does not fit, and is read as it is used
EVALUATED = 128  # clips at a time, as published


@dataclass(frozen=True)
class Clips:
    """All clips by split, whose targets are units of the growing head; rows are positions within a split."""

    tasks: Tasks
    splits: dict[str, MultimodalDataset]

    def new(self, number: int) -> np.ndarray:
        """Training rows of the classes that arrive in a step."""
        train = self.splits["train"]
        return np.flatnonzero(self.tasks.new_rows(train.column("label"), number))

    def seen(self, split: str, number: int) -> np.ndarray:
        """Rows of a split of all classes that have arrived."""
        return np.flatnonzero(self.tasks.seen_rows(self.splits[split].column("label"), number))

    def by_class(self, rows: np.ndarray) -> dict[int, np.ndarray]:
        """Training rows by class id, in the order of the ids."""
        labels = self.splits["train"].column("label")[rows]
        return {int(label): rows[labels == label] for label in np.unique(labels)}

    @property
    def clip_bytes(self) -> int:
        """What one clip takes in the number formats of the prepared arrays."""
        train = self.splits["train"]
        sizes = {name: math.prod(shape) for name, shape in train.input_shapes.items()}
        return sum(size * train.prepared.arrays[name].itemsize for name, size in sizes.items())


def load_clips(parameters: Parameters) -> Clips:
    """The clips of the prepared data. Raises `DataError` where tasks do not name every class, a task lacks clips of a
    split, or a class training clips; one without validation or test clips has no accuracy of its own.
    """
    prepared = in_memory(open_prepared(Path(registry.prepare_for(parameters))))
    if "tasks" not in prepared.manifest["source"]:
        raise DataError(
            f"{prepared.folder} says nothing of tasks. Prepare it again with a list of class ids for each step in its "
            "source, as 'tasks'."
        )
    tasks = Tasks.of(prepared.manifest["source"]["tasks"])
    if tasks.num_classes != len(prepared.classes):
        raise DataError(
            f"{prepared.folder}: its tasks hold {tasks.num_classes} classes, it has {len(prepared.classes)}. Prepare "
            "it again with every class in one task."
        )
    units = tasks.units[prepared.labels]
    untaught = sorted(set(range(tasks.num_classes)) - set(prepared.labels[prepared.rows("train")].tolist()))
    splits = {}
    for split in SPLITS:
        rows = prepared.rows(split)
        absent = sorted(set(range(len(tasks))) - set(tasks.task_of[prepared.labels[rows]].tolist()))
        if absent:
            raise DataError(
                f"{prepared.folder}: split {split} has no clip of task {absent[0]}. Prepare it again with clips of "
                "every task in train, validation and test."
            )
        if split == "train" and untaught:
            raise DataError(
                f"{prepared.folder}: split train has no clip of class {prepared.classes[untaught[0]]!r}, so nothing "
                "could be learned or remembered of it. Prepare it again without that class, or with clips of it."
            )
        views = build_views(prepared, parameters, split == "train")
        tokens = FeatureView(prepared.arrays["visual"], as_stored=True)
        views["visual"] = MeanToken(tokens) if parameters.visual_tokens == "mean" else tokens
        splits[split] = MultimodalDataset(prepared, rows, views, split=split, targets=units, cache_bytes=CACHE_BYTES)
    return Clips(tasks, splits)


class MeanToken:
    """A view of the mean over all tokens (n, T, P, C) of a clip, (n, C) float32."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.random = view.random

    def __call__(self, rows: np.ndarray, draws: Draws | None) -> Tensor:
        return self.view(rows, draws).float().mean(dim=(1, 2))


class Listed:
    """The same list in every epoch (`mmlib.data.sampling.Sampler`)."""

    def __init__(self, plan: SamplingPlan) -> None:
        self._plan = plan

    def plan(self, epoch: int) -> SamplingPlan:
        return self._plan


class CycledPlan(SamplingPlan):
    """A list that, where an epoch outlasts it, begins anew in the same order, as published exemplar loaders do."""

    def order(self, seed: int, epoch: int, turn: int = 0) -> np.ndarray:
        return super().order(seed, epoch)


class StepLoaders:
    """The loaders of one step."""

    def __init__(self, parameters: Parameters, clips: Clips, step: Step, device: torch.device, group: Group) -> None:
        self.parameters, self.clips, self.step, self.device, self.group = parameters, clips, step, device, group

    def train(self, method: Method, memory: ExemplarMemory | None) -> BatchLoader | JointLoader:
        """What a step trains on, by the method's `training`."""
        number, sizes = self.step.number, self.parameters
        new = self.clips.new(number)
        if method.training == "all":
            return self._shuffled("new", self.clips.seen("train", number), sizes.batch_size)
        if method.training == "new" or not memory:  # none is kept, or none yet
            return self._shuffled("new", new, sizes.batch_size)
        if method.training == "mixed":
            return self._shuffled("new", np.concatenate([new, memory.rows]), sizes.batch_size)
        cycled = sizes.exemplar_order == "cycled"
        exemplars = self._shuffled("exemplars", memory.rows, sizes.exemplar_batch_size, cycled=cycled)
        return JointLoader({"new": self._shuffled("new", new, sizes.batch_size), "exemplars": exemplars}, "first")

    def evaluation(self) -> dict[str, BatchLoader]:
        """Validation and test clips of all classes seen."""
        number = self.step.number
        workers = loader_workers(self.parameters, self.device, self.group)
        return {
            split: self.in_order(split, self.clips.seen(split, number), workers) for split in ("validation", "test")
        }

    def in_order(self, split: str, rows: Iterable[int], workers: int = 0) -> BatchLoader:
        """These clips of a split, for a look at them without training."""
        plan = SamplingPlan(np.asarray(rows, dtype=np.int64), shuffle=False)
        return self._loader(split, plan, EVALUATED, 0, workers=workers)

    def _shuffled(self, name: str, rows: np.ndarray, batch_size: int, cycled: bool = False) -> BatchLoader:
        plan = (CycledPlan if cycled else SamplingPlan)(rows)
        seed = mix(self.parameters.seed, name, self.step.number)
        workers = loader_workers(self.parameters, self.device, self.group)
        options = {"training": True, "drop_last": self.parameters.drop_last, "workers": workers}
        return self._loader("train", plan, min(batch_size, len(rows)), seed, **options)

    def _loader(self, split: str, plan: SamplingPlan, batch_size: int, seed: int, **options: bool | int) -> BatchLoader:
        return BatchLoader(
            self.clips.splits[split],
            batch_size=batch_size,
            shuffle=plan.shuffle,
            sampler=Listed(plan),
            seed=seed,
            rank=self.group.rank,
            world_size=self.group.size,
            pin_memory=self.device.type == "cuda",
            **options,
        )
