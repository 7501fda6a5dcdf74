"""Plain replay, a control: exemplars in every batch, cross-entropy, and nothing else. Not from a paper.

What a method with exemplars gains over it is the merit of its losses; what it gains over fine-tuning is the memory's.
Exemplars are drawn and batches are made as SS-IL does, so that the two differ in their losses alone.
"""

from __future__ import annotations

from mmlib.continual.methods.fine_tuning import FineTuning


class Replay(FineTuning):
    """See `Method`. New samples and exemplars count alike in the mean over a batch."""

    training = "joint"
    keeps = "random"
