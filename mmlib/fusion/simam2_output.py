"""What one pass of SimAM² gives: the fused signal, and energies and gate, computed where somebody asks for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from mmlib.errors import UsageError

if TYPE_CHECKING:
    from mmlib.fusion.simam2 import SimAM2


class Energies(NamedTuple):
    """The energies of one pass, each of the input's shape."""

    energy: Tensor
    """E* of Eq. 7, in (-2, 4)."""
    e1: Tensor
    e2: Tensor
    eu: Tensor
    """Energies of the two signals and of U (Eq. 3), in (0, 2]."""


@dataclass
class Recomputation:
    """What energies and gate are computed from, where somebody asks."""

    module: SimAM2
    x1: Tensor
    x2: Tensor
    zeta: Tensor
    r: Tensor
    versions: list[int | None] | None = field(init=False)
    """How often each tensor had been changed in place; None where one was changed since."""

    def __post_init__(self) -> None:
        self.versions = self._versions()

    def __getstate__(self) -> dict[str, Any]:
        """Of a copy: its tensors count their changes anew."""
        return self.__dict__ | {"versions": None if self._changed() else self.versions}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.versions = None if self.versions is None else self._versions()

    def __call__(self) -> tuple[Energies, Tensor]:
        if self._changed():
            raise UsageError(
                "SimAM2: a signal was changed in place since, so its energies cannot be told any more. Ask for them "
                "before, or use SimAM2Options(kernel='plain'), which keeps them."
            )
        return self.module.compute(self.x1, self.x2, self.zeta, self.r)[1:]

    def _changed(self) -> bool:
        return self.versions != self._versions()

    def _versions(self) -> list[int | None]:
        return [None if x.is_inference() else x._version for x in (self.x1, self.x2, self.zeta, self.r)]


@dataclass
class SimAM2Output:
    """What one pass gives. Shapes as the input's, except where a shape is noted."""

    fused: Tensor
    """Ū of Eq. 8."""
    zeta: Tensor
    """ζ in (0, 1); (B, C, 1, 1) for maps unless `zeta_map="full"`."""
    r: Tensor
    """Correlation measure of Eq. 6, 0-d, in [0, tanh(max(s, 1))]."""
    computed: tuple[Energies, Tensor] | None = field(default=None, repr=False)
    """Energies and gate, where the pass had them with gradient."""
    recompute: Recomputation | None = field(default=None, repr=False)
    """How to find them, with gradient, where it had not (kernel `fused`)."""
    measured_gate: Tensor | None = field(default=None, repr=False)
    """The gate without gradient, where the kernel had it."""

    @property
    def energies(self) -> Energies:
        return (self.computed or self.recompute())[0]

    @property
    def energy(self) -> Tensor:
        """E* of Eq. 7, in (-2, 4)."""
        return self.energies.energy

    @property
    def e1(self) -> Tensor:
        """Energy of the first signal (Eq. 3), in (0, 2]; `e2` of the second, `eu` of U."""
        return self.energies.e1

    @property
    def e2(self) -> Tensor:
        return self.energies.e2

    @property
    def eu(self) -> Tensor:
        return self.energies.eu

    @property
    def gate(self) -> Tensor:
        """The factor on U; with `gate="paper"` in (.1192, .9821)."""
        if self.measured_gate is not None and not torch.is_grad_enabled():
            return self.measured_gate
        return (self.computed or self.recompute())[1]

    @property
    def mutual(self) -> Tensor:
        """2ζ(1 - ζ)·E(x1, x2): the mutual energy's numerator in Eq. 5, the part of E* without the degradation term."""
        found = self.energies
        return found.eu - self.zeta**2 * found.e1 - (1 - self.zeta) ** 2 * found.e2
