"""Training, for every task and every modulation.

A run is a list of stages (stage.py), trained one after another by `StageRunner` (run.py), each by the one training loop
(loop.py), which knows nothing about what is learned: a `Task` (task.py) gives the losses, what a modulation may
observe, the values to trace at every step, and the evaluation of a split; a `Step` (step.py) turns losses into new
weights. Around it: checkpoints that resume bit-identically, protocols that select an epoch, history and progress files,
and `torchrun` support.
"""

from mmlib.training.distributed import Group, process_group
from mmlib.training.loop import TrainingSettings
from mmlib.training.run import Outcome, StageRunner
from mmlib.training.selection import SelectionProtocol
from mmlib.training.stage import Carried, Stage, StageOutcome, StagePlan
from mmlib.training.step import GradientSet, GradientSets, OnePass, Step
from mmlib.training.task import Evaluation, Task

__all__ = [
    "Carried",
    "Evaluation",
    "GradientSet",
    "GradientSets",
    "Group",
    "OnePass",
    "Outcome",
    "SelectionProtocol",
    "Stage",
    "StageOutcome",
    "StagePlan",
    "StageRunner",
    "Step",
    "Task",
    "TrainingSettings",
    "process_group",
]
