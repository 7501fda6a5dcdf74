"""MIM as the training loop sees it: six losses by name, and measures of the whole split and of its gates.

Losses, each weighted as it counts (B1 of MIM's published code, names as there):
- `penalty` Σ_m of the gates' probabilities of not being closed;
- `masked`, `unmasked` Σ_m of the heads' losses on purified and on raw vectors;
- `intra`, `inter` guidance within and between modalities;
- `fused` the loss of the fusion's output.
What a run has switched off has no entry.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmlib.data.batch import Batch
from mmlib.errors import UsageError
from mmlib.experiments.multimodal_task import check_finite
from mmlib.experiments.predictions import collect_outputs
from mmlib.experiments.sentiment.measures import gate_metrics, split_metrics, teachers_of
from mmlib.experiments.sentiment.parameters import Parameters
from mmlib.losses.knowledge_guidance import SAMPLE_ERRORS, inter_guidance, intra_guidance
from mmlib.models.mim import MIM, MIMOutput
from mmlib.models.mim.pooling import step_mean
from mmlib.training import Evaluation, Group

GATE, HEAD, KEEP = "gate_", "head_", "keep_"


class Sentiment:
    """Losses and measures of one run.

    Args:
        model: the network.
        parameters: which losses there are, and their weights.
    """

    def __init__(self, model: MIM, parameters: Parameters) -> None:
        self.model, self.parameters = model, parameters
        self.errors = SAMPLE_ERRORS[parameters.task]

    def loss_names(self) -> tuple[str, ...]:
        """Of the losses there are, in their order."""
        parameters, heads = self.parameters, bool(self.parameters.unimodal_weight)
        there = {
            "penalty": parameters.purification,
            "masked": parameters.purification and heads,
            "unmasked": heads,
            "intra": bool(parameters.intra),
            "inter": bool(parameters.inter),
            "fused": True,
        }
        return tuple(name for name, wanted in there.items() if wanted)

    def losses(self, output: MIMOutput, batch: Batch) -> dict[str, Tensor]:
        if batch.weight is not None or batch.keep:
            raise UsageError("MIM's losses know no weights of samples and no dropped modalities: leave them out.")
        parameters, targets = self.parameters, batch.targets
        found: dict[str, Tensor] = {}
        if parameters.purification:
            penalties = [purified.penalty.mean() for purified in output.purified.values()]
            found["penalty"] = parameters.penalty_weight * torch.stack(penalties).sum()
        if output.raw_outputs:
            raw = self._stacked(output.raw_outputs)  # (M, B, K)
            raw_errors = self.errors(raw, targets)  # (M, B)
            purified, errors = raw, raw_errors
            if parameters.purification:
                purified = self._stacked(output.purified_outputs)
                errors = self.errors(purified, targets)
                found["masked"] = parameters.unimodal_weight * errors.mean(dim=1).sum()
            found["unmasked"] = parameters.unimodal_weight * raw_errors.mean(dim=1).sum()
            found |= self._guidance(output, purified, errors, raw_errors)
        found["fused"] = self.errors(wide(output.prediction), targets).mean()
        return {name: found[name] for name in self.loss_names()}

    def _guidance(self, output: MIMOutput, purified: Tensor, errors: Tensor, raw_errors: Tensor) -> dict[str, Tensor]:
        parameters, found = self.parameters, {}
        if parameters.intra:
            better, raw = (
                self._stacked({m: pair[side] for m, pair in output.intra_outputs.items()}) for side in (0, 1)
            )
            options = {"granularity": parameters.granularity, "distance": self._distance()}
            found["intra"] = parameters.intra * intra_guidance(better, raw, errors, raw_errors, **options).sum()
        if parameters.inter:
            vectors = {name: part.vector for name, part in output.purified.items()} or output.raw
            features = self._stacked(vectors) if parameters.inter_on == "features" else purified
            found["inter"] = parameters.inter * inter_guidance(
                features,
                errors,
                granularity=parameters.granularity,
                temperature=parameters.temperature,
                scale_inside=parameters.scale_inside,
            )
        return found

    def _distance(self) -> str:
        return self.parameters.intra_distance if self.parameters.task == "classification" else "squared"

    def _stacked(self, values: dict[str, Tensor]) -> Tensor:
        return wide(torch.stack([values[name] for name in self.model.modalities]))

    def observables(self, output: MIMOutput, batch: Batch) -> dict[str, Any]:
        """Nothing: no modulation is made for MIM."""
        return {}

    def trace(self, output: MIMOutput, batch: Batch, observed: dict[str, Any]) -> dict[str, Tensor]:
        """`train/mae` or `train/top1`, and the share of open gates of each modality."""
        if self.parameters.task == "regression":
            values = {"train/mae": self.errors(wide(output.prediction), batch.targets).mean()}
        else:
            values = {"train/top1": (output.prediction.argmax(dim=1) == batch.targets).float().mean()}
        for name, found in output.purified.items():
            values[f"gate_rate_{name}"] = step_mean(found.gate, output.masks[name]).mean()
        return values

    def evaluate(self, model: nn.Module, loader: Iterable[Batch], group: Group) -> Evaluation:
        """Metrics of one split: of the task, of each modality's head, of the gates. Of the test split also arrays.

        `predictions` (N,), or `logits` (N, K); `gate_<modality>` (N, T) uint8 and `gate_steps_<modality>` (T,), the
        share of samples that keep a step, NaN where no sample has it; `teacher` (N,) int8, the modality that alone errs
        least, -1 where none does. Raises `NonFiniteLossError` for outputs that are not finite.
        """
        found = collect_outputs(model, loader, group, self._kept)
        outputs, targets = found["outputs"], found["targets"]
        check_finite(outputs, "samples")
        task, names = self.parameters.task, self.model.modalities
        heads = {name: found[HEAD + name] for name in names if HEAD + name in found}
        gates = {name: found[GATE + name] for name in names if GATE + name in found}
        metrics = split_metrics(task, outputs, targets, heads)
        more, steps = gate_metrics(gates, loader.dataset, {name: found[KEEP + name] for name in gates})
        arrays: dict[str, np.ndarray] = {}
        if loader.dataset.split == "test":
            arrays = {f"{GATE}{name}": (gate > 0).astype(np.uint8) for name, gate in gates.items()} | steps
            arrays |= {"predictions": outputs[:, 0]} if task == "regression" else {"logits": outputs}
            if heads:
                arrays["teacher"] = teachers_of(task, [heads[name] for name in names], targets)
        return Evaluation(metrics | more, arrays)

    def _kept(self, output: MIMOutput) -> dict[str, Tensor]:
        """Gates are those of steps that are there: -1 elsewhere."""
        kept = {"outputs": output.prediction}
        kept |= {HEAD + name: values for name, values in (output.purified_outputs or output.raw_outputs).items()}
        for name, purified in output.purified.items():
            mask = output.masks[name]
            kept[GATE + name] = purified.gate if mask is None else torch.where(mask, purified.gate, -1)
            kept[KEEP + name] = self.model.purifiers[name].gate.keep_probability(purified.logits)
        return kept


def wide(values: Tensor) -> Tensor:
    """At least single precision, also under autocast."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
