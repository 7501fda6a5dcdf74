"""FOP: face and voice embeddings, fused for training, compared by distance; SimAM² on its own gate.

Saeed et al., "Fusion and Orthogonal Projection for Improved Face-Voice Association", ICASSP 2022, and its code; SimAM²
as Sun et al., ICASSP 2024, put it into FOP (Table 3).

Paper says (SimAM²): ζ is already in FOP, whose gated fusion is Eq. 4 with X1 = tanh(face), X2 = tanh(voice).
Published code does: Linear, BatchNorm, ReLU, dropout, then L2 normalisation per branch; a gate of two layers on
    [face; voice]; U = k·tanh(f) + (1 - k)·tanh(v); a linear head on U as it is. Verification compares tanh(f) with
    tanh(v), so neither the gate nor what SimAM² makes of U takes part in it.
We do: the same. SimAM² replaces U by Ū in training and adds no parameter. Its effect on verification can only come
    from other gradients: at equal weights the scores are bit-identical with and without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlib.errors import UsageError
from mmlib.fusion import SimAM2, SimAM2Options, SimAM2Output
from mmlib.fusion.options import check_choice

FOPFusion = Literal["gated", "linear"]
EMBEDDING = 128
GATE_HIDDEN = 128
DROPOUT = 0.5
BIAS = 0.01  # of every linear layer, as published


@dataclass
class FOPOutput:
    """What one pass gives."""

    logits: Tensor
    """(B, K) identity scores."""
    fused: Tensor
    """(B, C) what enters the head: U, or Ū under SimAM²."""
    embeddings: dict[str, Tensor]
    """`face`, `voice`: (B, C), what verification compares."""
    zeta: Tensor | None = None
    """(B, C) weight of the face, gated fusion only."""
    r: Tensor | None = None
    """0-d, Eq. 6 of SimAM²."""
    superposed: SimAM2Output | None = None
    """All that SimAM² gave."""


class Branch(nn.Module):
    """Feature (B, D) of one modality to a unit vector (B, C)."""

    def __init__(self, features: int, embedding: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, embedding)
        self.norm = nn.BatchNorm1d(embedding)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.dropout(torch.relu(self.norm(self.linear(x)))), dim=1)


class Gate(nn.Module):
    """k = σ(MLP([face; voice])), (B, C): the weight of the face."""

    def __init__(self, embedding: int, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(2 * embedding, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.out = nn.Linear(hidden, embedding)

    def forward(self, face: Tensor, voice: Tensor) -> Tensor:
        hidden = torch.relu(self.norm(self.hidden(torch.cat((face, voice), dim=1))))  # (B, 2C) -> (B, hidden)
        return torch.sigmoid(self.out(hidden))


class FOP(nn.Module):
    """Two branches, a fusion and a head over the training identities.

    Args:
        face_features, voice_features: lengths of the inputs (4096 and 512 as published).
        num_classes: K, identities in training.
        fusion: `gated` (Table 3) or `linear`, U = w1·f + w2·v with two scalars drawn from [0, 1).
        simam2: readings of SimAM², None for FOP as published; needs the gate.
        embedding: C.
        gate_hidden: width of the gate.

    Raises: `ParameterError` for an unknown fusion, `UsageError` for SimAM² without a gate.
    """

    def __init__(
        self,
        face_features: int,
        voice_features: int,
        num_classes: int,
        *,
        fusion: FOPFusion = "gated",
        simam2: SimAM2Options | None = None,
        embedding: int = EMBEDDING,
        gate_hidden: int = GATE_HIDDEN,
    ) -> None:
        super().__init__()
        check_choice("fusion", fusion, FOPFusion)
        if simam2 is not None and fusion != "gated":
            raise UsageError("SimAM2 takes its ζ from FOP's gate: use fusion = 'gated', or leave SimAM2 out.")
        self.branches = nn.ModuleDict(
            {"face": Branch(face_features, embedding), "voice": Branch(voice_features, embedding)}
        )
        self.gate = Gate(embedding, gate_hidden) if fusion == "gated" else None
        self.weights = nn.Parameter(torch.rand(2)) if fusion == "linear" else None
        self.head = nn.Linear(embedding, num_classes)
        self.simam2 = SimAM2(embedding, simam2) if simam2 is not None else None
        self.apply(_initialise)

    def forward(self, inputs: dict[str, Tensor]) -> FOPOutput:
        """`face` (B, Df) and `voice` (B, Dv), float."""
        face, voice = (self.branches[name](inputs[name]) for name in ("face", "voice"))  # (B, C)
        if self.gate is None:
            fused = self.weights[0] * face + self.weights[1] * voice
            return FOPOutput(self.head(fused), fused, {"face": face, "voice": voice})
        zeta = self.gate(face, voice)
        face, voice = torch.tanh(face), torch.tanh(voice)
        embeddings = {"face": face, "voice": voice}
        if self.simam2 is None:
            fused = zeta * face + (1 - zeta) * voice
            return FOPOutput(self.head(fused), fused, embeddings, zeta)
        out = self.simam2(face, voice, zeta=zeta)
        return FOPOutput(self.head(out.fused), out.fused, embeddings, zeta, out.r, out)

    def embeddings(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """What verification compares, (B, C) by modality, for the modalities given."""
        found = {name: self.branches[name](inputs[name]) for name in self.branches if name in inputs}
        return found if self.gate is None else {name: torch.tanh(value) for name, value in found.items()}

    def start_epoch(self) -> None:
        """Tell SimAM² that an epoch of training starts."""
        if self.simam2 is not None:
            self.simam2.start_epoch()


def verification_distance(embeddings: dict[str, Tensor]) -> Tensor:
    """Squared Euclidean distance of face and voice, (B,), as FOP's evaluation has it; small for one identity."""
    return (embeddings["face"] - embeddings["voice"]).square().sum(dim=1)


def _initialise(module: nn.Module) -> None:
    """Linear layers as published: Xavier-uniform weights, biases 0.01."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.constant_(module.bias, BIAS)
