"""What all encoders share: maps of each frame, an optional SimAM on them, and the average over frames and positions."""

from __future__ import annotations

from torch import Tensor, nn

from mmlib.errors import UsageError
from mmlib.fusion.simam import SimAM


class MapEncoder(nn.Module):
    """Features of spectrograms or frames: the mean of a convolutional body's maps.

    Args:
        body: maps (N, in_channels, H, W) to (N, channels, h, w).
        in_channels, channels: of the body.
        simam: gate the maps with SimAM before they are averaged.

    Shape: a spectrogram (B, in_channels, F, T') or frames (B, in_channels, T, H, W) in, (B, channels) out. Frames are
    encoded one by one and averaged over time and space.
    Raises: `UsageError` for an input of another shape.
    """

    def __init__(self, body: nn.Module, in_channels: int, channels: int, *, simam: bool = False) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.channels = channels
        self.body = body
        self.attention = SimAM() if simam else nn.Identity()

    def maps(self, inputs: Tensor) -> Tensor:
        """(B, C, h, w) for a spectrogram, (B, T, C, h, w) for frames."""
        if inputs.dim() not in (4, 5) or inputs.shape[1] != self.in_channels:
            raise UsageError(
                f"{type(self).__name__}({self.in_channels}) takes (B, {self.in_channels}, F, T) or "
                f"(B, {self.in_channels}, T, H, W); got {tuple(inputs.shape)}."
            )
        if inputs.dim() == 4:
            return self.attention(self.body(inputs))  # (B, C, h, w)
        frames = inputs.transpose(1, 2)  # (B, T, in, H, W)
        maps = self.attention(self.body(frames.flatten(0, 1)))  # (B·T, C, h, w)
        return maps.unflatten(0, frames.shape[:2])  # (B, T, C, h, w)

    def forward(self, inputs: Tensor) -> Tensor:
        features = self.maps(inputs).mean(dim=(-2, -1))  # (B, C) or (B, T, C)
        return features if features.dim() == 2 else features.mean(dim=1)  # (B, C)
