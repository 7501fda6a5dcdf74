"""The one training loop of the workbook, for every task and every modulation.

`Trainer` (loop.py) knows nothing about what is learned: a `Task` (task.py) gives the loss, what a modulation may
observe, the values to trace at every step, and the evaluation of a split. Around it: checkpoints that resume
bit-identically, protocols that select an epoch, history and progress files, and `torchrun` support.
"""

from mmlib.training.distributed import Group, process_group
from mmlib.training.loop import Outcome, Trainer, TrainingSettings
from mmlib.training.selection import Protocol
from mmlib.training.task import Evaluation, Task

__all__ = ["Evaluation", "Group", "Outcome", "Protocol", "Task", "Trainer", "TrainingSettings", "process_group"]
