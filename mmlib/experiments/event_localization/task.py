"""Event localisation as the training loop sees it: losses, the segments that count, metrics of a split."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from mmlib.data.batch import Batch
from mmlib.errors import UsageError
from mmlib.experiments.event_localization.parameters import Parameters
from mmlib.experiments.multimodal_task import MultimodalTask
from mmlib.losses.cross_entropy import cross_entropy
from mmlib.losses.segment_similarity import Targets, segment_similarity
from mmlib.losses.soft_margin import soft_margin_of_softmax
from mmlib.metrics.classification import confusion_matrix, log_softmax
from mmlib.metrics.localisation import boundary_errors, clip_accuracy, localisation_metrics
from mmlib.models.segments import SegmentNetwork, SegmentOutput
from mmlib.training import Evaluation


class Localisation(MultimodalTask):
    """Losses and measures for clips of `classes` classes, the last being background."""

    accuracy = "accuracy"
    rows = "clips"

    def __init__(self, model: SegmentNetwork, parameters: Parameters, classes: int) -> None:
        super().__init__(model, parameters.zeta_ratio)
        self.parameters, self.classes = parameters, classes
        self.background = classes - 1
        self.similarity_targets = Targets(parameters.avps_target, self.background)

    def losses(self, output: SegmentOutput, batch: Batch) -> dict[str, Tensor]:
        if batch.weight is not None:
            raise UsageError("event localisation knows no weights of clips; leave them out of the sampling plan.")
        if self.parameters.supervision == "weak":
            return {"clips": self.classification(output.clip_scores.float(), batch.extra["clip_target"])}
        logits = output.logits.float()
        if self.parameters.loss == "mlsm_softmax":
            loss = soft_margin_of_softmax(logits, F.one_hot(batch.targets, self.classes).float())
        else:
            loss = cross_entropy(logits, batch.targets, label_smoothing=self.parameters.label_smoothing)
        losses = {"segments": loss}
        if output.similarity is not None and self.parameters.similarity_weight:
            agreement = segment_similarity(output.similarity.float(), self.similarity_targets(batch.targets))
            losses["similarity"] = self.parameters.similarity_weight * agreement
        return losses

    def classification(self, scores: Tensor, target: Tensor) -> Tensor:
        """Loss of clip scores (B, K) against targets (B, K) in [0, 1]."""
        if self.parameters.loss == "mlsm_softmax":
            return soft_margin_of_softmax(scores, target)
        if self.parameters.loss == "bce":
            return F.binary_cross_entropy(scores.softmax(-1), target)
        return F.cross_entropy(scores, target, label_smoothing=self.parameters.label_smoothing)

    def state_dict(self) -> dict[str, Any]:
        """What the checkpoint keeps of the task: what earlier batches left in the targets of the pair similarity."""
        return {"similarity_targets": self.similarity_targets.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.similarity_targets.load_state_dict(state.get("similarity_targets", {}))

    def counted(self, batch: Batch) -> Tensor:
        """Targets (B, T) of the ratios; background counts unless `ratio_segments` is `event`."""
        if self.parameters.ratio_segments == "event":
            return batch.targets.masked_fill(batch.targets == self.background, -1)
        return batch.targets

    def kept(self, output: SegmentOutput) -> dict[str, Tensor]:
        """Attention and PSP's shares and affinity, where there are any."""
        more = {"attention": output.attention, "shares": output.shares, "affinity": output.affinity}
        return {name: value for name, value in more.items() if value is not None}

    def measure(self, outputs: dict[str, np.ndarray], loader: Iterable[Batch]) -> Evaluation:
        """Metrics of one split and what figures draw: labels, attention and affinity, confusion of segments."""
        logits, true = outputs["logits"], outputs["targets"]
        predicted = logits.argmax(axis=2)
        metrics = localisation_metrics(predicted, true, self.background)
        errors = boundary_errors(predicted, true, self.background)
        metrics |= {"onset_error": errors.onset, "offset_error": errors.offset}
        scores = log_softmax(logits.reshape(-1, self.classes))
        metrics["clip_category"] = self.clip_category(np.exp(scores).reshape(logits.shape), true)
        metrics["loss"] = float(-np.take_along_axis(scores, true.reshape(-1, 1), axis=1).mean())
        metrics["accuracy_disjoint"] = accuracy_disjoint(predicted, true, loader)
        arrays = {"predicted": predicted.astype(np.int16)}
        drawn = ("attention", "shares", "affinity")
        arrays |= {name: outputs[name].astype(np.float16) for name in drawn if name in outputs}
        arrays["confusion"] = confusion_matrix(predicted.ravel(), true.ravel(), self.classes)
        return Evaluation(metrics, arrays)

    def clip_category(self, probabilities: np.ndarray, true: np.ndarray) -> float | None:
        """Accuracy of the clip's event, clips without one left out."""
        event = true != self.background
        first = np.take_along_axis(true, event.argmax(axis=1)[:, None], axis=1)[:, 0]
        return clip_accuracy(probabilities, first, self.background)


def accuracy_disjoint(predicted: np.ndarray, true: np.ndarray, loader: Any) -> float | None:
    """Accuracy on the clips whose video is not also in train, where the data know which those are."""
    dataset = getattr(loader, "dataset", None)
    if dataset is None or "leaky" not in dataset.prepared.index:
        return None
    kept = ~dataset.column("leaky").astype(bool)
    return float((predicted == true)[kept].mean()) if kept.any() else None
