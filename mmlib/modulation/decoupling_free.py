"""Decoupling-free modulation: the fusion's own weight ζ says which modality leads.

Sun et al., "More than Vanilla Fusion" (SimAM²), section 2.3.

Paper says: ρ of the visual modality is Σζ / Σ(1 - ζ) (Eq. 11), that of audio its reciprocal; "the rest of the
    propagation remains the same as for the OGM-GE".
Published code does: no code was published.
We do: OGM-GE with this ratio, for two modalities only, since one ζ weighs two terms (noise included;
    `noise=False` leaves it out). ρ stays near 1, where OGM's coefficient jumps from 1 to 1 - tanh(α), so this acts
    nearly as a switch. With a constant ζ = ½ ρ is 1 and audio is always the
    one held back, hence the ratio says something only for a learned ζ. With FiLM, ζ weighs a term that already contains
    audio; with concatenation the paper itself prefers the decoupled ratio.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from torch import Tensor, nn

from mmlib.errors import ParameterError
from mmlib.modulation.mechanism import Generators
from mmlib.modulation.ogm import add_noise
from mmlib.modulation.policy import Modulation, Observation
from mmlib.modulation.ratios import ZetaReduce, modality_coefficients, score_ratio, zeta_scores


class DecouplingFree(Modulation):
    """OGM-GE with ρ from ζ.

    Args:
        groups, **settings: see `Modulation`; the first of the two groups is the one that ζ weighs (visual).
        zeta_ratio: `batch` or `sample`, see `mmlib.modulation.ratios.zeta_ratio`.
        noise: add OGM-GE's noise.
    """

    noise_salt = 0
    needs = (
        "zeta, the weight of the visual term: use fusion 'weighted_sum', or any fusion with SimAM2 and "
        "zeta='learned', and pass zeta=output.zeta to observe()."
    )

    def __init__(
        self,
        groups: Mapping[str, Iterable[nn.Parameter]],
        *,
        zeta_ratio: ZetaReduce = "batch",
        noise: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__(groups, **settings)
        if len(self.modalities) != 2:
            raise ParameterError(
                f"{type(self).__name__} needs two modalities, since ζ weighs one term against another; its groups are "
                f"{', '.join(self.modalities) or 'empty'}. For other numbers use 'ogm' or 'ogm_ge'."
            )
        if zeta_ratio not in get_args(ZetaReduce):
            raise ParameterError(f"zeta_ratio is {zeta_ratio!r}; choose one of 'batch', 'sample'.")
        self.zeta_ratio = zeta_ratio
        self.noise = noise

    def scores(self, seen: Observation) -> dict[str, Tensor] | None:
        if seen.zeta is None:
            return None
        numerator, denominator = zeta_scores(seen.zeta, self.zeta_ratio, seen.rows)
        return {"numerator": numerator, "denominator": denominator}

    def decide(self, scores: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        ratio = score_ratio(scores["numerator"], scores["denominator"])
        ratios = dict(zip(self.modalities, (ratio, 1 / ratio), strict=True))
        return modality_coefficients(ratios, self.alpha), ratios

    def change(self, gradients: list[Tensor], coefficient: Tensor, generators: Generators) -> None:
        if self.noise:
            add_noise(gradients, coefficient, generators)
        else:
            super().change(gradients, coefficient, generators)
