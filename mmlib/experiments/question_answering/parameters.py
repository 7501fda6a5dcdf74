"""Parameters of audio-visual question answering. The defaults are a run of seconds on a CPU.

Published are two recipes. MUSIC-AVQA's: Adam, 1e-4 times .1 every 8 epochs, tanh. IEMF's: SGD, 1e-2 times .1 every 15
of 50 epochs, no tanh, baselines included. Torch is not loaded here.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mmlib.experiments.settings import (
    Count,
    DataSettings,
    IEMFSettings,
    Index,
    NotNegative,
    Positive,
    RecipeSettings,
    about,
)


class Parameters(RecipeSettings, IEMFSettings, DataSettings):
    """One run: data, network, grounding, IEMF, training."""

    experiment: ClassVar[str] = "question_answering"

    # Data
    dataset: Literal["synthetic_avqa", "grid_questions", "music_avqa", "music_avqa_updated"] = about(
        "synthetic_avqa", "data set; synthetic_avqa is generated and needs nothing"
    )
    feature_storage: Literal["float16", "float32"] = about("float16", "number format of prepared features")
    question_tokens: Literal["published", "clean"] = about(
        "published", "music_avqa: how questions become words, by the published rule or a clean one"
    )
    grid_train_questions: Annotated[int, Field(ge=64)] = about(
        8000, "grid_questions: training questions, of all types equally many; a multiple of 64"
    )
    synthetic_clips: Annotated[int, Field(ge=20)] = about(400, "synthetic_avqa: clips in all splits together")
    synthetic_questions: Count = about(4, "synthetic_avqa: questions on each clip, of different types")
    synthetic_audio_features: Count = about(16, "synthetic_avqa: channels of the sound")
    synthetic_visual_features: Count = about(16, "synthetic_avqa: channels of the maps")
    synthetic_map: Count = about(3, "synthetic_avqa: positions a side of the maps")
    synthetic_audio_strength: NotNegative = about(4.0, "synthetic_avqa: an instrument's sound, in deviations of noise")
    synthetic_visual_strength: NotNegative = about(4.0, "synthetic_avqa: its picture, in deviations of noise")

    # Network
    network: Literal["baseline", "avst"] = about(
        "baseline", "baseline: the question attends to seconds; avst: sound attends to the picture before"
    )
    modalities: Literal["both", "audio", "visual", "none"] = about(
        "both", "what is there beside the question; none: the question alone"
    )
    feature_channels: Count = about(32, "size of all vectors (published: 512); a multiple of attention_heads")
    attention_heads: Count = about(4, "heads of the question's attention to seconds")
    dropout: Annotated[float, Field(ge=0, lt=1)] = about(0.1, "of that attention and of the layers after it")
    pooling: Literal["attention", "mean"] = about(
        "attention", "seconds become one vector by the question's attention, or as their mean"
    )
    tanh: bool = about(True, "tanh before the fusion and before the answer (MUSIC-AVQA); IEMF took both away")
    second_codes: bool = about(False, "a learned code of each second (ours): published networks know no order")
    unimodal_heads: Literal["none", "attached", "detached"] = about(
        "none", "a head with its own loss on each modality's vector; detached heads do not train the rest"
    )
    unimodal_weight: NotNegative = about(1.0, "unimodal heads: weight of each one's loss; 0 builds no heads")

    # AVST's grounding
    match_weight: NotNegative = about(
        0.5, "avst: weight of the loss of telling frames of other clips; 0 builds no head for it"
    )
    pretrain_epochs: Index = about(0, "avst: epochs of a first stage that learns that alone (published: 30); 0: none")
    pretrain_batch_size: Count = about(64, "first stage: seconds per step")
    pretrain_learning_rate: Positive = about(0.0001, "first stage: Adam's learning rate")
    pretrain_step_size: Count = about(8, "first stage: epochs between drops of the rate to a tenth")
    pretrain_clips: Literal["all", "recorded"] = about(
        "all", "first stage: all training clips, or (published) those named by digits alone, which are recorded"
    )

    # Training
    epochs: Count = about(6, "passes over the training questions (published: 20 or 80 by Adam, 50 by SGD)")
    batch_size: Annotated[int, Field(ge=2)] = about(
        32, "questions per step, over all processes together (published: 64)"
    )
    optimizer: Literal["sgd", "adam", "adamw"] = about("adam", "optimiser: adam (MUSIC-AVQA) or sgd (IEMF)")
    learning_rate: Positive = about(0.001, "learning rate at the start (published: 1e-4 by Adam, 1e-2 by SGD)")
    weight_decay: NotNegative = about(0.0, "weight decay (published: none by Adam, 1e-4 by SGD)")
    schedule: Literal["step", "cosine", "constant"] = about("constant", "learning rate schedule, stepped per epoch")
    step_size: Count = about(8, "step schedule: epochs between drops (published: 8 by Adam, 15 by SGD)")

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.feature_channels % self.attention_heads:
            raise ValueError(
                f"feature_channels = {self.feature_channels} must be a multiple of attention_heads = "
                f"{self.attention_heads}"
            )
        if self.grid_train_questions % 64:
            raise ValueError(
                f"grid_train_questions = {self.grid_train_questions} must be a multiple of 64, so that all types are "
                "asked equally often in every split"
            )
        if self.label_smoothing:
            raise ValueError("label_smoothing: the losses of question answering have none; set it to 0")
        if self.network == "avst" and self.modalities != "both":
            raise ValueError(
                f"network = 'avst' looks for what it hears in the picture, and modalities = {self.modalities!r}: set "
                "modalities = 'both' or network = 'baseline'"
            )
        if self.network == "avst" and self.feature_channels % 4:
            raise ValueError(f"feature_channels = {self.feature_channels}: avst's match head needs a multiple of 4")
        self._check_heads()
        return self

    def _check_heads(self) -> None:
        if self.has_heads and self.modalities == "none":
            raise ValueError(
                "unimodal_heads judge sound and picture, and modalities = 'none'; set unimodal_heads = 'none'"
            )
        if not self.iemf:
            return
        if self.modalities != "both":
            raise ValueError(f"iemf = true weighs two modalities; modalities = {self.modalities!r}: set it to 'both'")
        if self.iemf_scores == "heads" and not self.has_heads:
            raise ValueError(
                "iemf = true scores each modality by its own head: set unimodal_heads = 'attached' (with "
                "unimodal_weight above 0), or 'detached' if the heads are not to train the rest; or iemf_scores = "
                "'halves', which scores the answer with the other modality at zero"
            )

    @property
    def has_heads(self) -> bool:
        """Whether unimodal heads are built."""
        return self.unimodal_heads != "none" and self.unimodal_weight > 0

    @property
    def matches(self) -> bool:
        """Whether the network learns to tell frames of other clips while it learns to answer."""
        return self.network == "avst" and self.match_weight > 0

    @property
    def first_stage(self) -> int:
        """Epochs of the first stage; 0 where there is none."""
        return self.pretrain_epochs if self.network == "avst" else 0

    @property
    def shown(self) -> tuple[str, ...]:
        """The modalities that the network sees beside the question."""
        return {"both": ("audio", "visual"), "none": ()}.get(self.modalities, (self.modalities,))

    def slug(self) -> str:
        """For example `music_avqa-avst-pretrained-iemf-s0`, `grid_questions-baseline-audio-s0`."""
        parts = [self.dataset, self.network]
        parts += {"both": [], "none": ["question"]}.get(self.modalities, [self.modalities])
        parts += ["mean"] if self.pooling == "mean" else []
        parts += ["pretrained"] if self.first_stage else []
        parts += ["iemf"] if self.iemf else [self.unimodal_heads] if self.has_heads else []
        return "-".join([*parts, f"s{self.seed}"])
