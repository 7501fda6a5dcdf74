"""Parameters of class-incremental learning from audio and video. The defaults are a run of seconds on a CPU.

Where published code does something that no paper means, a switch repeats it; the defaults do not. Torch is not loaded.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mmlib.experiments.settings import (
    Count,
    DataSettings,
    Fraction,
    IEMFSettings,
    NotNegative,
    Positive,
    RecipeSettings,
    about,
)


class Parameters(RecipeSettings, IEMFSettings, DataSettings):
    """One sequence of steps by one method: data, network, method, memory, IEMF, training."""

    experiment: ClassVar[str] = "continual"
    # Data
    dataset: Literal[
        "synthetic_incremental",
        "grid_words_incremental",
        "av_cil_ave",
        "av_cil_kinetics_sounds",
        "av_cil_vggsound100",
    ] = about("synthetic_incremental", "data set; synthetic_incremental is generated and needs nothing")
    feature_storage: Literal["float16", "float32"] = about("float16", "number format of the prepared visual tokens")
    synthetic_classes: Annotated[int, Field(ge=2, le=1000)] = about(12, "synthetic_incremental: classes of all steps")
    synthetic_steps: Count = about(4, "synthetic_incremental: steps in which they arrive")
    synthetic_train_clips: Count = about(40, "synthetic_incremental: training clips of each class")
    synthetic_validation_clips: Count = about(10, "synthetic_incremental: validation clips of each class")
    synthetic_test_clips: Count = about(15, "synthetic_incremental: test clips of each class")
    synthetic_channels: Annotated[int, Field(ge=2)] = about(32, "synthetic_incremental: channels of sound and tokens")
    synthetic_time: Count = about(4, "synthetic_incremental: time steps of the tokens")
    synthetic_positions: Count = about(6, "synthetic_incremental: positions of the tokens in a frame")
    synthetic_similarity: Fraction = about(
        0.5, "synthetic_incremental: how much classes of different steps resemble one another (cosine)"
    )
    synthetic_audio_strength: NotNegative = about(4.0, "synthetic_incremental: the sound, in deviations of its noise")
    synthetic_visual_strength: NotNegative = about(3.0, "synthetic_incremental: the object, in deviations of the noise")

    visual_tokens: Literal["all", "mean"] = about(
        "all", "what the network sees of a clip: its tokens, or their mean, which leaves nothing to attend to (fast)"
    )

    # Network
    feature_channels: Count = about(32, "size of each modality's feature, which are added (published: 768)")
    activation: Literal["relu", "none"] = about("relu", "after the projections: relu (AV-CIL), or none (IEMF's runs)")

    # Method
    method: Literal[
        "fine_tuning",
        "lwf",
        "icarl_nme",
        "icarl_fc",
        "ss_il",
        "afc_nme",
        "afc_lsc",
        "av_cil",
        "replay",
        "joint",
    ] = about("av_cil", "method; replay is a control, fine_tuning and joint are the lower and the upper bound")
    temperature: Positive = about(2.0, "lwf, ss_il, av_cil: temperature T of the distillation")
    icarl_double_sigmoid: bool = about(False, "icarl: the sigmoid twice in the distillation, as published")
    contrast_temperature: Positive = about(0.05, "av_cil: temperature τ of the contrastive losses")
    instance_weight: NotNegative = about(0.5, "av_cil: λ_I, contrast of clips (AVE .5, others .1; IEMF runs .1)")
    class_weight: NotNegative = about(1.0, "av_cil: λ_C, contrast of classes")
    class_average: Literal["pairs", "positives"] = about(
        "pairs", "av_cil: contrast of classes over all pairs (published code), or over each row's positives (paper)"
    )
    attention_distillation: bool = about(True, "av_cil: keep the attention on exemplars; IEMF runs without")
    attention_balance: Fraction = about(0.5, "av_cil: λ, share of the spatial attention")
    attention_factor: NotNegative = about(
        1.0, "av_cil: factor on that loss, a sum over channels and time steps; 1 belongs to 768 and 8"
    )
    afc_proxies: Count = about(10, "afc: proxies of each class")
    afc_nca: Literal["paper", "published"] = about(
        "paper", "afc: NCA loss with its margin on the true class, or on all, where it has no effect"
    )
    afc_margin: NotNegative = about(0.6, "afc: margin of the NCA loss")
    afc_weight: NotNegative = about(0.5, "afc: weight of the consolidation, times sqrt(step + 1)")
    afc_keep_scale: bool = about(True, "afc: the learned scale goes on from step to step; published: again from 1")
    afc_random_importance: bool = about(
        False, "afc: importance from a network with random proxies for the new classes, as published"
    )

    # Exemplars
    memory_size: Count = about(48, "exemplars in all, shared by the classes seen")
    exemplar_batch_size: Count = about(128, "replay, ss_il, av_cil: exemplars beside the new clips in a step")
    exemplar_order: Literal["reshuffled", "cycled"] = about(
        "reshuffled", "where an epoch outlasts the exemplars: in another order, or in the same one, as published"
    )
    herding_repeats: bool = about(False, "icarl, afc: a clip may be chosen several times, as published")
    herding_padding: bool = about(
        False, "icarl_nme, afc_nme: missing exemplars of a class count as zeros in its mean, as published"
    )

    # IEMF; more in IEMFSettings
    unimodal_heads: Literal["attached", "detached"] = about(
        "attached", "IEMF: heads of the modalities, whose losses train the features too (published) or not"
    )
    unimodal_weight: NotNegative = about(1.0, "IEMF: weight of the heads' losses in its window; 0 builds no heads")
    iemf_keep_rate: bool = about(
        False, "IEMF: after its window the layer keeps the last scaled learning rate of a step, as published"
    )
    iemf_untrained_heads: bool = about(
        False, "IEMF: distil also from heads that the step before chose before their training, as published"
    )

    # Training
    epochs: Count = about(10, "passes over the training clips in each step")
    goes_on: Literal["validation", "last"] = about(
        "validation", "network of a step that the next one begins with: best on validation, as published, or the last"
    )
    batch_size: Count = about(64, "new clips per step of the optimiser, over all processes together (published: 256)")
    drop_last: bool = about(False, "leave out the last, smaller batch of an epoch, as published")
    optimizer: Literal["sgd", "adam", "adamw"] = about("adam", "optimiser, a new one in each step")
    learning_rate: Positive = about(0.003, "learning rate at the start of each step")
    schedule: Literal["step", "cosine", "constant"] = about("constant", "learning rate schedule, stepped per epoch")

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        """Combinations that cannot mean anything. Options without effect are allowed: rows of a table share them."""
        if self.iemf and self.iemf_scores == "heads" and not self.unimodal_weight:
            raise ValueError(
                "iemf = true scores each modality by its own head, which unimodal_weight = 0 does not build: give it a "
                "weight, or set iemf_scores = 'halves'"
            )
        if self.iemf and self.iemf_keep_rate and self.iemf_apply_to != "learning_rate":
            raise ValueError("iemf_keep_rate = true keeps a scaled learning rate: set iemf_apply_to = 'learning_rate'")
        if self.label_smoothing:
            raise ValueError("label_smoothing: the losses of continual learning have none; set it to 0")
        if self.dataset == "synthetic_incremental" and self.synthetic_steps > self.synthetic_classes:
            raise ValueError(
                f"synthetic_steps = {self.synthetic_steps} is more than there are classes, synthetic_classes = "
                f"{self.synthetic_classes}"
            )
        return self

    def slug(self) -> str:
        """For example `synthetic_incremental-av_cil-iemf-s0`."""
        parts = [self.dataset, self.method]
        parts += ["iemf"] if self.iemf else []
        return "-".join([*parts, f"s{self.seed}"])
