"""Question answering as the training loop sees it: the answer's loss and those beside it, and measures of a split."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmlib.data.batch import Batch
from mmlib.errors import UsageError
from mmlib.experiments.multimodal_task import MultimodalTask
from mmlib.losses.match import match_accuracy, match_loss
from mmlib.losses.unimodal import unimodal_losses
from mmlib.metrics.question_answering import question_metrics
from mmlib.models.avqa import AVQA, AVQAOutput
from mmlib.training import Evaluation

ATTENTION = "attention_"


class QuestionTask(MultimodalTask):
    """`answer`, the cross-entropy; `match`, that of right and wrong pairs of sound and picture (AVST); and
    `unimodal_<modality>` of heads.

    Args:
        model: the network.
        match_weight: of the loss of pairs.
        unimodal_weight: of each head's loss.
    """

    accuracy = "top1"
    rows = "questions"

    def __init__(self, model: AVQA, *, match_weight: float = 0.5, unimodal_weight: float = 1.0) -> None:
        super().__init__(model)
        self.match_weight, self.unimodal_weight = match_weight, unimodal_weight

    def losses(self, output: AVQAOutput, batch: Batch) -> dict[str, Tensor]:
        if batch.weight is not None or batch.keep:
            raise UsageError(
                "question answering knows no weights of samples and no dropped modalities: leave them out."
            )
        losses = {"answer": F.cross_entropy(output.logits.float(), batch.targets)}
        if output.match is not None:
            losses["match"] = self.match_weight * match_loss(output.match)
        if output.head_logits is not None:
            losses |= unimodal_losses(output, batch.targets, weight=self.unimodal_weight)
        return losses

    def trace(self, output: AVQAOutput, batch: Batch, observed: dict[str, Any]) -> dict[str, Tensor]:
        """`train/top1`, and where pairs are told apart `train/match_accuracy`."""
        values = {"train/top1": (output.logits.argmax(dim=1) == batch.targets).float().mean()}
        return values if output.match is None else values | {"train/match_accuracy": match_accuracy(output.match)}

    def kept(self, output: AVQAOutput) -> dict[str, Tensor]:
        return {ATTENTION + name: weights for name, weights in output.attention.items()}

    def measure(self, outputs: dict[str, np.ndarray], loader: Iterable[Batch]) -> Evaluation:
        """Accuracies as `question_metrics` has them, and the loss, nats.

        Of the test split also arrays: `logits` (N, K), and by modality `attention_<modality>` (N, T), the weights of
        seconds, half precision.
        """
        logits, targets, dataset = outputs["logits"], outputs["targets"], loader.dataset
        right = logits.argmax(axis=1) == targets
        metrics = question_metrics(right, dataset.column("modality"), dataset.column("type"))
        metrics["loss"] = float(F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(targets)))
        arrays = {}
        if dataset.split == "test":
            seen = {name: values for name, values in outputs.items() if name.startswith(ATTENTION)}
            arrays = {"logits": logits} | {name: values.astype(np.float16) for name, values in seen.items()}
        return Evaluation(metrics, arrays)
