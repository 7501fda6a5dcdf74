"""Gradient modulation for any optimiser and training loop: OGM, OGM-GE, the decoupling-free scheme, MSLR and IEMF."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import EllipsisType
from typing import Any, Literal, get_args

from torch import nn

from mmlib.errors import ParameterError
from mmlib.modulation.decoupling_free import DecouplingFree
from mmlib.modulation.iemf import IEMF, iemf_coefficient, iemf_ratio
from mmlib.modulation.mechanism import Mechanism
from mmlib.modulation.mslr import MSLR
from mmlib.modulation.none import NoModulation
from mmlib.modulation.ogm import OGM, OGMGE
from mmlib.modulation.policy import Modulation, Observation
from mmlib.modulation.ratios import ZetaReduce, coefficients, decoupled_ratio, zeta_ratio
from mmlib.modulation.stepping import ApplyTo
from mmlib.modulation.tensors import Tensors

ModulationName = Literal["none", "ogm", "ogm_ge", "decoupling_free", "mslr", "iemf"]

__all__ = [
    "IEMF",
    "MSLR",
    "OGM",
    "OGMGE",
    "DecouplingFree",
    "Mechanism",
    "Modulation",
    "NoModulation",
    "Observation",
    "build_modulation",
    "coefficients",
    "decoupled_ratio",
    "iemf_coefficient",
    "iemf_ratio",
    "zeta_ratio",
]


def build_modulation(
    name: ModulationName,
    groups: Mapping[str, Iterable[nn.Parameter]],
    *,
    alpha: float = 0.0,
    window: tuple[int, int] | EllipsisType | None = ...,
    seed: int = 0,
    tensors: Tensors | EllipsisType = ...,
    apply_to: ApplyTo = "grad",
    zeta_ratio: ZetaReduce = "batch",
    **options: Any,
) -> Modulation:
    """The modulation called `name`, not yet attached to an optimiser; see `Modulation` for the arguments.

    `ogm`, `ogm_ge` and `mslr` take the groups of two or more modalities (more than two is an extension),
    `decoupling_free` of two; `iemf` takes the fusion's, as `{"fusion": ...}`. `none` changes nothing and needs nothing
    observed. `window` and `tensors` are the method's published ones unless given. `alpha` matters to the first three,
    `zeta_ratio` to `decoupling_free` alone; `options` are those of `MSLR` and `IEMF`, and the others have none.
    Raises `ParameterError` for an unknown name or a setting out of range, TypeError for an option a method has not.
    """
    settings = {"window": window, "seed": seed, "tensors": tensors, "apply_to": apply_to, **options}
    settings = {setting: value for setting, value in settings.items() if value is not ...}
    if name == "iemf":
        return IEMF(groups, **settings)
    if name == "mslr":
        return MSLR(groups, **settings)
    settings["alpha"] = alpha
    if name == "none":
        return NoModulation(groups, **settings)
    if name == "ogm":
        return OGM(groups, **settings)
    if name == "ogm_ge":
        return OGMGE(groups, **settings)
    if name == "decoupling_free":
        return DecouplingFree(groups, zeta_ratio=zeta_ratio, **settings)
    raise ParameterError(f"modulation is {name!r}; choose one of {', '.join(map(repr, get_args(ModulationName)))}.")
