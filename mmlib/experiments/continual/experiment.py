"""Class-incremental learning for `mmlib.experiments.base`: one stage per step.

Protocol of AV-CIL and IEMF: step s trains on the classes of task s, starting from the network of the step before that
was best on validation (top-1 among all classes seen), with a grown head and a new optimiser. That network, frozen, is
the teacher; what is remembered of its classes comes with it. After every epoch the test clips of all classes seen are
classified among all of them; the matrix R[step][task] holds what the chosen networks got right.
"""

from __future__ import annotations

import numpy as np
import torch

from mmlib.data.randomness import mix
from mmlib.experiments.base import Conclusion, Experiment, Setup, execute
from mmlib.experiments.continual.clips import Clips, load_clips
from mmlib.experiments.continual.parameters import Parameters
from mmlib.experiments.continual.results import conclude
from mmlib.experiments.continual.step import StepOfRun
from mmlib.experiments.finished import FinishedRun
from mmlib.experiments.protocols import by_name, clean
from mmlib.training import Carried, Group, Outcome
from mmlib.training.determinism import seed_everything


class Continual(Experiment):
    """One run through all steps."""

    module = "mmlib.experiments.continual"
    metrics = ("top1", "loss")
    protocols = by_name(
        clean("top1", "top-1 among all classes seen", whose="published code", then="test at that epoch", floor=0.0),
    )

    def __init__(self) -> None:
        self._clips: Clips | None = None

    def clips(self, parameters: Parameters) -> Clips:
        """The clips, the same in every step: read once."""
        if self._clips is None:
            self._clips = load_clips(parameters.located())
        return self._clips

    def stages(self, parameters: Parameters) -> dict[str, int]:
        """A stage for each task, of the same number of epochs."""
        return {f"step_{number}": parameters.epochs for number in range(len(self.clips(parameters).tasks))}

    def stage(
        self, name: str, parameters: Parameters, device: torch.device, group: Group, carried: Carried | None
    ) -> Setup:
        # New rows of the head and the order of clips are those of the seed, whatever the method drew before.
        seed_everything(mix(parameters.seed, name))
        number = int(name.removeprefix("step_"))
        return StepOfRun(parameters, self.clips(parameters), number, device, group, carried or {}).setup()

    def arrays(self, setup: Setup, outcome: Outcome) -> dict[str, np.ndarray]:
        """`test_targets` (N,) in units of the head, and `unit_class` (K,), the class id of each unit."""
        clips = setup.data.clips
        return {"test_targets": clips.splits["test"].targets, "unit_class": clips.tasks.arrival}

    def conclude(self, parameters: Parameters, setup: Setup, outcome: Outcome, device: torch.device) -> Conclusion:
        """The accuracy matrix and what follows from it, by protocol; what the memory held, clip by clip."""
        return conclude(setup.data, outcome)


def run(parameters: Parameters) -> FinishedRun:
    """Train and evaluate once; write the record's files into the output folder and return the result."""
    return execute(Continual(), parameters)
