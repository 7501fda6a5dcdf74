"""Face-voice association as the training loop sees it: identities in training, pairs in evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmlib.data.batch import Batch
from mmlib.data.voxceleb.pairs import MatchingList, PairList
from mmlib.errors import NonFiniteLossError, UsageError
from mmlib.experiments.multimodal_task import zeta_trace
from mmlib.losses.cross_entropy import cross_entropy
from mmlib.losses.orthogonal_projection import orthogonal_projection
from mmlib.metrics.verification import area, equal_error, fop_compat, roc, verification_rate
from mmlib.models.fop import FOP, FOPOutput, verification_distance
from mmlib.training import Evaluation, Group


class FaceVoice:
    """Cross-entropy over identities plus the weighted orthogonality constraint; evaluation is verification."""

    def __init__(self, orthogonality: float = 1.0, negative_weight: float = 0.7, label_smoothing: float = 0.0):
        self.orthogonality, self.negative_weight = orthogonality, negative_weight
        self.label_smoothing = label_smoothing

    def losses(self, output: FOPOutput, batch: Batch) -> dict[str, Tensor]:
        if batch.weight is not None:
            raise UsageError("the orthogonality constraint is one of pairs; leave weights out of the sampling plan.")
        losses = {
            "cross_entropy": cross_entropy(output.logits.float(), batch.targets, label_smoothing=self.label_smoothing)
        }
        if self.orthogonality:
            constraint = orthogonal_projection(output.fused.float(), batch.targets, self.negative_weight)
            losses["orthogonality"] = self.orthogonality * constraint.loss
        return losses

    def observables(self, output: FOPOutput, batch: Batch) -> dict[str, Any]:
        """Nothing: FOP has no gradient modulation."""
        return {}

    def trace(self, output: FOPOutput, batch: Batch, observed: dict[str, Any]) -> dict[str, Tensor]:
        """Top-1 of identities, cosines within and across identities, and what the gate does.

        `zeta_sd`: root of the mean variance of ζ over the batch; it shows whether the gate still tells samples apart.
        """
        constraint = orthogonal_projection(output.fused.float(), batch.targets, self.negative_weight)
        hits = (output.logits.argmax(dim=1) == batch.targets).float().mean()
        values = {"train/top1": hits, "cosine_same": constraint.same, "cosine_different": constraint.different}
        zeta = zeta_trace(output)
        return values | {"zeta_mean": zeta["zeta_mean"], "zeta_sd": zeta["zeta_variance"].sqrt(), "r": zeta["r"]}

    def evaluate(self, model: FOP, pairs: PairList, group: Group) -> Evaluation:
        """`eer`, `auc`, `vr` (exact) and `eer_fop`, `auc_fop` (FOP's evaluator) of one list, by every process."""
        return Evaluation(pair_metrics(pair_distances(model, pairs), pairs.label))


def pair_distances(model: FOP, pairs: PairList | MatchingList) -> np.ndarray:
    """Squared distance of every pair, in the list's order, float32 (P,)."""
    device = next(model.parameters()).device
    parts = [
        verification_distance(model.embeddings({name: value.to(device) for name, value in inputs.items()}))
        for inputs in pairs.chunks()
    ]
    distances = torch.cat(parts).float().cpu().numpy()
    if not np.isfinite(distances).all():
        raise NonFiniteLossError(
            f"the distances of {int((~np.isfinite(distances)).sum())} of {len(distances)} pairs are not finite. Lower "
            "learning_rate."
        )
    return distances


def pair_metrics(distances: np.ndarray, same: np.ndarray) -> dict[str, float | None]:
    """Exact metrics and FOP's own of one list; those are None where one of its folds holds one kind of pair only."""
    curve = roc(distances, same)
    exact = {"eer": equal_error(curve), "auc": area(curve), "vr": verification_rate(curve)}
    try:
        published = fop_compat(distances, same)
    except UsageError:  # a list too short or too uneven for ten folds is no reason to lose a run
        return exact | {"eer_fop": None, "auc_fop": None}
    return exact | {"eer_fop": published.eer, "auc_fop": published.auc}
