"""AFC: several proxies per class, and features held fast as far as the old network's loss depends on them.

Kang et al., "Class-Incremental Learning by Knowledge Distillation with Adaptive Feature Consolidation", CVPR 2022, with
two modalities as in the code of AV-CIL (Pian et al., ICCV 2023).

Paper says: the classifier and NCA loss of PODNet; the change of each feature map weighted by how much the loss can
    change with it.
Published code does: NCA + λ_disc·sqrt(s + 1)·L_disc, λ_disc = .5; exemplars by herding, shuffled among the new clips;
    classes by the classifier (LSC) or by the nearest class mean (NME). Old proxies are frozen, those of new classes
    start at the centres of a K-means. Importance comes from the NCA loss of a copy made after growing and before that
    start, so that random proxies take part in it; η begins again at 1 in every step; and see `mmlib.losses.nca`.
We do: the same, with each slip behind a switch: `nca_form`, `random_importance`, and the network's `keep_scale`. With
    IEMF, which does not run AFC, unimodal heads are linear and get cross-entropy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from mmlib.continual.importance import consolidated, feature_importance
from mmlib.continual.methods.base import Features, Method, frozen_copy
from mmlib.continual.proxies import imprinted_proxies
from mmlib.data.randomness import mix
from mmlib.losses.feature_consolidation import feature_discrepancy
from mmlib.losses.nca import nca_loss
from mmlib.models.incremental import IncrementalAudioVisual, IncrementalOutput


class AFC(Method):
    """AFC with the scores of its classifier (LSC); see `Method`."""

    training = "mixed"
    keeps = "herding"
    distils = True
    classifier = "local_similarity"

    def begin(
        self, model: IncrementalAudioVisual, teacher: IncrementalAudioVisual | None, features: Features
    ) -> IncrementalAudioVisual:
        """Place the new proxies; the teacher is a copy with proxies for the new classes too, whose labels it meets.

        Raises `UsageError` for a new class with fewer clips than proxies.
        """
        step, random = self.step, self.options.random_importance
        if random:
            teacher = frozen_copy(model)
        old = model.classifier.old_proxies
        seed = mix(self.options.seed, "proxies", step.number)
        model.classifier.imprint(
            imprinted_proxies(*features(model), range(step.old, step.seen), old.shape[1], old, seed)
        )
        self.teacher = teacher if random else frozen_copy(model)
        return self.teacher

    def losses(self, output: IncrementalOutput, old_output: IncrementalOutput | None, batch: Any) -> dict[str, Tensor]:
        losses = {"nca": self._nca(output, batch.targets)}
        if old_output is not None:
            importance = feature_importance(self.teacher, old_output, lambda again: self._nca(again, batch.targets))
            changed = feature_discrepancy(consolidated(output), consolidated(old_output), importance)
            losses["consolidation"] = self.options.consolidation_weight * math.sqrt(self.step.number + 1) * changed
        return losses

    def _nca(self, output: IncrementalOutput, targets: Tensor) -> Tensor:
        return nca_loss(output.logits, targets, output.scale, self.options.margin, self.options.nca_form)

    def score_losses(
        self, logits: Tensor, targets: Tensor, old_logits: Tensor | None, taught: Sequence[bool] | None = None
    ) -> dict[str, Tensor]:
        """Of unimodal heads."""
        return {"cross_entropy": F.cross_entropy(logits.float(), targets)}

    def scores(self, output: IncrementalOutput) -> Tensor:
        return output.scale * output.logits


class AFCMeans(AFC):
    """AFC with nearest class means (NME)."""

    nearest_mean = True
