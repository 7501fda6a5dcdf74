"""Classification as the training loop sees it: cross-entropy, a forced correlation, metrics of a split."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlib.data.batch import Batch
from mmlib.experiments.classification.spiking import spiking_arrays, spiking_metrics
from mmlib.experiments.classification.valuation import Valuation, measure_contributions
from mmlib.experiments.multimodal_task import MultimodalTask
from mmlib.fusion import FusionOutput
from mmlib.fusion.modalities import in_order
from mmlib.losses.cross_entropy import cross_entropy
from mmlib.losses.forcing import ForcedCorrelation
from mmlib.losses.lfm import LFM
from mmlib.losses.unimodal import unimodal_losses
from mmlib.metrics.classification import classification_metrics, confusion_matrix
from mmlib.models import MultimodalClassifier
from mmlib.models.operations import ActivityMeter, is_spiking
from mmlib.training import Evaluation, Group
from mmlib.valuation.subsets import subset_predictions


class Classification(MultimodalTask):
    """Cross-entropy on the fused logits, and losses of unimodal heads, an alignment or a forced correlation where there
    are any.

    `zeta_reduce` says how the traced ζ ratio is formed (batch or sample); `label_smoothing` acts in training only;
    `unimodal_weight` weighs the heads' losses; `lfm` adds the alignment and weighs all but the forced correlation;
    `valuation` values training samples after an epoch, and every evaluated split says what its contributions are.
    """

    accuracy = "top1"

    def __init__(
        self,
        model: MultimodalClassifier,
        zeta_reduce: str = "batch",
        forcing: ForcedCorrelation | None = None,
        *,
        lfm: LFM | None = None,
        label_smoothing: float = 0.0,
        unimodal_weight: float = 1.0,
        valuation: Valuation | None = None,
    ):
        super().__init__(model, zeta_reduce)
        self.forcing, self.lfm, self.valuation = forcing, lfm, valuation
        self.label_smoothing, self.unimodal_weight = label_smoothing, unimodal_weight

    def losses(self, output: FusionOutput, batch: Batch) -> dict[str, Tensor]:
        logits, smoothing = output.logits.float(), self.label_smoothing
        losses = {"cross_entropy": cross_entropy(logits, batch.targets, batch.weight, label_smoothing=smoothing)}
        if output.head_logits is not None:
            each = partial(F.cross_entropy, reduction="none", label_smoothing=smoothing)
            options = {"weight": self.unimodal_weight, "criterion": each, "rows": batch.weight}
            losses |= unimodal_losses(output, batch.targets, **options)
        if self.lfm is not None:
            losses = self.lfm(losses, output, batch.weight)
        return losses if self.forcing is None else losses | {"forcing": self.forcing(*signals(output))}

    def start_epoch(self, epoch: int) -> None:
        """Tell LFM and the valuation the epoch."""
        for part in (self.lfm, self.valuation):
            if part is not None:
                part.start_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """What the checkpoint keeps of the task: the critics of a forced correlation, the contributions so far."""
        critics = {} if self.forcing is None else self.forcing.state_dict()
        return critics if self.valuation is None else {**critics, "valuation": self.valuation.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        state = dict(state)
        if self.valuation is not None:
            self.valuation.load_state_dict(state.pop("valuation"))
        if self.forcing is not None:
            self.forcing.load_state_dict(state)

    def trace(self, output: FusionOutput, batch: Batch, observed: dict[str, Any]) -> dict[str, Tensor]:
        """`MultimodalTask.trace`, and `hgr`, the correlation that a forcing loss acts on."""
        values = super().trace(output, batch, observed)
        return values if self.forcing is None else values | {"hgr": self.forcing.value}

    def evaluate(self, model: nn.Module, loader: Iterable[Batch], group: Group) -> Evaluation:
        """`MultimodalTask.evaluate`; of our SNN also firing rates and operations. Training samples are valued."""
        if self.valuation is not None and loader is self.valuation.loader:
            return self.valuation.after_epoch(self.model)
        if not is_spiking(self.model):
            return super().evaluate(model, loader, group)
        with ActivityMeter(self.model.encoders) as meter:
            found = super().evaluate(model, loader, group)
        activities = meter.activities()
        return Evaluation(found.metrics | spiking_metrics(activities), found.arrays | spiking_arrays(activities))

    def kept(self, output: FusionOutput) -> dict[str, Tensor]:
        """Predictions of every subset of the modalities, where samples are valued."""
        return {} if self.valuation is None else {"subsets": subset_predictions(self.model.fusion, output)}

    def measure(self, outputs: dict[str, np.ndarray], loader: Iterable[Batch]) -> Evaluation:
        """Fused top1, map, macro_f1 and loss; logits (N, K) and confusion (K, K); contributions where valued."""
        logits, targets = outputs["logits"], outputs["targets"]
        confusion = confusion_matrix(logits.argmax(axis=1), targets, logits.shape[1])
        found = Evaluation(classification_metrics(logits, targets), {"logits": logits, "confusion": confusion})
        if self.valuation is None:
            return found
        given = measure_contributions(outputs, self.valuation.modalities, loader)
        return Evaluation(found.metrics | given.metrics, found.arrays | given.arrays)


def signals(output: FusionOutput) -> tuple[Tensor, Tensor]:
    """The two signals whose correlation is meant, visual before audio, (B, C) each: X1 and X2 of Eq. 4.

    Where no channel holds something of both (concatenation pads them apart), the encoders' features instead.
    """
    first, second = in_order(output.terms)
    features = output.features[first], output.features[second]
    padded = sum(feature.shape[-1] for feature in features)
    width = output.terms[first].shape[-1]
    if width != features[0].shape[-1] and width == padded:
        return features
    return output.terms[first], output.terms[second]


@torch.no_grad()
def collect_signals(model: MultimodalClassifier, loader: Iterable[Batch]) -> tuple[Tensor, Tensor]:
    """`signals` of every sample that the loader yields, (N, C) each, in its order, in evaluation mode."""
    device = next(model.parameters()).device
    model.eval()
    pairs = [signals(model(batch.to(device).inputs)) for batch in loader if len(batch)]
    visual, audio = zip(*pairs, strict=True)
    return torch.cat(visual).float(), torch.cat(audio).float()
