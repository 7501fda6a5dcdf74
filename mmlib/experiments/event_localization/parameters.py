"""Parameters of audio-visual event localisation (Table 2 of SimAM²). The defaults are a run of seconds on a CPU.

The same parameters describe the published recipes; only their values differ. Torch is not loaded here.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mmlib.experiments.event_localization.data_settings import SegmentDataSettings
from mmlib.experiments.settings import (
    Count,
    FusionSettings,
    Index,
    ModulationSettings,
    NotNegative,
    Positive,
    RecipeSettings,
    about,
)


class Parameters(RecipeSettings, ModulationSettings, FusionSettings, SegmentDataSettings):
    """One run of event localisation: data, network, fusion, modulation, training."""

    experiment: ClassVar[str] = "event_localization"
    # Data; more in SegmentDataSettings
    synthetic_clips: Annotated[int, Field(ge=12)] = about(400, "synthetic_ave: clips in all splits together")
    synthetic_audio_features: Count = about(16, "synthetic_ave: length of an audio feature")
    synthetic_visual_features: Count = about(32, "synthetic_ave: channels of a visual map")
    synthetic_map: Annotated[int, Field(ge=3)] = about(5, "synthetic_ave: side of a visual map, cells")
    order: Literal["shuffle", "file"] = about("shuffle", "training clips: shuffled, or as published, sorted by class")
    drop_last: bool = about(False, "leave out the last, smaller batch of an epoch, as published")
    modalities: Literal["both", "audio", "visual"] = about("both", "what the network sees; the rest is set to zero")

    # Network
    network: Literal["avga", "psp"] = about("avga", "host network: AVGA or PSP; psp always fuses by its mean")
    fusion: Literal["concat", "sum", "projected_sum", "dmrn"] = about(
        "concat", "avga: concatenation (published), mean, concatenation read as a sum, or residual mean"
    )
    dmrn_blocks: Count = about(1, "dmrn: residual blocks, which share their weights (published: 1)", neutral=1)
    hidden: Count = about(32, "state of each LSTM per direction (published: 128)")
    attention_width: Count = about(64, "width of the attention's projections (published: 512)")
    head_width: Count = about(32, "hidden layer before the class scores (published: 64)")
    audio_bias_axis: Literal["position", "unit"] = about(
        "position", "attention: audio is added per position (published code) or per unit (paper)"
    )
    psp_threshold: Annotated[float, Field(ge=0, lt=1)] | None = about(
        None, "psp: least share of a propagated pair; null for the published .099 (weak: .095)"
    )
    psp_dropout: Annotated[float, Field(ge=0, lt=1)] = about(0.1, "psp: dropout inside the propagation")
    mil_pool: Literal["max", "mean"] = about("max", "weak avga: the clip's score from its segments' scores")
    init: str = about("", "folder of a finished run whose attention and LSTMs training starts from (dmrn as published)")
    pretrain_epochs: Index = about(
        0, "train a plain AVGA first, so long, and start from its attention and LSTMs; 0: do not", neutral=0
    )

    # Loss
    loss: Literal["ce", "mlsm_softmax", "bce"] = about(
        "ce", "cross-entropy, or of softmax probabilities: soft margin (avga as published), binary (weak psp)"
    )
    similarity_weight: NotNegative = about(100.0, "psp: weight of the audio-visual pair similarity loss")
    avps_target: Literal["clean", "stale"] = about("clean", "psp: targets of that loss; stale as published")

    # Modulation; more in ModulationSettings
    alpha: NotNegative = about(0.3, "modulation strength α; 0 switches the scaling off")
    modulation_end: Index = about(9, "last modulated epoch (included)")
    apply_to: Literal["grad", "step"] = about(
        "grad", "what k scales: the gradient (Adam cancels most of it) or the step"
    )
    scope: Literal["pre_psp", "all"] = about("pre_psp", "psp: modulated layers, before the propagation or all")
    attention_group: Literal["visual", "split", "none"] = about("visual", "modality to which the attention counts")
    ratio_segments: Literal["all", "event"] = about("all", "decoupled ratio: from all segments or those with an event")

    # Training
    epochs: Count = about(20, "passes over the training split")
    optimizer: Literal["sgd", "adam", "adamw"] = about("adam", "optimiser")
    learning_rate: Positive = about(0.003, "learning rate at the start")
    weight_decay: NotNegative = about(0.0, "weight decay")
    schedule: Literal["step", "cosine", "constant"] = about("constant", "learning rate schedule, stepped per epoch")
    step_size: Count = about(60, "step schedule: epochs between drops")
    # Here without a neutral value: it has been in these cells' ids from the start.
    most_drops: Index = about(0, "step schedule: number of drops after which the rate stays; 0 for no limit")

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        """Combinations that cannot mean anything. Options without effect are allowed: rows of a table share them."""
        if self.modulation == "decoupling_free" and self.zeta != "learned":
            raise ValueError(
                "modulation = 'decoupling_free' makes its ratio from a ζ that varies (Eq. 11): set simam2 = true and "
                "zeta = 'learned'"
            )
        if self.loss == "bce" and self.supervision == "full":
            raise ValueError("loss = 'bce' is for supervision = 'weak'; with labelled segments use 'ce'")
        if self.init and self.pretrain_epochs:
            raise ValueError("init and pretrain_epochs both say where training starts from; give one of them")
        if self.simam2_stat_axis == "spatial":
            raise ValueError("simam2_stat_axis = 'spatial' needs maps; segments have 'feature', 'time' and 'both'")
        return self

    def slug(self) -> str:
        """For example `synthetic_ave-avga-sum-simam2-learned-decoupling_free-s0`."""
        parts = [self.dataset, self.network]
        parts += [self.fusion] if self.network == "avga" else []
        parts += [self.supervision] if self.supervision != "full" else []
        parts += [self.modalities] if self.modalities != "both" else []
        parts += ["warm"] if self.init else []
        parts += ["pretrained"] if self.pretrain_epochs else []
        parts += ["simam2"] if self.simam2 else []
        parts += [self.zeta] if self.zeta != "half" else []
        parts += [self.modulation] if self.modulation != "none" else []
        return "-".join([*parts, f"s{self.seed}"])
