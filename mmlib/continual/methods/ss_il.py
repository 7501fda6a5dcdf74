"""SS-IL: separated softmax, distillation by task, and a batch of exemplars beside every batch of new data.

Ahn et al., "SS-IL: Separated Softmax for Incremental Learning", ICCV 2021, with two modalities as in the code of AV-CIL
(Pian et al., ICCV 2023) and IEMF (He et al., 2025).

Paper says: cross-entropy of new data among the new classes and of exemplars among the old ones; distillation task by
    task on both; a fixed share of exemplars in each batch.
Published code does: (n·CE_new + m·CE_old) / (n + m) of n new clips (at most 256) and m exemplars (at most 128), and
    T²·KL of every old task over all n + m. Exemplars are a random draw of the classes before this step, made at its
    start. On AVE with four classes per step one cross-entropy takes the place of both, with labels of two kinds; that
    setting is never run.
We do: the same without that exception. `exemplar_order` says what happens where an epoch outlasts the exemplars.
"""

from __future__ import annotations

from mmlib.continual.methods.lwf import LwF


class SSIL(LwF):
    """See `Method`. The losses are LwF's: a sample's label says in which slice it competes."""

    training = "joint"
    keeps = "random"
