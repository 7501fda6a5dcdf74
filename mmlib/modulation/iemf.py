"""IEMF: the weaker the single cues, the larger the update of the layer that fuses them (inverse effectiveness).

He et al., "Incorporating brain-inspired mechanisms for multimodal learning in artificial intelligence", 2025
(arXiv 2505.10176).

Paper says: a score of each modality's own output against that of the fused one gives I, and the update of the fusion
    weights becomes Δw·I. Its figure draws the unimodal branches as forward only and shows no noise.
Published code does: s = Σ_i softmax(z_i)[y_i] of each unimodal head and of the fused logits, r = mean(s_a, s_v) / s_av,
    I = ψ (1 + tanh(1 - r)), and g ← I g + n on the weight and the bias of the fusion layer, n ~ N(0, (std(g) + 1e-8)²)
    with the unbiased deviation of each unscaled gradient. It adds both heads' losses, which train the encoders, at
    every epoch, whatever the window. For Adam it scales the learning rate of the layer's parameter group instead, from
    the base rate at every step and without noise. In continual learning all scores are of the newest classes and of
    the new samples alone, with the softmax inside that slice.
We do: the same, for two modalities or more, with each part a switch of its own. The heads' losses are a part of the
    loss and not of this class (`mmlib.losses.unimodal`); attached or detached heads are a choice of the model
    (`mmlib.models.UnimodalHeads`). Scores are summed over processes before r is formed. In the modes `step` and
    `learning_rate` no noise is added, as published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from mmlib.errors import ParameterError, UsageError
from mmlib.modulation.mechanism import Generators
from mmlib.modulation.ogm import add_noise
from mmlib.modulation.policy import Modulation, Observation
from mmlib.modulation.ratios import decoupled_scores, score_ratio
from mmlib.modulation.tensors import Tensors

ScoreSource = Literal["heads", "halves"]
FUSED = "fused logits"
"""Name of the fused output among the scores of the modalities."""
NEEDS = {
    "heads": "head_logits of two modalities or more: pass head_logits={modality: head(feature)}, which a classifier of "
    "mmlib has with unimodal_heads = 'attached' or 'detached'",
    "halves": "unimodal_logits of two modalities or more: pass unimodal_logits=fusion.unimodal_logits(output), which "
    "every fusion of mmlib has",
}


def iemf_ratio(
    unimodal_logits: Mapping[str, Tensor], fused_logits: Tensor, targets: Tensor, rows: Tensor | None = None
) -> Tensor:
    """r: the mean score of two or more modalities over the score of the fused output, 0-d, at least 0.

    Args:
        unimodal_logits: (..., K) per modality; for a slice of the classes, logits and targets of that slice.
        fused_logits: (..., K).
        targets: (...) class indices in 0..K-1; a negative one leaves its row out.
        rows: (B,) bool, the samples that count; None for all.

    Raises `UsageError` for fewer than two modalities, or targets that are no class indices of these rows.
    """
    if len(unimodal_logits) < 2:
        raise UsageError(f"IEMF weighs two modalities or more; got logits of {', '.join(unimodal_logits) or 'none'}.")
    return ratio_of_scores(decoupled_scores({**unimodal_logits, FUSED: fused_logits}, targets, rows))


def ratio_of_scores(scores: Mapping[str, Tensor]) -> Tensor:
    """r, 0-d, of summed scores: those of the modalities, and the fused output's as `FUSED`."""
    alone = torch.stack([score for name, score in scores.items() if name != FUSED])
    return score_ratio(alone.mean(), scores[FUSED])


def iemf_coefficient(ratio: Tensor, gain: float = 1.0) -> Tensor:
    """I = ψ (1 + tanh(1 - r)), of any shape: at most 1.762 ψ (r = 0), ψ at r = 1, towards 0 for large r."""
    return gain * (1 + torch.tanh(1 - ratio))


class IEMF(Modulation):
    """g ← I g + n on the layer that fuses the modalities.

        iemf = IEMF({"fusion": fusion.parameters()}).attach(optimizer)
        iemf.observe(head_logits={"audio": ..., "visual": ...}, fused_logits=..., targets=...)  # in every step

    Args:
        groups: what is modulated, usually one group called `fusion`; see `mmlib.fusion.Fusion.mixing_parameters`.
        gain: ψ, at least 0.
        scores: `heads` takes the modalities' scores from `head_logits`, as published; `halves` from `unimodal_logits`,
            each modality's share of the fused output, which needs no heads.
        scaling: multiply by I; without it I counts as 1 (r is still reported).
        noise: add the noise, in the mode `apply_to="grad"`; the other modes never have any, as published.
        window: first and last epoch, inclusive; CREMA-D is published with (60, 100), all others with this one.
        tensors: which of the groups' tensors; all, as published.
        **settings: see `Mechanism`: seed, apply_to.

    `observe` scores the rows and classes it is given: for the newest classes of continual learning pass slices of the
    logits, targets counted from the slice's first class, and the new samples as `rows`.

    Attributes: `ratios` holds r as `iemf`, `coefficients` what each group was multiplied by, both 0-d.
    """

    def __init__(
        self,
        groups: Mapping[str, Iterable[nn.Parameter]],
        *,
        gain: float = 1.0,
        scores: ScoreSource = "heads",
        scaling: bool = True,
        noise: bool = True,
        window: tuple[int, int] | None = (0, 100),
        tensors: Tensors = "all",
        **settings: Any,
    ) -> None:
        super().__init__(groups, window=window, tensors=tensors, **settings)
        if gain < 0:
            raise ParameterError(f"IEMF: gain is {gain}; it must be at least 0.")
        if scores not in get_args(ScoreSource):
            raise ParameterError(f"IEMF: scores is {scores!r}; choose one of 'heads', 'halves'.")
        self.gain, self.source, self.scaling = gain, scores, scaling
        self.noise = noise and self.apply_to == "grad"
        self.needs = f"{NEEDS[scores]}, fused_logits=... and targets=... to observe()."

    def scores(self, seen: Observation) -> dict[str, Tensor] | None:
        alone = seen.head_logits if self.source == "heads" else seen.unimodal_logits
        if alone is None or len(alone) < 2 or seen.fused_logits is None or seen.targets is None:
            return None
        return decoupled_scores({**alone, FUSED: seen.fused_logits}, seen.targets, seen.rows)

    def decide(self, scores: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        ratio = ratio_of_scores(scores)
        coefficient = iemf_coefficient(ratio, self.gain) if self.scaling else torch.ones_like(ratio)
        return dict.fromkeys(self.groups, coefficient), {"iemf": ratio}

    def traced(self) -> dict[str, Tensor]:
        return {"iemf_ratio": self.ratios["iemf"]}

    def change(self, gradients: list[Tensor], coefficient: Tensor, generators: Generators) -> None:
        if self.noise:
            add_noise(gradients, coefficient, generators)
        else:
            super().change(gradients, coefficient, generators)
