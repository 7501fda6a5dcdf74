"""What the tasks of multimodal learning share, for any number of modalities by name.

A task subclasses `MultimodalTask` and says its losses and how a split is measured. From here come what a modulation may
observe, the discrepancy ratios and ζ of every step, each modality's share of right answers alone, and ζ's statistics.

Discrepancy ratios are traced on the same forward pass, whichever drives the update, and summed over processes before
they are divided:
- of two modalities `rho_decoupled`, OGM's ratio of the first over the second (visual over audio), and `rho_zeta`, that
    of the fusion's own weights where it has a ζ;
- of more, `rho_<modality>`: its score over the mean score of the others. There ζ is no weight of two terms, so no
    column speaks of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from mmlib.collectives import all_reduce_sum, batch_variance
from mmlib.data.batch import Batch
from mmlib.errors import NonFiniteLossError
from mmlib.experiments.predictions import collect_outputs, zeta_statistics
from mmlib.fusion import FusionOutput
from mmlib.fusion.modalities import in_order
from mmlib.modulation.ratios import ZetaReduce, decoupled_scores, discrepancy_ratios, score_ratio, zeta_scores
from mmlib.training import Evaluation, Group

ALONE, HEAD = "logits_", "head_"


class MultimodalModel(Protocol):
    """What the tasks need of a network beside its output."""

    def unimodal_logits(self, output: FusionOutput) -> dict[str, Tensor]:
        """Class scores (B, ..., K) of each modality alone, by name."""


class MultimodalTask(ABC):
    """Losses and measures of a network that scores classes from several modalities.

    Class attributes: `accuracy` is the metric that counts right answers, traced as `train/<accuracy>` and measured of
    each modality alone as `<accuracy>_<modality>` and, where it has a head of its own, of that as
    `<accuracy>_head_<modality>`; `rows` is what one row of a split is called in messages.

    Args:
        model: gives the unimodal logits.
        zeta_reduce: how the traced ζ ratio is formed, `batch` or `sample` (`mmlib.modulation.ratios.zeta_ratio`).
    """

    accuracy: ClassVar[str]
    rows: ClassVar[str] = "samples"

    def __init__(self, model: MultimodalModel, zeta_reduce: ZetaReduce = "batch") -> None:
        self.model, self.zeta_reduce = model, zeta_reduce

    # What a task says.

    @abstractmethod
    def losses(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """0-d losses by name."""

    @abstractmethod
    def measure(self, outputs: dict[str, np.ndarray], loader: Iterable[Batch]) -> Evaluation:
        """Metrics and arrays of a whole split from what `collect_outputs` gathered: `logits`, `targets` and so on."""

    def counted(self, batch: Batch) -> Tensor:
        """Targets of the ratios, (B,) or (B, T); a negative one leaves its row out."""
        return batch.targets

    def kept(self, output: Any) -> dict[str, Tensor]:
        """What an evaluation keeps of an output, by name, beside its logits, those of each modality alone, and ζ."""
        return {}

    # What the training loop calls.

    def observables(self, output: FusionOutput, batch: Batch) -> dict[str, Any]:
        """What a modulation may need (`mmlib.modulation.Observation`); samples that dropped a modality do not count."""
        unimodal = {modality: logits.float() for modality, logits in self.model.unimodal_logits(output).items()}
        return {
            "unimodal_logits": unimodal,
            "fused_logits": output.logits,
            "head_logits": output.head_logits,
            "zeta": output.zeta,
            "targets": self.counted(batch),
            "rows": torch.stack(list(output.keep.values())).all(dim=0) if output.keep else None,
        }

    def trace(self, output: FusionOutput, batch: Batch, observed: dict[str, Any]) -> dict[str, Tensor]:
        """`train/<accuracy>`, the ratios, and what ζ and r are."""
        hits = (output.logits.argmax(dim=-1) == batch.targets).float().mean()
        values = {f"train/{self.accuracy}": hits}
        rows = observed["rows"]
        scores = decoupled_scores(observed["unimodal_logits"], observed["targets"], rows)
        names = in_order(scores)
        sums = [scores[name] for name in names]
        of_two = len(names) == 2
        if of_two and output.zeta is not None:
            sums += zeta_scores(output.zeta.float(), self.zeta_reduce, rows)
        sums = all_reduce_sum(torch.stack(sums)).unbind()
        if of_two:
            values["rho_decoupled"] = score_ratio(sums[0], sums[1])
            values["rho_zeta"] = score_ratio(sums[2], sums[3]) if len(sums) > 2 else hits.new_full((), torch.nan)
            return values | zeta_trace(output)
        if len(names) > 2:
            ratios = discrepancy_ratios(dict(zip(names, sums, strict=True)))
            values |= {f"rho_{name}": ratio for name, ratio in ratios.items()}
        return values

    def evaluate(self, model: nn.Module, loader: Iterable[Batch], group: Group) -> Evaluation:
        """`measure` of one split, the accuracy of each modality alone and of each head, and ζ's statistics.

        Raises `NonFiniteLossError` for outputs that are not finite.
        """
        outputs = collect_outputs(model, loader, group, self._kept)
        check_finite(outputs["logits"], self.rows)
        found = self.measure(outputs, loader)
        metrics, arrays = dict(found.metrics), {"targets": outputs["targets"], "index": outputs["index"]}
        for prefix, meaning in ((ALONE, ""), (HEAD, "head_")):
            for name in sorted(name for name in outputs if name.startswith(prefix)):
                right = outputs[name].argmax(axis=-1) == outputs["targets"]
                metrics[f"{self.accuracy}_{meaning}{name.removeprefix(prefix)}"] = float(right.mean())
        if "zeta" in outputs:
            arrays |= zeta_statistics(outputs["zeta"])
        return Evaluation(metrics, arrays | found.arrays)

    def _kept(self, output: FusionOutput) -> dict[str, Tensor]:
        alone = {ALONE + modality: logits for modality, logits in self.model.unimodal_logits(output).items()}
        zeta = {"zeta": output.zeta} if len(alone) == 2 and output.zeta is not None else {}
        heads = {HEAD + modality: logits for modality, logits in (output.head_logits or {}).items()}
        return {"logits": output.logits} | alone | heads | zeta | self.kept(output)


def zeta_trace(output: Any) -> dict[str, Tensor]:
    """Of a ζ that weighs two terms: mean, variance, and SimAM²'s r; NaN where there is none.

    `zeta_variance` is the mean over channels of the (biased) variance over the batch, which r is made of.
    """
    unknown = output.logits.new_full((), torch.nan, dtype=torch.float32)
    values = {"zeta_mean": unknown, "zeta_variance": unknown, "r": unknown if output.r is None else output.r}
    if output.zeta is not None:
        zeta = output.zeta.float()
        values |= {"zeta_mean": zeta.mean(), "zeta_variance": batch_variance(zeta.flatten(0, -2)).mean()}
    return values


def check_finite(values: np.ndarray, rows: str) -> None:
    """Raise `NonFiniteLossError` unless every value of an evaluation's outputs (N, ...) is finite."""
    bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if bad.any():
        raise NonFiniteLossError(
            f"the model's outputs are not finite for {int(bad.sum())} of {len(values)} evaluated {rows}. Lower "
            "learning_rate, or use precision = 'fp32'."
        )
