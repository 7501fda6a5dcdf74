"""The weight ζ of the first signal in the superposition U = ζ X1 + (1 - ζ) X2 (SimAM², Eq. 4); weights of more signals.

Paper says: ζ is obtained by a learnable module and has the channels of X1, X2 and U; ζ = ½ where nothing is learned.
    The module itself is not described; the paper points to FOP (Saeed et al., ICASSP 2022).
Published code does (FOP): Linear(2C, 128) - BatchNorm - ReLU - Linear(128, C) - sigmoid on the concatenated signals.
We do: the same network, with `layer` or no normalisation as options and the initialisation of the model it is part of.
    One row alone in a training batch is normalised with the running statistics, where BatchNorm would refuse it.
    For more than two signals, an extension: softmax weights from the same network (`SoftmaxWeights`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlib.fusion.options import ZetaKind, ZetaNorm


class ZetaNetwork(nn.Module):
    """Maps rows (N, S) of concatenated signals to ζ (N, C) in (0, 1); `hidden` 0 makes it a single linear layer."""

    def __init__(self, source_channels: int, channels: int, hidden: int = 128, norm: ZetaNorm = "batch") -> None:
        super().__init__()
        self.single = hidden == 0
        if self.single:
            self.output = nn.Linear(source_channels, channels)
            return
        norms = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
        self.hidden = nn.Linear(source_channels, hidden)
        self.norm = norms[norm](hidden) if norm != "none" else nn.Identity()
        self.output = nn.Linear(hidden, channels)

    def forward(self, rows: Tensor) -> Tensor:
        return torch.sigmoid(self.scores(rows))  # (N, C)

    def scores(self, rows: Tensor) -> Tensor:
        """What the sigmoid is taken of, (N, C)."""
        if self.single:
            return self.output(rows)
        rows = self.hidden(rows)  # (N, hidden)
        norm = self.norm
        if len(rows) == 1 and norm.training and isinstance(norm, nn.BatchNorm1d):
            rows = F.batch_norm(rows, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, eps=norm.eps)
        else:
            rows = norm(rows)
        return self.output(F.relu(rows))


class SoftmaxWeights(nn.Module):
    """Weights of n signals (B, C) or (B, T, C), from all of them; they add up to 1 over the signals in every channel.

    Args:
        count: n.
        channels: C.
        hidden, norm: see `ZetaNetwork`.
    """

    def __init__(self, count: int, channels: int, *, hidden: int = 128, norm: ZetaNorm = "batch") -> None:
        super().__init__()
        self.count = count
        self.network = ZetaNetwork(count * channels, count * channels, hidden, norm)

    def forward(self, signals: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """n weights of the signals' shape, in (0, 1)."""
        joined = torch.cat(tuple(signals), dim=-1)
        scores = self.network.scores(joined.flatten(0, -2)).unflatten(0, joined.shape[:-1])  # (B, [T,] n·C)
        return scores.unflatten(-1, (self.count, -1)).softmax(dim=-2).to(joined.dtype).unbind(dim=-2)


class Zeta(nn.Module):
    """ζ for two signals of equal shape.

    Args:
        channels: C.
        kind: `half` (constant ½), `learned` (a `ZetaNetwork`), `channel` (a parameter per channel).
        source_channels: channels of the network's input; 2C unless a `source` is given to `forward`.
        hidden, norm: see `ZetaNetwork`.
        full_map: for maps, ζ per position instead of per channel.

    Shape: (B, C) and (B, T, C) give ζ of the same shape; (B, C, H, W) gives (B, C, 1, 1), or the full map.
    """

    def __init__(
        self,
        channels: int,
        kind: ZetaKind = "learned",
        *,
        source_channels: int | None = None,
        hidden: int = 128,
        norm: ZetaNorm = "batch",
        full_map: bool = False,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.full_map = full_map
        if kind == "learned":
            self.network = ZetaNetwork(source_channels or 2 * channels, channels, hidden, norm)
        elif kind == "channel":
            self.logit = nn.Parameter(torch.zeros(channels))  # ζ starts at ½

    def forward(self, x1: Tensor, x2: Tensor, source: Tensor | None = None) -> Tensor:
        """ζ from [x1; x2], or from `source` (channels in the place where x1 has them)."""
        is_map = x1.dim() == 4
        if self.kind == "learned":
            return self._learned(torch.cat((x1, x2), dim=1 if is_map else -1) if source is None else source).to(
                x1.dtype
            )
        shape = (*x1.shape[:2], 1, 1) if is_map else x1.shape
        if self.kind == "half":
            return x1.new_full((), 0.5).expand(shape)
        zeta = torch.sigmoid(self.logit).to(x1.dtype)  # (C,)
        return (zeta[:, None, None] if is_map else zeta).expand(shape)

    def _learned(self, source: Tensor) -> Tensor:
        if source.dim() < 4:
            return self.network(source.flatten(0, -2)).unflatten(0, source.shape[:-1])  # (B, [T,] C)
        if not self.full_map:
            return self.network(source.mean(dim=(2, 3)))[:, :, None, None]  # (B, C, 1, 1)
        rows = source.movedim(1, -1)  # (B, H, W, S)
        return self.network(rows.flatten(0, 2)).unflatten(0, rows.shape[:3]).movedim(-1, 1)  # (B, C, H, W)

    def extra_repr(self) -> str:
        return f"kind={self.kind}"
