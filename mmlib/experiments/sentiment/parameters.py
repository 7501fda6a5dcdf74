"""Parameters of MIM, sentiment from three modalities. The defaults are a run of seconds on a CPU.

Published code leaves much open, because it does not run: each guess is a switch here. Torch is not loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mmlib.experiments.settings import Count, DataSettings, Fraction, NotNegative, Positive, RecipeSettings, about


class Parameters(RecipeSettings, DataSettings):
    """One run of MIM: data, network, purification, guidance, training."""

    experiment: ClassVar[str] = "sentiment"

    # Data
    dataset: Literal["synthetic_sentiment", "mosi_windows", "mosi", "mosei"] = about(
        "synthetic_sentiment", "data set; synthetic_sentiment is generated and needs nothing"
    )
    synthetic_samples: Annotated[int, Field(ge=20)] = about(480, "synthetic_sentiment: samples in all splits together")
    synthetic_steps: Annotated[int, Field(ge=2)] = about(12, "synthetic_sentiment: steps of the longest sequence")
    synthetic_noise_share: Annotated[float, Field(ge=0, lt=1)] = about(
        0.4, "synthetic_sentiment: share of noise steps in each modality"
    )
    mosi_window: Count = about(10, "mosi_windows: utterances of a sample, the newest first")
    mosi_label: Literal["utterance", "majority"] = about(
        "utterance", "mosi_windows: label of the newest utterance, or what most of the window are"
    )
    mosi_replaced: str = about("", "mosi_windows: modalities with steps from other videos, joined by +; empty for none")
    mosi_replaced_share: Fraction = about(0.3, "mosi_windows: share of such steps in each video")
    bert: str = about(
        "", "mosi, mosei: folder in data_root with BERT's weights and vocab.txt; empty for learned word vectors"
    )

    # Network
    feature_channels: Count = about(20, "size of a step in all modalities (published: 80)")
    layers: Count = about(1, "layers of each transformer (published: 3)")
    heads: Count = about(5, "attention heads; feature_channels is a multiple of it and of 2")
    word_channels: Count = about(32, "size of learned word vectors; without effect with BERT")
    dropout: Annotated[float, Field(ge=0, le=2)] = about(
        0.3, "factor on the published rates, .2 of embeddings, .5 of attention, .3 of hidden units and residuals"
    )
    fusion: Literal["product", "sum", "concat"] = about("product", "fusion of the vectors of all modalities")
    activation: Literal["tanh", "relu"] = about("tanh", "before the mean over steps (missing in published code)")
    padding: Literal["masked", "published"] = about("masked", "padding is left out, or takes part as published")

    # Purification
    purification: bool = about(True, "a purification network for each modality")
    purification_ratio: Count = about(5, "steps over the width of the bottleneck over time")
    time_mixing: bool = about(
        False, "scores of all steps are mixed before the gates, as published: by a bottleneck, which blurs single steps"
    )
    gate_bias: float = about(0.0, "added to the gates' logits: 3, as published, begins 94 % open, 0 begins 44 % open")
    gate_noise: Literal["train", "always"] = about("train", "noise of the gates: in training, or always as published")
    penalty_weight: NotNegative = about(
        1.5, "weight of the penalty, the gates' chance not to be closed (published: 0.1)"
    )

    # Guidance
    unimodal_weight: NotNegative = about(1.0, "weight of the heads' losses, raw and purified; 0 builds no heads")
    granularity: Literal["sample", "batch"] = about(
        "sample", "teachers and their weights are those of each sample (paper) or of the batch (published code)"
    )
    intra: NotNegative = about(1.0, "weight of guidance within a modality; 0 for none")
    intra_distance: Literal["squared", "kl"] = about("squared", "between the outputs of teacher and student")
    intra_heads: bool = about(True, "guidance within a modality trains the heads too, as published code does")
    inter: NotNegative = about(1.0, "weight of guidance between modalities; 0 for none")
    inter_on: Literal["features", "outputs"] = about("features", "what the teacher hands on, purified")
    temperature: Positive = about(10.0, "between modalities: temperature T₀ before it is adjusted")
    scale_inside: bool = about(False, "between modalities: the temperature also divides inside the softmax")

    # Training
    update: Literal["purification_first", "model_first", "one"] = about(
        "purification_first", "two optimisers from one graph in either order (published: purification first), or one"
    )
    epochs: Count = about(8, "passes over the training split (published: 100)")
    batch_size: Annotated[int, Field(ge=2)] = about(32, "samples per step, over all processes together (published: 16)")
    drop_last: bool = about(False, "leave out the last, smaller batch of an epoch, as published")
    optimizer: Literal["sgd", "adam", "adamw"] = about("adam", "optimiser; purification has one of its own")
    learning_rate: Positive = about(0.005, "learning rate (published: 1e-5)")
    weight_decay: NotNegative = about(0.0, "weight decay")
    schedule: Literal["step", "cosine", "constant"] = about("constant", "learning rate schedule, stepped per epoch")

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.feature_channels % self.heads or self.feature_channels % 2:
            raise ValueError(
                f"feature_channels = {self.feature_channels} must be a multiple of heads = {self.heads} and of 2"
            )
        if (self.intra or self.inter) and not self.unimodal_weight:
            raise ValueError(
                "guidance needs heads, which unimodal_weight = 0 does not build: give it a weight, or set intra and "
                "inter to 0"
            )
        if self.intra and not self.purification:
            raise ValueError(
                "guidance within a modality compares raw with purified: set purification = true or intra = 0"
            )
        if self.label_smoothing:
            raise ValueError("label_smoothing: the losses of MIM have none; set it to 0")
        if self.bert and self.dataset not in ("mosi", "mosei"):
            raise ValueError(f"bert reads words, which dataset = {self.dataset!r} does not have; leave it empty")
        return self

    @property
    def task(self) -> Literal["regression", "classification"]:
        """What the data set is learned as."""
        return "classification" if self.dataset == "mosi_windows" else "regression"

    def data_key(self) -> str:
        return f"{super().data_key()} {self.bert}"

    def missing_data(self) -> str | None:
        reason = super().missing_data()
        if reason or not self.bert:
            return reason
        vocabulary = Path(self.located().data_root) / self.bert / "vocab.txt"
        if vocabulary.is_file():
            return None
        return (
            f"{vocabulary} is missing: put BERT's weights and vocabulary there, or leave bert empty for learned word "
            "vectors, whose numbers do not compare with published ones."
        )

    def slug(self) -> str:
        """For example `mosi-product-purified-intra-inter-s0`."""
        parts = [self.dataset, self.fusion]
        parts += ["purified"] if self.purification else []
        parts += [name for name in ("intra", "inter") if getattr(self, name)]
        return "-".join([*parts, f"s{self.seed}"])
