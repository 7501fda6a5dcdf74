"""Learning without Forgetting: new classes among themselves, old ones as the network of the step before saw them.

Li and Hoiem, "Learning without Forgetting", ECCV 2016, with two modalities as in the code of AV-CIL (Pian et al., ICCV
2023) and IEMF (He et al., 2025).

Paper says: cross-entropy on the new task, and distillation of the old tasks' softened outputs on the new data.
Published code does: cross-entropy inside the new slice of the scores, labels counted from its first class, and the sum
    of T²·KL of each old task's slice, T = 2; no exemplars. AV-CIL's script cannot run (it gives the name of its loss
    another meaning), IEMF's does. With IEMF both terms are added for each unimodal head inside the window.
We do: the same for tasks of any sizes. Where the teacher's heads had not been trained for a task when it was selected,
    they are not distilled, unless `taught` says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mmlib.continual.methods.base import Method
from mmlib.losses.distillation import task_distillation
from mmlib.losses.separated_cross_entropy import separated_cross_entropy


class LwF(Method):
    """See `Method`."""

    distils = True

    def score_losses(
        self, logits: Tensor, targets: Tensor, old_logits: Tensor | None, taught: Sequence[bool] | None = None
    ) -> dict[str, Tensor]:
        losses = {"cross_entropy": separated_cross_entropy(logits, targets, self.step.old)}
        if old_logits is not None:
            of_tasks = task_distillation(logits, old_logits, self.step.old_boundaries, self.options.temperature)
            if taught is not None and not all(taught):  # without a list of indices, which would have to be sent
                of_tasks = torch.stack([0 * of_tasks[0], *(of_tasks[t] for t, there in enumerate(taught) if there)])
            losses["distillation"] = of_tasks.sum()
        return losses
