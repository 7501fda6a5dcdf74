"""SimAM² over more than two signals, as a fold from the left. An extension: the paper superposes two.

We do: U_1 = X_1, U_k = SimAM²(U_{k-1}, X_k), each superposition with a ζ, a record of var(ζ) and an r of its own
    (`SimAM2Options.fold`). For two signals it is SimAM² itself. The result depends on the order of the signals: at
    ζ = ½ without a gate and `scale="half"` three signals weigh ¼, ¼ and ½; with `scale="unit"` U is their plain sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from mmlib.errors import ParameterError
from mmlib.fusion.options import SimAM2Options
from mmlib.fusion.simam2 import SimAM2
from mmlib.fusion.simam2_output import SimAM2Output


class SimAM2Fold(nn.Module):
    """n - 1 superpositions of signals (B, C) or (B, T, C).

    Args:
        modalities: names of the n signals, in the order of the fold.
        channels: C.
        options: of every superposition. **settings: see `SimAM2`.

    Raises `ParameterError` if `options.fold` is off, with `zeta_tanh` (the parts would not add up), or for one signal.
    """

    def __init__(self, modalities: Sequence[str], channels: int, options: SimAM2Options, **settings: Any) -> None:
        super().__init__()
        if len(modalities) < 2 or not options.fold:
            raise ParameterError(
                f"SimAM2 superposes two signals; here are {len(modalities)}: {', '.join(modalities)}. For more than "
                "two, simam2_fold = true (SimAM2Options(fold=True)) folds them from the left, an extension of ours."
            )
        if options.zeta_tanh:
            raise ParameterError("SimAM2: zeta_tanh is for two signals; a fold needs zeta_tanh=False.")
        self.options = options
        self.steps = nn.ModuleList(SimAM2(channels, options, **settings) for _ in modalities[1:])

    def forward(self, signals: Sequence[Tensor], source: Tensor | None = None) -> tuple[Tensor, tuple]:
        """U_n and what each superposition gave (`SimAM2Output`); every ζ is learned from `source` where it is given."""
        fused = signals[0]
        folded: list[SimAM2Output] = []
        for step, signal in zip(self.steps, signals[1:], strict=True):
            folded.append(step(fused, signal, source=source))
            fused = folded[-1].fused
        return fused, tuple(folded)

    def parts(self, signals: Sequence[Tensor], folded: Sequence[SimAM2Output]) -> list[Tensor]:
        """What each signal contributes to U_n; they add up to it (to rounding)."""
        parts = [signals[0]]
        for step, signal, out in zip(self.steps, signals[1:], folded, strict=True):
            gate = 2 * out.gate if step.options.scale == "unit" else out.gate
            parts = [gate * out.zeta * part for part in parts] + [gate * (1 - out.zeta) * signal]
        return parts

    def start_epoch(self) -> None:
        """Tell every superposition that an epoch of training starts."""
        for step in self.steps:
            step.start_epoch()
