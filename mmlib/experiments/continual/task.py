"""One step of class-incremental learning as the training loop sees it: the method's losses, IEMF's beside them, and
how well all classes seen so far are told apart.

IEMF in a later step (He et al., 2025, published code): scores are of the new clips alone, with the softmax inside the
slice of the new classes; the method's losses of class scores are added for both unimodal heads, inside the window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlib.continual.methods import Method, Step
from mmlib.data.batch import Batch
from mmlib.data.joint import JointBatch
from mmlib.data.loader import BatchLoader
from mmlib.experiments.continual.exemplars import NearestMean
from mmlib.experiments.multimodal_task import check_finite
from mmlib.experiments.predictions import collect_outputs
from mmlib.metrics.classification import confusion_matrix
from mmlib.models.incremental import IncrementalAudioVisual, IncrementalOutput
from mmlib.modulation.iemf import ScoreSource
from mmlib.training import Evaluation, Group


@dataclass(frozen=True)
class UnimodalLearning:
    """The losses of unimodal heads: in which epochs of a step, with which weight.

    `taught`: of which old tasks the teacher's heads have learned anything; None for all.
    """

    first: int
    last: int
    weight: float = 1.0
    taught: Sequence[bool] | None = None

    def active(self, epoch: int) -> bool:
        return self.first <= epoch <= self.last


class IncrementalLearning:
    """Losses and measures of one step.

    Args:
        model, teacher: the network in training, and the frozen one of the step before, where the method has one.
        method: of this step.
        nearest_mean: how classes are told where the method does so by exemplars.
        unimodal: the heads' losses; None without them.
        scored: by what IEMF scores the modalities, their heads or their share of the fused score; None without IEMF.
    """

    def __init__(
        self,
        model: IncrementalAudioVisual,
        teacher: IncrementalAudioVisual | None,
        method: Method,
        *,
        nearest_mean: NearestMean | None = None,
        unimodal: UnimodalLearning | None = None,
        scored: ScoreSource | None = None,
    ) -> None:
        self.model, self.teacher, self.method = model, teacher, method
        self.nearest_mean, self.unimodal, self.scored = nearest_mean, unimodal, scored
        self.start_epoch(0)

    @property
    def step(self) -> Step:
        return self.method.step

    @property
    def first_scored(self) -> int:
        """The unit with which the classes begin that IEMF scores: the new ones, all where the network is new."""
        return 0 if self.method.fresh else self.step.old

    def start_epoch(self, epoch: int) -> None:
        """Heads are part of the pass only where a loss trains them: elsewhere no optimiser may move them."""
        active = self.unimodal is not None and self.unimodal.active(epoch)
        for network in (self.model, self.teacher):
            if network is not None:
                network.heads_active = active
        if self.nearest_mean is not None:
            self.nearest_mean.forget()

    def model_options(self, batch: Batch | JointBatch) -> dict[str, Any]:
        """Which rows' attention the losses need."""
        rows = self.method.attention_rows(batch)
        return {} if rows is None else {"attention_of": rows}

    def losses(self, output: IncrementalOutput, batch: Batch | JointBatch) -> dict[str, Tensor]:
        old = None
        if self.teacher is not None:
            with torch.no_grad():
                old = self.teacher(batch.inputs, **self.model_options(batch))
        losses = self.method.losses(output, old, batch)
        for modality, logits in (output.head_logits or {}).items():
            old_logits = None if old is None or old.head_logits is None else old.head_logits[modality]
            if old_logits is not None:
                old_logits = old_logits[:, : self.step.old]
            found = self.method.score_losses(logits, batch.targets, old_logits, self.unimodal.taught)
            losses |= {f"{name}_{modality}": self.unimodal.weight * loss for name, loss in found.items()}
        return losses

    def observables(self, output: IncrementalOutput, batch: Batch | JointBatch) -> dict[str, Any]:
        """Scores of the classes that IEMF scores, targets counted from the first of them: below 0, not counted."""
        if self.scored is None:
            return {}
        first, heads = self.first_scored, self.scored == "heads"
        if not heads:
            alone = self.model.unimodal_logits(output)
        else:
            alone = output.head_logits or self.model.unimodal_heads(output.features)  # outside their window, for r
        return {
            "fused_logits": self.method.scores(output)[:, first:],
            "head_logits" if heads else "unimodal_logits": {m: logits[:, first:] for m, logits in alone.items()},
            "targets": batch.targets - first,
        }

    def trace(
        self, output: IncrementalOutput, batch: Batch | JointBatch, observed: dict[str, Any]
    ) -> dict[str, Tensor]:
        """`train/top1`, by the scores."""
        return {"train/top1": (output.logits.argmax(dim=1) == batch.targets).float().mean()}

    def evaluate(self, model: nn.Module, loader: BatchLoader, group: Group) -> Evaluation:
        """`top1` among all classes seen, and the loss of a linear classifier.

        Of the test split also `predicted` (N,) and `confusion` (K, K); with nearest means of the others what those were
        made of, `exemplars` (n,) training rows and `exemplar_classes` (n,): checkpoints hold these arrays for every
        step. Raises `NonFiniteLossError` for outputs that are not finite.
        """
        found = collect_outputs(model, loader, group, self._kept)
        check_finite(found["logits"], "clips")
        targets = found["targets"]
        arrays: dict[str, np.ndarray] = {}
        if self.nearest_mean is None:
            predicted = found["logits"].argmax(axis=1)
        else:
            predicted = self.nearest_mean.predict(model, found["fused"])
        if loader.dataset.split == "test":
            arrays["predicted"] = predicted.astype(np.int32)
            arrays["confusion"] = confusion_matrix(predicted, targets, self.step.seen).astype(np.int32)
        elif self.nearest_mean is not None:
            drawn = self.nearest_mean.drawn
            arrays |= {"exemplars": drawn.rows, "exemplar_classes": drawn.labels}
        linear = isinstance(model.classifier, nn.Linear)
        loss = F.cross_entropy(torch.from_numpy(found["logits"]), torch.from_numpy(targets)) if linear else None
        metrics = {"top1": float((predicted == targets).mean()), "loss": None if loss is None else float(loss)}
        return Evaluation(metrics, arrays)

    def _kept(self, output: IncrementalOutput) -> dict[str, Tensor]:
        return {"logits": output.logits} | ({} if self.nearest_mean is None else {"fused": output.fused})
