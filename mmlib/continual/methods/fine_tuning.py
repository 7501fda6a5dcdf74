"""Fine-tuning, the lower bound: every step trains on its new classes alone and forgets the others.

Pian et al., "Audio-Visual Class-Incremental Learning", ICCV 2023 (AV-CIL), where it is a baseline.

Paper says: fine-tune the model on each task.
Published code does: cross-entropy over all classes seen so far, on the new data; batches of 256, the last one dropped,
    so that a step with fewer clips divides by zero. IEMF's copy cannot run (the network returns three outputs).
We do: the same loss, with batches of at most the number of clips.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from mmlib.continual.methods.base import Method


class FineTuning(Method):
    """See `Method`."""

    def score_losses(
        self, logits: Tensor, targets: Tensor, old_logits: Tensor | None, taught: Sequence[bool] | None = None
    ) -> dict[str, Tensor]:
        return {"cross_entropy": F.cross_entropy(logits.float(), targets)}
