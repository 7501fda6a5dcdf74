"""What a class-incremental method says of itself; the experiment (`mmlib.experiments.continual`) does the rest.

A method names the clips that a step trains on, what is kept of them, and how classes are told apart, and gives the
losses of a batch from what the network and its teacher, the network of the step before, make of it. One object serves
one step. Targets, scores and slices count in units of the growing head (`Tasks.units`).
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor

from mmlib.continual.tasks import Tasks
from mmlib.losses.contrastive import TEMPERATURE as CONTRAST_TEMPERATURE
from mmlib.losses.contrastive import ClassAverage
from mmlib.losses.distillation import TEMPERATURE
from mmlib.losses.nca import MARGIN, NCAForm
from mmlib.models.incremental import ClassifierName, IncrementalAudioVisual, IncrementalOutput

Training = Literal["new", "joint", "mixed", "all"]
"""Clips of a step: the new ones; a batch of new ones and one of exemplars at a time; both shuffled together; all data
of the classes seen so far."""
Keeps = Literal["nothing", "random", "herding"]
"""Exemplars of a class: none, drawn at random, or those whose mean stays closest to the mean of the class."""
Features = Callable[[IncrementalAudioVisual], tuple[Tensor, Tensor]]
"""Fused features (N, C) that a network makes of the new clips, and their targets (N,)."""


@dataclass(frozen=True)
class MethodOptions:
    """What can be set about the methods; the defaults are the paper's or clean, never a slip of published code."""

    temperature: float = TEMPERATURE
    """T of the distillation by task (LwF, SS-IL, AV-CIL)."""
    double_sigmoid: bool = False
    """iCaRL: σ(σ(new)) in the distillation, as published code."""
    contrast_temperature: float = CONTRAST_TEMPERATURE
    """AV-CIL: τ of both contrastive losses."""
    instance_weight: float = 0.5
    """AV-CIL: λ_I, of the contrast of clips; published .5 on AVE, .1 on the others; IEMF runs .1."""
    class_weight: float = 1.0
    """AV-CIL: λ_C, of the contrast of classes."""
    class_average: ClassAverage = "pairs"
    """AV-CIL: over all pairs, to which the published weights belong, or over each row's positives (paper)."""
    attention_distillation: bool = True
    """AV-CIL: keep the attention on exemplars; IEMF runs without."""
    attention_balance: float = 0.5
    """AV-CIL: λ, share of the spatial attention."""
    attention_factor: float = 1.0
    """AV-CIL: factor on the attention's distillation, a sum over channels and steps: 1 belongs to 768 and 8."""
    nca_form: NCAForm = "paper"
    """AFC: margin on the true class, or the loss of published code, in which it has no effect."""
    margin: float = MARGIN
    """AFC: δ."""
    consolidation_weight: float = 0.5
    """AFC: λ_disc, times sqrt(s + 1)."""
    random_importance: bool = False
    """AFC: the importance of features is that of a network with random proxies for the new classes, as published."""
    seed: int = 0
    """AFC: of the K-means that places new proxies."""


@dataclass(frozen=True)
class Step:
    """Step `number`, from 0, of a sequence of tasks."""

    tasks: Tasks
    number: int

    @property
    def first(self) -> bool:
        return self.number == 0

    @property
    def old(self) -> int:
        """L, classes from before this step; the new ones' units begin here."""
        return self.tasks.old(self.number)

    @property
    def seen(self) -> int:
        """Classes up to and including this step."""
        return self.tasks.seen(self.number)

    @property
    def old_boundaries(self) -> tuple[int, ...]:
        return self.tasks.old_boundaries(self.number)


class Method(ABC):
    """One method in one step.

    Class attributes: `training`, `keeps` see above; `distils`: whether there is a teacher; `fresh`: each step begins
    with a new network; `nearest_mean`: classes are told by the nearest mean of exemplars, else by the highest score;
    `classifier` of the network.
    """

    training: ClassVar[Training] = "new"
    keeps: ClassVar[Keeps] = "nothing"
    distils: ClassVar[bool] = False
    fresh: ClassVar[bool] = False
    nearest_mean: ClassVar[bool] = False
    classifier: ClassVar[ClassifierName] = "linear"

    def __init__(self, step: Step, options: MethodOptions | None = None) -> None:
        self.step, self.options = step, options or MethodOptions()

    # What a method says.

    @abstractmethod
    def score_losses(
        self, logits: Tensor, targets: Tensor, old_logits: Tensor | None, taught: Sequence[bool] | None = None
    ) -> dict[str, Tensor]:
        """Losses of class scores, 0-d by name; IEMF adds them for the scores of each unimodal head.

        Args:
            logits: (B, seen) scores.
            targets: (B,).
            old_logits: (B, old) of the teacher; None where there is none.
            taught: which old tasks the teacher knows; None for all. The others are not distilled.
        """

    def losses(self, output: IncrementalOutput, old_output: IncrementalOutput | None, batch: Any) -> dict[str, Tensor]:
        """Losses of a batch, 0-d means over its samples by name; `old_output` is the teacher's, None without one.

        `batch` is a `Batch`, or with `training = "joint"` a `JointBatch` of the parts `new` and `exemplars`.
        """
        old_logits = None if old_output is None else old_output.logits
        return self.score_losses(output.logits, batch.targets, old_logits)

    def attention_rows(self, batch: Any) -> slice | None:
        """Rows of a batch whose attention the losses need."""
        return None

    def scores(self, output: IncrementalOutput) -> Tensor:
        """(B, seen) scores whose softmax IEMF takes for probabilities."""
        return output.logits

    # How a step begins.

    def begin(
        self, model: IncrementalAudioVisual, teacher: IncrementalAudioVisual | None, features: Features
    ) -> IncrementalAudioVisual | None:
        """Prepare the grown network of a later step, and return the teacher, which may be another than the one given.

        Args:
            model: to be trained, with the weights of the step before.
            teacher: the network of the step before, frozen; None for a method without one.
            features: of the new clips.
        """
        return teacher


def frozen(model: IncrementalAudioVisual) -> IncrementalAudioVisual:
    """The network itself as a teacher: in evaluation mode, without gradients."""
    return model.eval().requires_grad_(False)


def frozen_copy(model: IncrementalAudioVisual) -> IncrementalAudioVisual:
    """A teacher with the weights that the network has now."""
    return frozen(copy.deepcopy(model))
