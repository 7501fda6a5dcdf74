"""Gradient modulation: OGM, OGM-GE and the decoupling-free scheme, for any optimiser and training loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from torch import nn

from mmlib.errors import ParameterError
from mmlib.modulation.decoupling_free import DecouplingFree
from mmlib.modulation.mechanism import Mechanism
from mmlib.modulation.none import NoModulation
from mmlib.modulation.ogm import OGM, OGMGE
from mmlib.modulation.policy import Modulation, Observation
from mmlib.modulation.ratios import ZetaReduce, coefficients, decoupled_ratio, zeta_ratio
from mmlib.modulation.stepping import ApplyTo
from mmlib.modulation.tensors import Tensors

ModulationName = Literal["none", "ogm", "ogm_ge", "decoupling_free"]

__all__ = [
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
    "zeta_ratio",
]


def build_modulation(
    name: ModulationName,
    groups: Mapping[str, Iterable[nn.Parameter]],
    *,
    alpha: float = 0.0,
    window: tuple[int, int] | None = (0, 50),
    seed: int = 0,
    tensors: Tensors = "conv",
    apply_to: ApplyTo = "grad",
    zeta_ratio: ZetaReduce = "batch",
) -> Modulation:
    """The modulation called `name`, not yet attached to an optimiser; see `Modulation` for the arguments.

    `ogm` and `ogm_ge` take two or more modalities (more than two is an extension), `decoupling_free` takes two. `none`
    changes nothing and needs nothing observed. `zeta_ratio` matters to `decoupling_free` alone.
    Raises `ParameterError` for an unknown name or a setting out of range.
    """
    settings = {"alpha": alpha, "window": window, "seed": seed, "tensors": tensors, "apply_to": apply_to}
    if name == "none":
        return NoModulation(groups, **settings)
    if name == "ogm":
        return OGM(groups, **settings)
    if name == "ogm_ge":
        return OGMGE(groups, **settings)
    if name == "decoupling_free":
        return DecouplingFree(groups, zeta_ratio=zeta_ratio, **settings)
    raise ParameterError(f"modulation is {name!r}; choose one of {', '.join(map(repr, get_args(ModulationName)))}.")
