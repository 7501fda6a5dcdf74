"""The audio-visual network of class-incremental learning, whose heads grow with the classes.

Pian et al., "Audio-Visual Class-Incremental Learning", ICCV 2023 (AV-CIL); He et al., "Incorporating brain-inspired
mechanisms for multimodal learning in artificial intelligence", 2025 (IEMF).

Paper says (AV-CIL): audio-guided attention pools the visual tokens, both vectors are projected, added and classified.
Published code does: f_a = ReLU(W_a x_a), f_v = ReLU(W_v pooled), f = f_a + f_v, a linear head, of 768 channels
    throughout. IEMF leaves both ReLUs out, in its baselines too, and adds linear heads on f_a and f_v, which the
    baselines carry untrained. A grown head is a new linear layer with the old rows and biases copied. AFC puts the
    local similarity classifier in the head's place.
We do: the same for any sizes. `activation` says which form; heads of the modalities are built where they are trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor, nn

from mmlib.errors import UsageError
from mmlib.fusion import FusionOutput
from mmlib.fusion.options import check_choice
from mmlib.models.channel_attention import MOST_ELEMENTS, AttentionMaps, ChannelAttention
from mmlib.models.local_similarity import PROXIES, LocalSimilarityClassifier
from mmlib.models.unimodal_heads import HeadsName, UnimodalHeads

Activation = Literal["none", "relu"]
ClassifierName = Literal["linear", "local_similarity"]
CHANNELS = 768


@dataclass
class IncrementalOutput(FusionOutput):
    """What one pass gives. `features` are f_a as `audio` and f_v as `visual`, (B, C), and so are `terms`."""

    pooled: Tensor | None = None
    """(B, visual) the tokens pooled by attention, before their projection."""
    attention: AttentionMaps | None = None
    """Of the clips they were asked for."""
    scale: Tensor | None = None
    """η of the local similarity classifier, 0-d."""


class IncrementalAudioVisual(nn.Module):
    """Scores (B, K) of the classes seen so far.

    Args:
        num_classes: K, of the first step; see `grow`.
        audio_channels, visual_channels: sizes of the sound's vector and of a visual token.
        feature_channels: C, size of f_a, f_v and f; that of a token unless given.
        activation: `none` as IEMF runs it, `relu` as AV-CIL.
        classifier: `linear`, or AFC's `local_similarity`.
        attention: pools the tokens; False where a clip comes with one visual vector, which is projected as it is.
        unimodal_heads: a linear head on each of f_a and f_v; `detached`: whose loss does not reach the features.
        proxies, keep_scale: of the local similarity classifier.
        most_elements: of tokens worked on at once, see `ChannelAttention`.

    Weights are torch's default, drawn from its global generator. Set `heads_active` to False where no loss trains the
    unimodal heads: the output then has no `head_logits`. Raises `ParameterError` for an unknown name.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        audio_channels: int = CHANNELS,
        visual_channels: int = CHANNELS,
        feature_channels: int | None = None,
        activation: Activation = "none",
        attention: bool = True,
        classifier: ClassifierName = "linear",
        unimodal_heads: HeadsName = "none",
        proxies: int = PROXIES,
        keep_scale: bool = False,
        most_elements: int = MOST_ELEMENTS,
    ) -> None:
        super().__init__()
        check_choice("activation", activation, Activation)
        check_choice("classifier", classifier, ClassifierName)
        check_choice("unimodal_heads", unimodal_heads, HeadsName)
        size = visual_channels if feature_channels is None else feature_channels
        self.attention = None
        if attention:
            self.attention = ChannelAttention(audio_channels, visual_channels, most_elements=most_elements)
        self.project_audio = nn.Linear(audio_channels, size)
        self.project_visual = nn.Linear(visual_channels, size)
        self.activation = nn.ReLU() if activation == "relu" else nn.Identity()
        if classifier == "linear":
            self.classifier: nn.Linear | LocalSimilarityClassifier = nn.Linear(size, num_classes)
        else:
            self.classifier = LocalSimilarityClassifier(size, num_classes, proxies, keep_scale=keep_scale)
        self.unimodal_heads, self.heads_active = None, True
        if unimodal_heads != "none":
            detached = unimodal_heads == "detached"
            self.unimodal_heads = UnimodalHeads({"audio": size, "visual": size}, num_classes, detached=detached)

    @property
    def may_leave_out(self) -> bool:
        """Whether a pass may not use all parameters, which replicas must know (`mmlib.training.distributed`)."""
        return self.unimodal_heads is not None

    @property
    def num_classes(self) -> int:
        """K, old and new classes together."""
        head = self.classifier
        return head.out_features if isinstance(head, nn.Linear) else head.num_classes

    def forward(self, inputs: dict[str, Tensor], *, attention_of: slice | None = None) -> IncrementalOutput:
        """Classify a batch.

        Args:
            inputs: `audio` (B, audio_channels) and `visual` (B, T, P, visual_channels), of any floating type; without
                attention `visual` (B, visual_channels).
            attention_of: rows whose attention weights are wanted, (M, T, P, visual_channels) of M clips: for exemplars
                after n new clips `slice(n, None)`. None for none.
        """
        missing = [name for name in ("audio", "visual") if name not in inputs]
        if missing:
            raise UsageError(f"the network got no input for {', '.join(missing)}; it got {', '.join(inputs)}.")
        audio, visual = inputs["audio"].to(self.project_audio.weight.dtype), inputs["visual"]
        if self.attention is None:
            pooled, maps = visual.to(audio.dtype), None
        else:
            pooled, maps = self.attention(audio, visual, attention_of)
        output = self.classify(self.activation(self.project_audio(audio)), pooled)
        output.attention = maps
        return output

    def classify(self, audio_feature: Tensor, pooled: Tensor) -> IncrementalOutput:
        """The rest of the pass, from f_a (B, C) and the pooled tokens (B, visual_channels)."""
        features = {"audio": audio_feature, "visual": self.activation(self.project_visual(pooled))}  # (B, C)
        fused = features["audio"] + features["visual"]
        there = self.unimodal_heads is not None and self.heads_active
        return IncrementalOutput(
            self.classifier(fused),
            fused,
            dict(features),
            dict(features),
            head_logits=self.unimodal_heads(features) if there else None,
            pooled=pooled,
            scale=None if isinstance(self.classifier, nn.Linear) else self.classifier.scale,
        )

    def grow(self, new_classes: int) -> Self:
        """Add classes to every head: old rows and biases stay, new ones are drawn from torch's global generator.

        Optimisers and modulations hold the old heads: build them after. Raises `UsageError` for fewer than one class.
        """
        if new_classes < 1:
            raise UsageError(f"a head grows by one class or more; got {new_classes}.")
        if isinstance(self.classifier, nn.Linear):
            self.classifier = grown_linear(self.classifier, new_classes)
        else:
            self.classifier.grow(new_classes)
        if self.unimodal_heads is not None:
            for modality, head in self.unimodal_heads.heads.items():
                self.unimodal_heads.heads[modality] = grown_linear(head, new_classes)
        return self

    @torch.no_grad()
    def unimodal_logits(self, output: IncrementalOutput) -> dict[str, Tensor]:
        """Class scores (B, K) of each modality alone, without gradient.

        Of a linear head its share, W f_m + b/2; the local similarity classifier has none, and scores each feature.
        """
        if not isinstance(self.classifier, nn.Linear):
            return {modality: self.classifier(feature) for modality, feature in output.features.items()}
        half = self.classifier.bias / 2
        return {m: torch.addmm(half, f, self.classifier.weight.T) for m, f in output.features.items()}

    def modality_parameters(self, *, heads: bool = False) -> dict[str, list[nn.Parameter]]:
        """What serves each modality before they meet in f, with `heads` also its own head."""
        groups = {"audio": [*self.project_audio.parameters()], "visual": [*self.project_visual.parameters()]}
        if self.attention is not None:
            groups["audio"] = [*self.attention.project_audio.parameters(), *groups["audio"]]
            groups["visual"] = [*self.attention.project_visual.parameters(), *groups["visual"]]
        if heads and self.unimodal_heads is not None:
            for modality, head in self.unimodal_heads.heads.items():
                groups[modality] += head.parameters()
        return groups

    def mixing_parameters(self) -> list[nn.Parameter]:
        """The classifier's, which alone sees both modalities at once: the fusion layer of IEMF."""
        return list(self.classifier.parameters())


@torch.no_grad()
def grown_linear(layer: nn.Linear, new_outputs: int) -> nn.Linear:
    """A new linear layer with the old rows first, and torch's default in the new ones."""
    old = layer.out_features
    grown = nn.Linear(layer.in_features, old + new_outputs, bias=layer.bias is not None).to(layer.weight)
    grown.weight[:old] = layer.weight
    if layer.bias is not None:
        grown.bias[:old] = layer.bias
    return grown
