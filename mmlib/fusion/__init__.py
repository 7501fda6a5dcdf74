"""Fusion of audio and visual features: sum, weighted sum, concatenation, FiLM, gated, each plain or with SimAM²."""

from __future__ import annotations

from collections.abc import Mapping

from mmlib.fusion.base import Fusion, FusionOutput
from mmlib.fusion.concat import Concat
from mmlib.fusion.film import FiLM
from mmlib.fusion.gated import Gated
from mmlib.fusion.options import (
    Decouple,
    FilmGenerator,
    FusionName,
    SimAM2Options,
    SumSite,
    ZetaNorm,
    check_choice,
)
from mmlib.fusion.simam import SimAM
from mmlib.fusion.simam2 import SimAM2, SimAM2Output
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
    film_generator: FilmGenerator = "audio",
    film_decouple: Decouple = "head",
    zeta_hidden: int = 128,
    zeta_norm: ZetaNorm = "batch",
    simam2: SimAM2Options | None = None,
) -> Fusion:
    """The fusion called `name`; options of other fusions are ignored, so one call serves all rows of a table.

    Args:
        name: sum, weighted_sum, concat, film or gated.
        channels: feature size of `visual` and `audio`.
        num_classes: K.
        sum_site: where `sum` and `weighted_sum` add: projected, logit or feature.
        film_generator: the modality that generates γ and β in `film`.
        film_decouple: unimodal logits of `film` and `gated`: head, term or zero.
        zeta_hidden, zeta_norm: the ζ network of `weighted_sum` without SimAM².
        simam2: superpose with SimAM² under these options; None for the plain fusion.

    Raises:
        ParameterError: for an unknown name or option value, or sizes the fusion cannot join.
    """
    check_choice("fusion", name, FusionName)
    if name == "concat":
        return Concat(channels, num_classes, simam2=simam2)
    if name == "film":
        return FiLM(channels, num_classes, generator=film_generator, decouple=film_decouple, simam2=simam2)
    if name == "gated":
        return Gated(channels, num_classes, decouple=film_decouple, simam2=simam2)
    if name == "sum":
        return Sum(channels, num_classes, site=sum_site, simam2=simam2)
    return WeightedSum(
        channels, num_classes, site=sum_site, simam2=simam2, zeta_hidden=zeta_hidden, zeta_norm=zeta_norm
    )
