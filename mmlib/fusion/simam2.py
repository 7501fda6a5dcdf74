"""SimAM²: an attention gate on the superposition of two signals, from their energies and mutual energy.

Sun et al., "More than Vanilla Fusion: a Simple, Decoupling-free, Attention Module for Multimodal Fusion Based on Signal
Theory", ICASSP 2024; Eq. 3-8.

Paper says: U = ζ X1 + (1 - ζ) X2 (Eq. 4); the energy of U beyond that of its parts, plus a degradation term, is E* (Eq.
    7), and the fused feature becomes sigmoid(E*) · U (Eq. 8). r (Eq. 6) estimates the correlation of the modalities
    from how far ζ varies in the batch. X1 is visual and X2 audio, so that ζ weighs the visual side (Eq. 11).
Published code does: no code was published.
We do: the equations as printed. Where they leave a choice or contradict the text, an option of `SimAM2Options` names
    the readings. Three remarks a reader needs. (1) High energy means an indistinct neuron, so Eq. 8 gives the larger
    weight to the less distinctive one, the reverse of SimAM; `gate="neg"` or `"inv"` turns it round. (2) r is at most
    tanh(s) once ζ varies, and exactly tanh(1) while ζ is constant (λ/λ), whatever s is. (3) Eq. 5 holds by definition
    of the mutual energy; only its numerator, 2ζ(1 - ζ)E, enters Eq. 7.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from mmlib.collectives import batch_variance
from mmlib.errors import UsageError
from mmlib.fusion.options import SimAM2Options
from mmlib.fusion.simam import minimal_energy, neuron_dims
from mmlib.fusion.simam2_kernel import GatedSuperposition
from mmlib.fusion.simam2_output import Energies, Recomputation, SimAM2Output
from mmlib.fusion.zeta import Zeta

EMA = 0.9  # of r, and of var(ζ) with var_over="ema": the old value's share
LARGEST_VARIANCE = 0.25  # of a number in [0, 1]


class CorrelationMeasure(nn.Module):
    """r = tanh((s Σ var(ζ_i) + λ) / (Σ var_max(ζ_i) + λ)), Eq. 6, with the highest variance of each neuron on record.

    The variance is biased and taken over the batch (over all processes of a distributed run). The record and a moving
    average of r are buffers: they change in training only, are saved with the model, and are equal on all processes.
    """

    var_max: Tensor
    var_ema: Tensor
    r: Tensor
    steps: Tensor

    def __init__(self, channels: int, options: SimAM2Options) -> None:
        super().__init__()
        self.options = options
        bound = LARGEST_VARIANCE if options.var_max == "theoretical" else 0.0
        self.register_buffer("var_max", torch.full((channels,), bound))
        self.register_buffer("var_ema", torch.zeros(channels))
        self.register_buffer("r", self.ratio(self.var_ema))  # what a constant ζ gives, until training says otherwise
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def ratio(self, variance: Tensor) -> Tensor:
        """Eq. 6 for the variances (C,) of the neurons and the present record; 0-d."""
        s, lam = self.options.s, self.options.lambda_u
        if self.options.r_reduce == "mean_of_ratios":
            return torch.tanh(((s * variance + lam) / (self.var_max + lam)).mean())
        return torch.tanh((s * variance.sum() + lam) / (self.var_max.sum() + lam))

    def forward(self, zeta: Tensor) -> Tensor:
        """r of this batch in training; in evaluation as `r_eval` says."""
        if not self.training and self.options.r_eval == "running":
            return self.r.clone()  # the buffer itself changes with the next training step
        with torch.set_grad_enabled(self.options.r_grad == "flow" and torch.is_grad_enabled()):
            rows = zeta.movedim(1, -1) if zeta.dim() == 4 else zeta
            variance = batch_variance(rows.flatten(0, -2).to(self.var_max.dtype))  # (C,)
            if self.options.var_over == "ema":
                first = self.training & (self.steps == 0)
                variance = torch.where(first, variance, torch.lerp(variance, self.var_ema, EMA))
            if self.training:
                self._record_variance(variance.detach())
            r = self.ratio(variance)
        if self.training:
            self._record_r(r.detach())
        return r

    @torch.no_grad()
    def _record_variance(self, variance: Tensor) -> None:
        self.var_ema.copy_(variance)
        if self.options.var_max != "theoretical":
            torch.maximum(self.var_max, variance, out=self.var_max)

    @torch.no_grad()
    def _record_r(self, r: Tensor) -> None:
        self.r.copy_(torch.where(self.steps == 0, r, torch.lerp(self.r, r, 1 - EMA)))
        self.steps += 1

    def start_epoch(self) -> None:
        """Forget the record where it is kept per epoch; call it at the start of every epoch of training."""
        if self.options.var_max == "epoch":
            self.var_max.zero_()


class SimAM2(nn.Module):
    """Superposes two signals and gates the result (Eq. 4, 6-8).

        simam2 = SimAM2(512)
        fused = simam2(visual, audio).fused

    Args:
        channels: C.
        options: the readings of the paper; each can also be given by name, `SimAM2(512, zeta="learned")`.
        source_channels: channels of the tensor from which ζ is learned, if not from [x1; x2].
        blocks: with `concat_stats="block"`, the channels of each block (two halves unless given).

    Shape: two signals (B, C), (B, T, C) or (B, C, H, W) of equal shape. Half precision is computed in float32.
    Raises: `ParameterError` for an unknown option, `UsageError` for shapes that do not fit.
    """

    def __init__(
        self,
        channels: int,
        options: SimAM2Options | None = None,
        *,
        source_channels: int | None = None,
        blocks: tuple[int, ...] | None = None,
        **changes: Any,
    ) -> None:
        super().__init__()
        options = SimAM2Options.checked({**asdict(options or SimAM2Options()), **changes})
        self.channels = channels
        self.options = options
        self.blocks = blocks or (channels // 2, channels - channels // 2)
        self.zeta = Zeta(
            channels,
            options.zeta,
            source_channels=source_channels,
            hidden=options.zeta_hidden,
            norm=options.zeta_norm,
            full_map=options.zeta_map == "full",
        )
        self.correlation = CorrelationMeasure(channels, options)
        # Only U's energy has a λ (Eq. 5); shape (3, 1, ...) for the stack (x1, x2, u).
        self.register_buffer("lam", torch.tensor([0.0, 0.0, options.lambda_u]), persistent=False)

    def forward(self, x1: Tensor, x2: Tensor, zeta: Tensor | None = None, source: Tensor | None = None) -> SimAM2Output:
        """Fuse `x1` (visual) and `x2` (audio).

        Args:
            x1, x2: the signals.
            zeta: ζ from elsewhere, in (0, 1), broadcastable to the signals; otherwise as the option `zeta` says.
            source: what ζ is learned from, if not [x1; x2]; channels in the same place as in x1.
        """
        x1, x2 = self._signals(x1, x2)
        if zeta is not None or self.options.zeta == "learned":
            zeta = self.zeta(x1, x2, source) if zeta is None else zeta.to(x1.dtype)
            r = self.correlation(zeta)
        else:
            zeta = self.zeta(x1, x2)
            r = self.correlation.r.clone()  # ζ varies with nothing: Eq. 6 has one value, which the buffer holds
        if self.options.zeta_tanh:
            x1, x2 = torch.tanh(x1), torch.tanh(x2)
        if self.in_one_step():
            weight = self.degradation(r) + torch.ones_like(r)
            fused, gate = GatedSuperposition.apply(
                x1,
                x2,
                zeta,
                weight.to(x1.dtype),
                neuron_dims(x1, self.options.stat_axis),
                self.options.ddof,
                self.options.lambda_u,
                2 if self.options.scale == "unit" else 1,
                1 if self.options.gate == "paper" else -1,
            )
            return SimAM2Output(fused, zeta, r, recompute=Recomputation(self, x1, x2, zeta, r), measured_gate=gate)
        u, energies, gate = self.compute(x1, x2, zeta, r)
        return SimAM2Output(gate * u, zeta, r, (energies, gate))  # Eq. 8

    def in_one_step(self) -> bool:
        """Whether the kernel `fused` does this pass: not what it does not know, nor while a compiler fuses anyway."""
        options = self.options
        known = options.gate in ("paper", "neg") and options.concat_stats == "padded"
        transformed = torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
        return options.kernel == "fused" and known and not transformed

    def compute(self, x1: Tensor, x2: Tensor, zeta: Tensor, r: Tensor) -> tuple[Tensor, Energies, Tensor]:
        """U, the energies and the gate, equation by equation."""
        u = zeta * x1 + (1 - zeta) * x2  # Eq. 4
        if self.options.scale == "unit":
            u = 2 * u
        e1, e2, eu = self.energies(x1, x2, u)  # Eq. 3
        energy = eu - zeta**2 * e1 - (1 - zeta) ** 2 * e2 + self.degradation(r) * eu  # Eq. 7
        return u, Energies(energy, e1, e2, eu), self.gate(energy, eu)

    def energies(self, x1: Tensor, x2: Tensor, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Minimal energies of the three signals, λ = 0 for the first two; computed as one stack."""
        dims = tuple(dim + 1 for dim in neuron_dims(x1, self.options.stat_axis))
        lam = self.lam.to(x1.dtype).view(3, *(1,) * x1.dim())
        stack = torch.stack((x1, x2, u))  # (3, B, ...)
        if self.options.concat_stats == "padded":
            return minimal_energy(stack, dims, lam, self.options.ddof).unbind()
        channel_dim = 2 if x1.dim() == 4 else -1
        blocks = stack.split(self.blocks, dim=channel_dim)
        energies = [minimal_energy(block, dims, lam, self.options.ddof) for block in blocks]
        return torch.cat(energies, dim=channel_dim).unbind()

    def degradation(self, r: Tensor) -> Tensor | float:
        """Factor of the additional e_U in Eq. 7."""
        if self.options.degradation == "none":
            return 0.0
        return r if self.options.degradation == "r" else 1 - r

    def gate(self, energy: Tensor, eu: Tensor) -> Tensor:
        """Factor on U (Eq. 8, or one of its alternatives)."""
        kind = self.options.gate
        if kind == "none":
            return torch.ones_like(energy)
        if kind == "simam":
            return torch.sigmoid(1 / eu)
        if kind == "inv":
            return torch.sigmoid(1 / energy.clamp(min=0.05))  # E* may be 0 or negative
        return torch.sigmoid(energy if kind == "paper" else -energy)

    def parts(self, x1: Tensor, x2: Tensor, zeta: Tensor, gate: Tensor) -> tuple[Tensor, Tensor]:
        """What each signal contributes to the fused feature; the two add up to it (to rounding)."""
        x1, x2 = self._signals(x1, x2)
        if self.options.zeta_tanh:
            x1, x2 = torch.tanh(x1), torch.tanh(x2)
        weight = 2 * gate if self.options.scale == "unit" else gate
        return weight * zeta * x1, weight * (1 - zeta) * x2

    def start_epoch(self) -> None:
        """Tell the module that an epoch of training starts (only `var_max="epoch"` takes notice)."""
        self.correlation.start_epoch()

    def _signals(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        channel_dim = 1 if x1.dim() == 4 else -1
        if x1.shape != x2.shape or x1.shape[channel_dim] != self.channels:
            raise UsageError(
                f"SimAM2({self.channels}) needs two signals of equal shape with {self.channels} channels; got "
                f"{tuple(x1.shape)} and {tuple(x2.shape)}. Project both to one size, or pool maps to vectors."
            )
        dtype = torch.promote_types(x1.dtype, x2.dtype)
        dtype = torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
        return x1.to(dtype), x2.to(dtype)
