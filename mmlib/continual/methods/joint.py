"""Joint training, the upper bound: in every step a fresh network learns all classes seen so far from all their data.

Pian et al., "Audio-Visual Class-Incremental Learning", ICCV 2023 (AV-CIL).

Paper says: the upper bound trains on all data.
Published code does: a new network in each step, cross-entropy over all classes seen so far, forgetting not reported.
We do: the same, and report what it forgets, which is what a second training from scratch makes worse. All its data
    count as its memory. With IEMF every step scores all classes and all samples, as a first step does.
"""

from __future__ import annotations

from mmlib.continual.methods.fine_tuning import FineTuning


class Joint(FineTuning):
    """See `Method`."""

    training = "all"
    fresh = True
