"""The first stage of AVST: does this picture belong to this sound? One second at a time, without questions.

Published code does (grounding_gen): items are a clip and a second; the picture of that second, and a random one of
    another clip; Adam, batches of 64, the best epoch of up to 30 is kept. What it calls validation are the training
    clips.
We do: the same, and validate on clips of the validation questions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from mmlib.data.batch import Batch
from mmlib.experiments.multimodal_task import check_finite
from mmlib.experiments.predictions import collect_outputs
from mmlib.losses.match import match_accuracy, match_loss
from mmlib.models.avqa import Seconds
from mmlib.training import Evaluation, Group

ACCURACY = "match_accuracy"


class Matching:
    """Cross-entropy of right and wrong pairs, and how many are told apart."""

    def losses(self, output: Seconds, batch: Batch) -> dict[str, Tensor]:
        return {"match": match_loss(output.match)}

    def observables(self, output: Seconds, batch: Batch) -> dict[str, Any]:
        """Nothing: nothing is modulated in this stage."""
        return {}

    def trace(self, output: Seconds, batch: Batch, observed: dict[str, Any]) -> dict[str, Tensor]:
        return {f"train/{ACCURACY}": match_accuracy(output.match)}

    def evaluate(self, model: nn.Module, loader: Iterable[Batch], group: Group) -> Evaluation:
        """`match_accuracy` and `loss`. Raises `NonFiniteLossError` for outputs that are not finite."""
        found = collect_outputs(model, loader, group, lambda output: output.match)
        for scores in found.values():
            check_finite(scores, "seconds")
        match = {name: torch.from_numpy(found[name]) for name in ("right", "wrong")}
        return Evaluation({ACCURACY: float(match_accuracy(match)), "loss": float(match_loss(match))})
