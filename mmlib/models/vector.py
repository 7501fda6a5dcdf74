"""An encoder of plain feature vectors: two linear layers with ReLU. Not from a paper."""

from __future__ import annotations

from torch import Tensor, nn

from mmlib.errors import UsageError


class VectorEncoder(nn.Module):
    """Features (B, channels) of vectors (B, inputs).

    Raises `UsageError` for an input of another shape.
    """

    def __init__(self, inputs: int, channels: int = 64) -> None:
        super().__init__()
        self.inputs, self.channels = inputs, channels
        self.body = nn.Sequential(nn.Linear(inputs, channels), nn.ReLU(), nn.Linear(channels, channels), nn.ReLU())

    def forward(self, inputs: Tensor) -> Tensor:
        if inputs.dim() != 2 or inputs.shape[1] != self.inputs:
            raise UsageError(f"VectorEncoder({self.inputs}) takes (B, {self.inputs}); got {tuple(inputs.shape)}.")
        return self.body(inputs)  # (B, channels)
