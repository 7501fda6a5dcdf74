"""Which clips are remembered after a step, and classes told by the nearest mean of what is remembered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmlib.continual.herding import herd
from mmlib.continual.memory import ExemplarMemory
from mmlib.continual.methods import Step
from mmlib.continual.nearest_mean import class_means, mean_distances
from mmlib.experiments.continual.clips import Clips, StepLoaders
from mmlib.experiments.predictions import collect_outputs
from mmlib.models.incremental import IncrementalAudioVisual


@dataclass(frozen=True)
class Herding:
    """Draws exemplars with the features of a network.

    `repeats`: chosen clips stay among the candidates. `padding`: a class with fewer exemplars than its share counts
    zero vectors for the rest in its mean. Both as published, both off in a clean run.
    """

    loaders: StepLoaders
    repeats: bool = False
    padding: bool = False

    @property
    def clips(self) -> Clips:
        return self.loaders.clips

    @property
    def step(self) -> Step:
        return self.loaders.step

    def features(self, model: IncrementalAudioVisual, rows: np.ndarray) -> Tensor:
        """Fused features (n, C) of training rows, which may repeat, at length 1, on the CPU; in evaluation mode."""
        model.eval()
        distinct, places = np.unique(rows, return_inverse=True)
        found = collect_outputs(
            model, self.loaders.in_order("train", distinct), self.loaders.group, lambda output: {"f": output.fused}
        )
        return F.normalize(torch.from_numpy(found["f"]), dim=1)[torch.from_numpy(places)]

    def draw(self, model: IncrementalAudioVisual, memory: ExemplarMemory) -> ExemplarMemory:
        """The memory with exemplars of this step's classes, all shrunk to the share of the classes seen."""
        new = self.clips.new(self.step.number)
        features = self.features(model, new).numpy()
        share = memory.share(self.step.seen)
        place = {int(row): number for number, row in enumerate(new)}
        ranked = {}
        for label, rows in self.clips.by_class(new).items():
            of_class = features[[place[int(row)] for row in rows]]
            ranked[label] = rows[herd(of_class, share, repeats=self.repeats)]
        drawn = memory.copy()
        drawn.hold(ranked, self.step.seen)
        return drawn

    def means(self, model: IncrementalAudioVisual, memory: ExemplarMemory) -> Tensor:
        """Mean feature of each unit's exemplars, (seen, C)."""
        units = torch.from_numpy(self.clips.tasks.units[memory.labels])
        count = memory.share(self.step.seen) if self.padding else None
        return class_means(self.features(model, memory.rows), units, self.step.seen, count=count)


class NearestMean:
    """The classifier of one epoch: exemplars drawn with the network as it is then, and their means."""

    def __init__(self, herding: Herding, memory: ExemplarMemory) -> None:
        self.herding, self.memory = herding, memory
        self.drawn: ExemplarMemory | None = None
        self.means: Tensor | None = None

    def forget(self) -> None:
        """The network is about to change."""
        self.drawn = self.means = None

    def predict(self, model: IncrementalAudioVisual, features: np.ndarray) -> np.ndarray:
        """Unit (N,) of the nearest mean, of fused features (N, C)."""
        if self.means is None:
            self.drawn = self.herding.draw(model, self.memory)
            self.means = self.herding.means(model, self.drawn)
        return mean_distances(torch.from_numpy(features), self.means).argmin(dim=1).numpy()
