"""Fusion of modalities' features: sum, weighted sum, concatenation, FiLM, gated, each plain or with SimAM²."""

from __future__ import annotations

from collections.abc import Mapping

from mmlib.fusion.base import Fusion, FusionOutput
from mmlib.fusion.concat import Concat
from mmlib.fusion.film import FiLM
from mmlib.fusion.gated import Gated
from mmlib.fusion.options import (
    Decouple,
    FusionName,
    SimAM2Options,
    SumBias,
    SumSite,
    ZetaNorm,
    check_choice,
)
from mmlib.fusion.simam import SimAM
from mmlib.fusion.simam2 import SimAM2
from mmlib.fusion.simam2_output import SimAM2Output
from mmlib.fusion.sum import Sum
from mmlib.fusion.weighted_sum import WeightedSum
from mmlib.fusion.zeta import Zeta

__all__ = [
    "Concat",
    "FiLM",
    "Fusion",
    "FusionOutput",
    "Gated",
    "SimAM",
    "SimAM2",
    "SimAM2Options",
    "SimAM2Output",
    "Sum",
    "WeightedSum",
    "Zeta",
    "build_fusion",
]


def build_fusion(
    name: FusionName,
    channels: Mapping[str, int],
    num_classes: int,
    *,
    sum_site: SumSite = "projected",
    sum_unimodal_bias: SumBias = "full",
    film_generator: str = "audio",
    gate_modality: str | None = None,
    film_decouple: Decouple = "head",
    zeta_hidden: int = 128,
    zeta_norm: ZetaNorm = "batch",
    simam2: SimAM2Options | None = None,
) -> Fusion:
    """The fusion called `name`; options of other fusions are ignored, so one call serves all rows of a table.

    Args:
        name: sum, weighted_sum, concat, film or gated.
        channels: feature size by modality; FiLM takes two modalities, the others any number.
        num_classes: K.
        sum_site: where `sum` and `weighted_sum` add: projected, logit or feature.
        sum_unimodal_bias: unimodal logits of `sum` at `logit`: full or published.
        film_generator: the modality that generates γ and β in `film`.
        gate_modality: the modality that gates in `gated`; None: audio (published), or the last where there is none.
        film_decouple: unimodal logits of `film` and `gated`: head, term or zero.
        zeta_hidden, zeta_norm: the network of ζ (or of more than two weights) of `weighted_sum` without SimAM².
        simam2: superpose with SimAM² under these options (more than two terms: with `fold`); None for the plain fusion.

    Raises:
        ParameterError: for an unknown name or option value, or sizes the fusion cannot join.
    """
    check_choice("fusion", name, FusionName)
    if name == "concat":
        return Concat(channels, num_classes, simam2=simam2)
    if name == "film":
        return FiLM(channels, num_classes, generator=film_generator, decouple=film_decouple, simam2=simam2)
    if name == "gated":
        return Gated(channels, num_classes, gate=gate_modality, decouple=film_decouple, simam2=simam2)
    if name == "sum":
        return Sum(channels, num_classes, site=sum_site, unimodal_bias=sum_unimodal_bias, simam2=simam2)
    return WeightedSum(
        channels, num_classes, site=sum_site, simam2=simam2, zeta_hidden=zeta_hidden, zeta_norm=zeta_norm
    )
