"""AV-CIL: SS-IL, audio and video of a clip and of a class drawn together, and the attention of the step before kept.

Pian et al., "Audio-Visual Class-Incremental Learning", ICCV 2023; IEMF (He et al., 2025) runs it in another form.

Paper says: separated cross-entropy and distillation; a dual audio-visual similarity constraint, λ_I·L_inst +
    λ_C·L_class; visual attention distillation, λ·L_spatial + (1 - λ)·L_temporal.
Published code does: at step 0 cross-entropy alone; later all terms, the contrasts over new clips and exemplars with
    labels over all classes, the attention of exemplars alone. τ = .05, λ = .5, λ_C = 1, λ_I = .5 on AVE and .1 on the
    others. IEMF runs without the attention's distillation, λ_I = .1 everywhere, and a network without ReLUs.
We do: the same. `attention_distillation`, `instance_weight` and the network's `activation` tell the two forms apart.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from mmlib.continual.methods.ss_il import SSIL
from mmlib.losses.attention_distillation import attention_distillation
from mmlib.losses.contrastive import class_contrast, instance_contrast
from mmlib.models.incremental import IncrementalOutput


class AVCIL(SSIL):
    """See `Method`."""

    def losses(self, output: IncrementalOutput, old_output: IncrementalOutput | None, batch: Any) -> dict[str, Tensor]:
        losses = super().losses(output, old_output, batch)
        if self.step.first:
            return losses
        options, (audio, visual) = self.options, (output.features["audio"], output.features["visual"])
        losses["instance_contrast"] = options.instance_weight * instance_contrast(
            audio, visual, options.contrast_temperature
        )
        losses["class_contrast"] = options.class_weight * class_contrast(
            audio, visual, batch.targets, options.contrast_temperature, options.class_average
        )
        if options.attention_distillation:
            new, old = output.attention, old_output.attention
            kept = attention_distillation(
                new.spatial, old.spatial, new.temporal, old.temporal, options.attention_balance
            )
            exemplars = kept.expand(len(batch["exemplars"]))  # already their mean here; of all processes with others'
            losses["attention"] = options.attention_factor * batch.mean("exemplars", exemplars)
        return losses

    def attention_rows(self, batch: Any) -> slice | None:
        wanted = self.options.attention_distillation and not self.step.first
        return batch.rows("exemplars") if wanted else None
