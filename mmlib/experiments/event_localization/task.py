"""Event localisation as the training loop sees it: losses, both discrepancy ratios, metrics of a split."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmlib.collectives import all_reduce_sum, batch_variance
from mmlib.data.loading import Batch
from mmlib.errors import NonFiniteLossError
from mmlib.experiments.event_localization.parameters import Parameters
from mmlib.experiments.predictions import collect_outputs, zeta_statistics
from mmlib.losses.segment_similarity import Targets, segment_similarity
from mmlib.losses.soft_margin import soft_margin_of_softmax
from mmlib.metrics.classification import confusion_matrix, log_softmax
from mmlib.metrics.localisation import boundary_errors, clip_accuracy, localisation_metrics
from mmlib.models.segments import SegmentNetwork, SegmentOutput
from mmlib.modulation.ratios import decoupled_scores, score_ratio, zeta_scores
from mmlib.training import Evaluation, Group


class Localisation:
    """Losses and measures for clips of `classes` classes, the last being background."""

    def __init__(self, model: SegmentNetwork, parameters: Parameters, classes: int) -> None:
        self.model, self.parameters, self.classes = model, parameters, classes
        self.background = classes - 1
        self.similarity_targets = Targets(parameters.avps_target, self.background)

    def losses(self, output: SegmentOutput, batch: Batch) -> dict[str, Tensor]:
        if self.parameters.supervision == "weak":
            return {"clips": self.classification(output.clip_scores.float(), batch.extra["clip_target"])}
        logits = output.logits.float()
        if self.parameters.loss == "mlsm_softmax":
            loss = soft_margin_of_softmax(logits, F.one_hot(batch.targets, self.classes).float())
        else:
            loss = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
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
        return F.cross_entropy(scores, target)

    def observables(self, output: SegmentOutput, batch: Batch) -> dict[str, Any]:
        unimodal = {modality: logits.float() for modality, logits in self.model.unimodal_logits(output).items()}
        targets = batch.targets
        if self.parameters.ratio_segments == "event":
            targets = targets.masked_fill(targets == self.background, -1)  # left out of the ratio
        return {"unimodal_logits": unimodal, "zeta": output.zeta, "targets": targets}

    def trace(self, output: SegmentOutput, batch: Batch, observed: dict[str, Any]) -> dict[str, Tensor]:
        """Both ratios on the same forward pass, whichever drives the update; see classification's."""
        hits = (output.logits.argmax(dim=-1) == batch.targets).float().mean()
        scores = decoupled_scores(observed["unimodal_logits"], observed["targets"])
        sums = [scores["visual"], scores["audio"]]
        unknown = hits.new_full((), torch.nan)
        values = {"train/accuracy": hits, "rho_zeta": unknown, "zeta_mean": unknown, "zeta_variance": unknown}
        if output.zeta is not None:
            zeta = output.zeta.float()
            values |= {"zeta_mean": zeta.mean(), "zeta_variance": batch_variance(zeta.flatten(0, -2)).mean()}
            sums += zeta_scores(zeta, self.parameters.zeta_ratio)
        sums = all_reduce_sum(torch.stack(sums)).unbind()
        values["rho_decoupled"] = score_ratio(sums[0], sums[1])
        if output.zeta is not None:
            values["rho_zeta"] = score_ratio(sums[2], sums[3])
        values["r"] = unknown if output.r is None else output.r
        return values

    def evaluate(self, model: SegmentNetwork, loader: Iterable[Batch], group: Group) -> Evaluation:
        """Metrics of one split and what figures draw: labels, attention and affinity, confusion of segments."""
        rows = collect_outputs(model, loader, group, _named(model))
        logits, true = rows["logits"], rows["targets"]
        if not np.isfinite(logits).all():
            raise NonFiniteLossError(
                f"the model's outputs are not finite for {int((~np.isfinite(logits)).any(axis=(1, 2)).sum())} of "
                f"{len(logits)} evaluated clips. Lower learning_rate, or use precision = 'fp32'."
            )
        predicted = logits.argmax(axis=2)
        metrics = localisation_metrics(predicted, true, self.background)
        errors = boundary_errors(predicted, true, self.background)
        metrics |= {"onset_error": errors.onset, "offset_error": errors.offset}
        scores = log_softmax(logits.reshape(-1, self.classes))
        metrics["clip_category"] = self.clip_category(np.exp(scores).reshape(logits.shape), true)
        metrics["loss"] = float(-np.take_along_axis(scores, true.reshape(-1, 1), axis=1).mean())
        for modality in ("audio", "visual"):
            metrics[f"accuracy_{modality}"] = float((rows[f"logits_{modality}"].argmax(axis=2) == true).mean())
        metrics["accuracy_disjoint"] = accuracy_disjoint(predicted, true, loader)
        arrays = {"predicted": predicted.astype(np.int16), "targets": true, "index": rows["index"]}
        arrays |= {name: rows[name].astype(np.float16) for name in ("attention", "shares", "affinity") if name in rows}
        arrays["confusion"] = confusion_matrix(predicted.ravel(), true.ravel(), self.classes)
        if "zeta" in rows:
            arrays |= zeta_statistics(rows["zeta"])
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


def _named(model: SegmentNetwork) -> Callable[[SegmentOutput], dict[str, Tensor]]:
    """What is kept of an output, by name: logits, attention, logits of each modality alone, ζ, PSP's affinity."""

    def named(output: SegmentOutput) -> dict[str, Tensor]:
        alone = {f"logits_{modality}": logits for modality, logits in model.unimodal_logits(output).items()}
        kept = {"logits": output.logits, "attention": output.attention} | alone
        more = {"zeta": output.zeta, "shares": output.shares, "affinity": output.affinity}
        return kept | {name: value for name, value in more.items() if value is not None}

    return named
