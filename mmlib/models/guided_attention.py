"""Audio-guided visual attention: where in the picture is what one hears? Shared by AVGA, DMRN and PSP.

Tian et al., "Audio-Visual Event Localization in Unconstrained Videos", ECCV 2018.

Paper says: α = softmax(w_h tanh(W_v U_v V + (W_g U_a a) 1ᵀ)), the audio's projection added to every position.
Published code does: adds entry j of the audio's projection to position j, for all attention units alike; it runs only
    because the attention has as many units as the map has positions. Xavier weights; no dropout. PSP inherited it.
We do: `audio_axis="position"` as published (the networks of Table 2 were trained so), `"unit"` as in the paper.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlib.errors import ParameterError, UsageError

AudioAxis = Literal["position", "unit"]


class GuidedAttention(nn.Module):
    """Weighted mean of a map's positions, the weights from the sound of the same segment.

    Args:
        audio, visual: sizes of an audio feature and of a position of the map.
        positions: P, positions of a map; with `audio_axis="position"` also the number of attention units.
        width: size of the projections U_a, U_v.
        audio_axis: see above.

    Shape: audio (B, T, audio) and map (B, T, H, W, visual) in, with H·W = P; attended map (B, T, visual) and weights
    (B, T, P) out. Raises `UsageError` for another number of positions.
    """

    def __init__(
        self, audio: int, visual: int, positions: int, *, width: int = 512, audio_axis: AudioAxis = "position"
    ) -> None:
        super().__init__()
        if audio_axis not in get_args(AudioAxis):
            raise ParameterError(f"audio_axis is {audio_axis!r}; choose one of 'position', 'unit'.")
        self.positions, self.audio_axis = positions, audio_axis
        self.project_audio = nn.Linear(audio, width)  # U_a
        self.project_visual = nn.Linear(visual, width)  # U_v
        self.visual_units = nn.Linear(width, positions, bias=False)  # W_v
        self.audio_units = nn.Linear(width, positions, bias=False)  # W_g
        self.score = nn.Linear(positions, 1, bias=False)  # w_h
        for layer in self.children():
            nn.init.xavier_uniform_(layer.weight)

    def scores(self, audio: Tensor, visual: Tensor) -> Tensor:
        """z (N, P) before the softmax, from audio (N, audio) and positions (N, P, visual)."""
        # In place: the linear layer's backward does not need its own output, which is the largest tensor here.
        units = self.visual_units(F.relu(self.project_visual(visual), inplace=True))  # (N, P, units)
        guide = self.audio_units(F.relu(self.project_audio(audio)))  # (N, units)
        guide = guide[:, :, None] if self.audio_axis == "position" else guide[:, None, :]
        return self.score(torch.tanh(units + guide)).squeeze(-1)  # (N, P)

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        places = visual.flatten(0, 1).flatten(1, 2)  # (B·T, P, visual)
        if places.shape[1] != self.positions:
            raise UsageError(
                f"GuidedAttention was built for maps of {self.positions} positions; got {tuple(visual.shape[2:4])}."
            )
        weights = torch.softmax(self.scores(audio.flatten(0, 1), places), dim=-1)  # (B·T, P)
        attended = torch.bmm(weights[:, None], places).squeeze(1)  # (B·T, visual), of the map as it came in
        return attended.unflatten(0, visual.shape[:2]), weights.unflatten(0, visual.shape[:2])

    def matrices(self, split: bool) -> dict[str, list[nn.Parameter]]:
        """Weights by the modality they serve; `split` gives the audio's projections to audio."""
        audio = [self.project_audio.weight, self.audio_units.weight]
        visual = [self.project_visual.weight, self.visual_units.weight, self.score.weight]
        return {"audio": audio, "visual": visual} if split else {"audio": [], "visual": visual + audio}
