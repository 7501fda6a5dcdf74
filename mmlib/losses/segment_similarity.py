"""Audio-visual pair similarity of segments: both modalities should agree where the event is, and only there (PSP).

Zhou et al., "Positive Sample Propagation along the Audio-Visual Event Line", CVPR 2021.

Paper says: the rectified cosines of a clip, normalised over its segments, are compared with 1/n on the n segments of
    the event and 0 elsewhere, by the mean squared error; weight 100.
Published code does: writes the targets of event segments into a buffer that is never cleared, so that background
    segments keep what an earlier batch left there: most partly covered clips are trained on wrong targets.
We do: clean targets; `Targets("stale")` repeats the published buffer, with all of its quirks. Several processes share
    one: a clip's place in it is its place in the whole batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlib.collectives import all_rows
from mmlib.errors import ParameterError

AvpsTarget = Literal["clean", "stale"]
EPSILON = 1e-8


def segment_similarity(similarity: Tensor, target: Tensor) -> Tensor:
    """Mean squared error, 0-d, between the shares of rectified cosines (B, T) and targets (B, T)."""
    rectified = F.relu(similarity)
    shares = rectified / (rectified.sum(dim=-1, keepdim=True) + EPSILON)
    return F.mse_loss(shares, target)


class Targets:
    """Targets (B, T) of `segment_similarity` from classes (B, T) of segments, `background` being no event."""

    def __init__(self, kind: AvpsTarget, background: int) -> None:
        if kind not in ("clean", "stale"):
            raise ParameterError(f"avps_target is {kind!r}; choose one of 'clean', 'stale'.")
        self.kind, self.background = kind, background
        self._buffer: Tensor | None = None  # of "stale"

    def state_dict(self) -> dict[str, Tensor]:
        """What a resumed run needs: the buffer of "stale" targets, if one was made."""
        return {} if self._buffer is None else {"buffer": self._buffer}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from `state_dict()`."""
        self._buffer = state.get("buffer")

    def __call__(self, classes: Tensor) -> Tensor:
        event = classes != self.background  # (B, T)
        if self.kind == "clean":
            return event / event.sum(dim=-1, keepdim=True).clamp(min=1)
        # Published: a clip without an event counts as one of background from start to end.
        event, own = all_rows(event | ~event.any(dim=-1, keepdim=True))
        share = event / event.sum(dim=-1, keepdim=True)
        if self._buffer is None or len(self._buffer) < len(event):
            kept, self._buffer = self._buffer, torch.zeros_like(share)
            if kept is not None:
                self._buffer[: len(kept)] = kept
        self._buffer = self._buffer.to(share.device)  # a checkpoint's lies in main memory
        here = self._buffer[: len(event)]
        here.copy_(torch.where(event, share, here))
        return here[own : own + len(classes)].clone()
