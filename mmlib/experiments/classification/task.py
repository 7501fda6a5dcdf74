"""Classification as the training loop sees it: cross-entropy, both discrepancy ratios, metrics of a split."""

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
from mmlib.experiments.predictions import collect_outputs, zeta_statistics
from mmlib.fusion import FusionOutput
from mmlib.losses.forcing import ForcedCorrelation
from mmlib.metrics.classification import classification_metrics, confusion_matrix, top1
from mmlib.models import AudioVisualClassifier
from mmlib.modulation.ratios import decoupled_scores, score_ratio, zeta_scores
from mmlib.training import Evaluation, Group


class Classification:
    """Cross-entropy on the fused logits, and the loss that forces a correlation where there is one.

    `zeta_reduce` says how the traced ζ ratio is formed (batch or sample).
    """

    def __init__(
        self, model: AudioVisualClassifier, zeta_reduce: str = "batch", forcing: ForcedCorrelation | None = None
    ):
        self.model = model
        self.zeta_reduce = zeta_reduce
        self.forcing = forcing

    def losses(self, output: FusionOutput, batch: Batch) -> dict[str, Tensor]:
        losses = {"cross_entropy": F.cross_entropy(output.logits.float(), batch.targets)}
        return losses if self.forcing is None else losses | {"forcing": self.forcing(*signals(output))}

    def state_dict(self) -> dict[str, Any]:
        """What the checkpoint keeps of the task: the critics, where a correlation is forced."""
        return {} if self.forcing is None else self.forcing.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self.forcing is not None:
            self.forcing.load_state_dict(state)

    def observables(self, output: FusionOutput, batch: Batch) -> dict[str, Any]:
        unimodal = {modality: logits.float() for modality, logits in self.model.unimodal_logits(output).items()}
        return {"unimodal_logits": unimodal, "zeta": output.zeta, "targets": batch.targets}

    def trace(self, output: FusionOutput, batch: Batch, observed: dict[str, Any]) -> dict[str, Tensor]:
        """Both ratios on the same forward pass, whichever drives the update; summed over processes before dividing.

        `zeta_variance` is the mean over channels of the (biased) variance over the batch, which r is made of; `hgr`
        the correlation that a forcing loss acts on.
        """
        hits = (output.logits.argmax(dim=-1) == batch.targets).float().mean()
        scores = decoupled_scores(observed["unimodal_logits"], batch.targets)
        sums = [scores["visual"], scores["audio"]]
        unknown = hits.new_full((), torch.nan)
        values = {"train/top1": hits, "rho_zeta": unknown, "zeta_mean": unknown, "zeta_variance": unknown}
        if output.zeta is not None:
            zeta = output.zeta.float()
            values |= {"zeta_mean": zeta.mean(), "zeta_variance": batch_variance(zeta.flatten(0, -2)).mean()}
            sums += zeta_scores(zeta, self.zeta_reduce)
        sums = all_reduce_sum(torch.stack(sums)).unbind()
        values["rho_decoupled"] = score_ratio(sums[0], sums[1])
        if output.zeta is not None:
            values["rho_zeta"] = score_ratio(sums[2], sums[3])
        values["r"] = unknown if output.r is None else output.r
        if self.forcing is not None:
            values["hgr"] = self.forcing.value
        return values

    def evaluate(self, model: AudioVisualClassifier, loader: Iterable[Batch], group: Group) -> Evaluation:
        """Metrics of one split: fused top1, map, macro_f1, loss, and top1 of each modality's decoupled logits."""
        rows = collect_outputs(model, loader, group, _named(model))
        targets, logits = rows.pop("targets"), rows.pop("logits")
        if not np.isfinite(logits).all():
            raise NonFiniteLossError(
                f"the model's outputs are not finite for {int((~np.isfinite(logits)).any(axis=1).sum())} of "
                f"{len(logits)} evaluated samples. Lower learning_rate, or use precision = 'fp32'."
            )
        metrics = classification_metrics(logits, targets)
        for modality in ("audio", "visual"):
            metrics[f"top1_{modality}"] = top1(rows[f"logits_{modality}"], targets)
        arrays = {"logits": logits, "targets": targets, "index": rows["index"]}
        arrays["confusion"] = confusion_matrix(logits.argmax(axis=1), targets, logits.shape[1])
        if "zeta" in rows:
            arrays |= zeta_statistics(rows["zeta"])
        return Evaluation(metrics, arrays)


def signals(output: FusionOutput) -> tuple[Tensor, Tensor]:
    """The two signals whose correlation is meant, visual first, (B, C) each: X1 and X2 of Eq. 4.

    Where no channel holds something of both (concatenation pads them apart), the encoders' features instead.
    """
    visual, audio = output.terms["visual"], output.terms["audio"]
    if visual.shape[-1] != output.features["visual"].shape[-1] and visual.shape[-1] == sum(
        feature.shape[-1] for feature in output.features.values()
    ):
        return output.features["visual"], output.features["audio"]
    return visual, audio


@torch.no_grad()
def collect_signals(model: AudioVisualClassifier, loader: Iterable[Batch]) -> tuple[Tensor, Tensor]:
    """`signals` of every sample that the loader yields, (N, C) each, in its order, in evaluation mode."""
    device = next(model.parameters()).device
    model.eval()
    pairs = [signals(model(batch.to(device).inputs)) for batch in loader if len(batch)]
    visual, audio = zip(*pairs, strict=True)
    return torch.cat(visual).float(), torch.cat(audio).float()


def _named(model: AudioVisualClassifier) -> Callable[[FusionOutput], dict[str, Tensor]]:
    """What is kept of an output, by name: logits, those of each modality alone, ζ."""

    def named(output: FusionOutput) -> dict[str, Tensor]:
        alone = {f"logits_{modality}": logits for modality, logits in model.unimodal_logits(output).items()}
        return {"logits": output.logits} | alone | ({} if output.zeta is None else {"zeta": output.zeta})

    return named
