"""Face-voice association as the training loop sees it: identities in training, pairs in evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmlib.collectives import batch_variance
from mmlib.data.loading import Batch
from mmlib.data.voxceleb.pairs import MatchingList, PairList
from mmlib.errors import NonFiniteLossError, UsageError
from mmlib.losses.orthogonal_projection import orthogonal_projection
from mmlib.metrics.verification import auc, eer, fop_compat
from mmlib.models.fop import FOP, FOPOutput, verification_distance
from mmlib.training import Evaluation, Group


class FaceVoice:
    """Cross-entropy over identities plus the weighted orthogonality constraint; evaluation is verification."""

    def __init__(self, orthogonality: float = 1.0, negative_weight: float = 0.7):
        self.orthogonality, self.negative_weight = orthogonality, negative_weight

    def losses(self, output: FOPOutput, batch: Batch) -> dict[str, Tensor]:
        losses = {"cross_entropy": F.cross_entropy(output.logits.float(), batch.targets)}
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
        unknown = hits.new_full((), torch.nan)
        zeta = output.zeta
        values["zeta_mean"] = unknown if zeta is None else zeta.float().mean()
        values["zeta_sd"] = unknown if zeta is None else batch_variance(zeta.float()).mean().sqrt()
        values["r"] = unknown if output.r is None else output.r
        return values

    def evaluate(self, model: FOP, pairs: PairList, group: Group) -> Evaluation:
        """`eer`, `auc` (exact) and `eer_fop`, `auc_fop` (FOP's evaluator) of one list, measured by every process."""
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
    exact = {"eer": eer(distances, same), "auc": auc(distances, same)}
    try:
        published = fop_compat(distances, same)
    except UsageError:  # a list too short or too uneven for ten folds is no reason to lose a run
        return exact | {"eer_fop": None, "auc_fop": None}
    return exact | {"eer_fop": published.eer, "auc_fop": published.auc}
