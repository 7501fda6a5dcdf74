"""One step of a run: built from what the step before handed over, and what it hands to the next.

Handed over are plain values and tensors, so that a checkpoint holds them and a killed run goes on inside any step: the
chosen weights, from which the next step makes its network and its teacher; the exemplar memory; which tasks the
unimodal heads have learned; and what was held after each step so far.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmlib.continual.memory import ExemplarMemory
from mmlib.continual.methods import Step, build_method
from mmlib.continual.methods.base import frozen_copy
from mmlib.errors import ParameterError
from mmlib.experiments.base import DataFacts, Setup
from mmlib.experiments.building import iemf_notes, optimizer_and_schedule
from mmlib.experiments.continual.building import attach_iemf, build_model, has_heads, method_options
from mmlib.experiments.continual.clips import Clips, StepLoaders
from mmlib.experiments.continual.exemplars import Herding, NearestMean
from mmlib.experiments.continual.parameters import Parameters
from mmlib.experiments.continual.task import IncrementalLearning, UnimodalLearning
from mmlib.models.incremental import IncrementalAudioVisual
from mmlib.training import Carried, Group, StageOutcome


@dataclass
class StepData:
    """For the run's arrays: its clips, whether all data are kept, the protocol whose networks went on from step to
    step, and the memory's state after each earlier step.
    """

    clips: Clips
    keeps_all: bool
    protocol: str
    held: list[dict[str, Any] | None] = field(default_factory=list)


class StepOfRun:
    """Builds step `number`; see `mmlib.experiments.base.Experiment.stage` for the other arguments."""

    def __init__(
        self,
        parameters: Parameters,
        clips: Clips,
        number: int,
        device: torch.device,
        group: Group,
        carried: Carried,
    ) -> None:
        self.parameters, self.clips, self.device = parameters, clips, device
        self.step = Step(clips.tasks, number)
        self.method = build_method(parameters.method, self.step, method_options(parameters))
        self.loaders = StepLoaders(parameters, clips, self.step, device, group)
        self.herding = Herding(self.loaders, parameters.herding_repeats, parameters.herding_padding)
        self.protocol = {"validation": "clean", "last": "last"}[parameters.goes_on]
        self._check()
        self.weights = carried.get("weights")
        self.memory = self._memory(carried)
        self.taught: list[bool] = carried.get("taught", [])
        self.held: list[dict[str, Any] | None] = carried.get("held", [])

    def _check(self) -> None:
        """Say at the first step what would fail at a later one. Raises `ParameterError`."""
        if not self.step.first:
            return
        tasks, parameters = self.clips.tasks, self.parameters
        if self.method.keeps != "nothing" and parameters.memory_size < tasks.num_classes:
            raise ParameterError(
                f"memory_size = {parameters.memory_size} cannot hold an exemplar of each of {tasks.num_classes} "
                f"classes: give it at least {tasks.num_classes}."
            )
        if self.method.classifier == "local_similarity" and len(tasks) > 1:
            later = np.bincount(self.clips.splits["train"].targets)[tasks.seen(0) :]  # clips of each class
            if parameters.afc_proxies > later.min():
                name = self.clips.splits["train"].classes[tasks.arrival[tasks.seen(0) + int(later.argmin())]]
                raise ParameterError(
                    f"afc_proxies = {parameters.afc_proxies} proxies of a class start at the centres of as many "
                    f"clusters of its clips, and {name!r} has {later.min()} training clips: give at most {later.min()}."
                )

    def _memory(self, carried: Carried) -> ExemplarMemory | None:
        """What is remembered when the step begins, empty before the first; None where the method keeps nothing."""
        if self.method.keeps == "nothing":
            return None
        if self.step.first:
            return ExemplarMemory(self.parameters.memory_size, self.parameters.seed)
        return ExemplarMemory.from_state(carried["memory"])

    def setup(self) -> Setup:
        parameters = self.parameters
        self.model, teacher = self.networks()
        by_means = self.method.nearest_mean
        task = IncrementalLearning(
            self.model,
            teacher,
            self.method,
            nearest_mean=NearestMean(self.herding, self.memory) if by_means else None,
            unimodal=self.unimodal_learning(),
            scored=parameters.iemf_scores if parameters.iemf else None,
        )
        optimizer, scheduler = optimizer_and_schedule(parameters, self.model, apart=self.model.mixing_parameters())
        return Setup(
            model=self.model,
            task=task,
            loaders={"train": self.loaders.train(self.method, self.memory), **self.loaders.evaluation()},
            facts=self.facts(),
            optimizer=optimizer,
            scheduler=scheduler,
            modulations=[attach_iemf(parameters, self.model, optimizer, self.step.number)] if parameters.iemf else [],
            keep_weights_of=self.protocol,
            hand_over=self.hand_over,
            data=StepData(self.clips, self.method.training == "all", self.protocol, self.held),
            notes=self.notes(),
        )

    def networks(self) -> tuple[IncrementalAudioVisual, IncrementalAudioVisual | None]:
        """The network to be trained and the teacher, on the device."""
        shapes, method, step = self.clips.splits["train"].input_shapes, self.method, self.step
        if step.first or method.fresh:
            return build_model(self.parameters, shapes, step.seen, method.classifier).to(self.device), None
        model = build_model(self.parameters, shapes, step.old, method.classifier)
        model.load_state_dict(self.weights)
        model = model.to(self.device)
        teacher = frozen_copy(model) if method.distils else None
        model.grow(step.seen - step.old)
        return model, method.begin(model, teacher, self.new_features)

    def new_features(self, model: IncrementalAudioVisual) -> tuple[Tensor, Tensor]:
        """Of the new clips, for methods that look at them before they train: features (n, C), targets (n,)."""
        rows = self.clips.new(self.step.number)
        return self.herding.features(model, rows), torch.from_numpy(self.clips.splits["train"].targets[rows])

    def unimodal_learning(self) -> UnimodalLearning | None:
        """The losses of unimodal heads, None without IEMF."""
        parameters = self.parameters
        if not has_heads(parameters):
            return None
        taught = None if parameters.iemf_untrained_heads else self.taught
        return UnimodalLearning(parameters.iemf_start, parameters.iemf_end, parameters.unimodal_weight, taught)

    def facts(self) -> DataFacts:
        """Clips and classes of the step: new ones to train on, exemplars beside them, all seen to evaluate on."""
        train, number = self.clips.splits["train"], self.step.number
        everything = self.method.training == "all"
        rows = {"train": self.clips.seen("train", number) if everything else self.clips.new(number)}
        rows |= {split: self.clips.seen(split, number) for split in ("validation", "test")}
        splits = {split: len(found) for split, found in rows.items()}
        coverage = {split: len(np.unique(self.clips.splits[split].targets[found])) for split, found in rows.items()}
        if self.memory is not None:
            splits["exemplars"], coverage["exemplars"] = len(self.memory), len(self.memory.held)
        return DataFacts(splits, coverage, train.prepared.origin)

    def notes(self) -> list[str]:
        """What a record must say of these choices in words."""
        parameters, said = self.parameters, []
        if parameters.goes_on == "last":
            said.append("the networks of the last epochs went on from step to step: read protocol last")
        if parameters.iemf and parameters.iemf_start >= parameters.epochs:
            said.append("IEMF's window begins after the last epoch of a step: nothing was modulated")
        return said + iemf_notes(parameters)

    def hand_over(self, outcome: StageOutcome) -> Carried:
        """What the next step is built from."""
        memory = None if self.memory is None else self.remember(outcome).state_dict()
        chosen = outcome.selector.epoch_of(self.protocol) - outcome.first_epoch
        learned = has_heads(self.parameters) and chosen >= self.parameters.iemf_start
        return {
            "weights": {} if self.method.fresh else outcome.weights,
            "memory": memory,
            "taught": [*self.taught, learned],
            "held": [*self.held, memory],
        }

    def remember(self, outcome: StageOutcome) -> ExemplarMemory:
        """The memory with this step's classes: a random draw, the draw of the chosen epoch, or one by the chosen
        network.
        """
        if self.method.keeps == "random":
            drawn = self.memory.copy()
            drawn.hold_random(self.clips.by_class(self.clips.new(self.step.number)), self.step.seen)
            return drawn
        if self.method.nearest_mean:
            arrays = outcome.selector.result(self.protocol)["validation"].arrays
            return drawn_memory(self.memory, arrays)
        self.model.load_state_dict(outcome.weights)
        return self.herding.draw(self.model, self.memory)


def drawn_memory(memory: ExemplarMemory, arrays: dict[str, np.ndarray]) -> ExemplarMemory:
    """The memory of an epoch's draw, from the arrays of its evaluation."""
    rows, classes = arrays["exemplars"], arrays["exemplar_classes"]
    order = dict.fromkeys(classes.tolist())
    held = {"classes": list(order), "rows": [rows[classes == label].tolist() for label in order]}
    return ExemplarMemory.from_state({**memory.state_dict(), **held})
