"""Parameters of audio-visual classification (Table 1 of SimAM²). The defaults are a run of seconds on a CPU.

The same parameters describe the published recipe; only their values differ. Torch is not loaded here.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mmlib.experiments.settings import (
    Count,
    DataSettings,
    Decibel,
    Fraction,
    FusionSettings,
    Index,
    ModulationSettings,
    NotNegative,
    RecipeSettings,
    about,
)

MEDIA = ("cremad", "vggsound", "kinetics_sounds", "urbansound8k_av", "folder")


class Parameters(RecipeSettings, ModulationSettings, FusionSettings, DataSettings):
    """One run of audio-visual classification: data, model, modulation, training."""

    experiment: ClassVar[str] = "classification"
    # Data
    dataset: Literal[
        "synthetic",
        "synthetic_trio",
        "grid_words",
        "av_digits",
        "cremad",
        "vggsound",
        "kinetics_sounds",
        "urbansound8k_av",
        "folder",
    ] = about("synthetic", "data set; synthetic is generated and needs nothing, folder is your own prepared videos")
    split: Literal["official", "speaker", "group"] = about(
        "official", "published split, or held out: speakers (av_digits, cremad), or the groups of any set of media"
    )
    audio_snr_db: float | None = about(None, "grid_words: white noise on the audio at this SNR, dB; null for none")
    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = about(
        0.1, "share of train kept for validation where the data set has none; 0: no clean protocol"
    )
    synthetic_classes: Annotated[int, Field(ge=2, le=12)] = about(4, "synthetic: number of classes")
    synthetic_samples: Annotated[int, Field(ge=20)] = about(1280, "synthetic: samples in all splits together")
    synthetic_audio_snr_db: Decibel = about(10.0, "synthetic: signal to noise of the audio, dB")
    synthetic_visual_snr_db: Decibel = about(-10.0, "synthetic: signal to noise of the frames, dB")
    synthetic_uninformative: Fraction = about(0.1, "synthetic: share of samples whose one modality tells nothing")
    synthetic_correlation: Fraction = about(0.7, "synthetic: correlation of the modalities' latent variables")
    spectrogram: Literal["", "ogm_head", "ogm_early", "iemf"] = about(
        "", "media: spectrogram of OGM-GE's current code or early script, or of IEMF; empty for the preparation's own"
    )
    frames: Annotated[int, Field(ge=1)] | None = about(
        None, "media: frames shown per clip; null for the published number (1 for cremad, 3 for vggsound)"
    )
    frame_pick: Literal["first", "middle", "random", "uniform"] = about(
        "first", "media: which frames of a clip; first means the published choice, middle is one frame"
    )
    image_size: Annotated[int, Field(ge=16, le=1024)] | None = about(
        None, "media: pixels a side of the pictures shown; null for the published number (224 or 128)", neutral=None
    )
    frozen_copies: Index = about(
        0, "media: so many fixed augmentations of each training picture, one drawn a step; 0: always new", neutral=0
    )
    test_crop: Literal["center", "random"] = about("center", "vggsound: which 5 s of the audio at test time")
    drop_last: bool = about(False, "leave out the last, smaller batch of an epoch of training", neutral=False)

    # Model; SimAM²'s own parameters are in FusionSettings
    encoder: Literal["small", "resnet18", "preact_resnet18"] = about(
        "small", "encoder of each modality, trained from scratch; resnet18 is OGM-GE's, preact_resnet18 IEMF's"
    )
    feature_channels: Count = about(32, "small encoder: channels of its feature (resnet18 has 512)")
    neuron: Literal["relu", "lif"] = about(
        "relu", "relu, or lif: our SNN, of encoders small and preact_resnet18", neutral="relu"
    )
    time_steps: Count = about(4, "lif: time steps T of each sample", neutral=4)
    fusion: Literal["concat", "sum", "weighted_sum", "film", "gated"] = about("sum", "fusion of the two features")
    sum_site: Literal["projected", "logit", "feature"] = about(
        "projected", "sum: what is added (projected features, logits, or features as they are)"
    )
    sum_unimodal_bias: Literal["full", "published"] = about(
        "full", "sum at logit: bias of the unimodal logits; published halves it in evaluation only", neutral="full"
    )
    film_generator: Literal["audio", "visual"] = about("audio", "film: modality that makes scale and shift")
    gate_modality: str = about(
        "", "gated: modality that gates the others; empty is audio (published), else the last", neutral=""
    )
    film_decouple: Literal["head", "term", "zero"] = about("head", "film: how one modality alone is scored")
    simam: bool = about(False, "SimAM, the single-modality original, on the last maps of each encoder")
    simam2_fold: bool = about(
        False, "SimAM² of more than two modalities as a fold from the left (an extension)", neutral=False
    )
    unimodal_heads: Literal["none", "attached", "detached"] = about(
        "none",
        "a linear head with its own loss on each encoder; detached heads do not train the encoders",
        neutral="none",
    )
    unimodal_weight: NotNegative = about(
        1.0, "unimodal heads: weight of each one's loss; 0 builds no heads", neutral=1.0
    )

    # Modulation; more in ModulationSettings
    modulated_tensors: Literal["conv", "matrices", "all"] = about(
        "conv", "what k scales in an encoder: convolutions (published), matrices, or all", neutral="conv"
    )

    # Forcing the correlation of the two superposed signals (mmlib.losses.forcing)
    force: Literal["none", "paired", "critic"] = about(
        "none", "force the modalities' correlation: paired, channel by channel; critic, of Soft-HGR's critics"
    )
    force_target: Fraction = about(0.5, "forcing: the correlation aimed at, on the scale of hgr_scale")
    force_weight: NotNegative = about(5.0, "forcing: weight β of |ρ̂ − target|")
    force_steps: Count = about(3, "critic: the critics' steps per step of the model")
    hgr_scale: Literal["pearson", "sqrt", "raw"] = about(
        "pearson", "critic: scale of the correlation: critics' Pearson r, √(2H), or Soft-HGR's H itself"
    )
    measure_hgr: bool = about(False, "after training, estimate the maximal correlation on test with fresh critics")

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        """Combinations that cannot mean anything. Options without effect are allowed: rows of a table share them."""
        if self.simam and self.simam2:
            raise ValueError("simam and simam2 are both true; choose one: SimAM² contains SimAM's energy already")
        if self.modulation == "decoupling_free" and self.zeta == "half" and self.fusion != "weighted_sum":
            raise ValueError(
                "modulation = 'decoupling_free' makes its ratio from a ζ that varies (Eq. 11): set simam2 = true and "
                "zeta = 'learned', or fusion = 'weighted_sum'"
            )
        if self.encoder == "small" and self.feature_channels % 8:
            raise ValueError(f"feature_channels = {self.feature_channels}: the small encoder needs a multiple of 8")
        if self.neuron == "lif" and self.encoder == "resnet18":
            raise ValueError("neuron = 'lif' needs encoder = 'small' or 'preact_resnet18'; resnet18 never spikes")
        if self.force == "paired" and self.fusion == "gated":
            raise ValueError("force = 'paired' pairs the channels of two terms; gated fusion has none that correspond")
        if self.audio_snr_db is not None and self.dataset != "grid_words":
            raise ValueError(f"audio_snr_db is an option of grid_words only; dataset is {self.dataset!r}")
        if self.split == "speaker" and self.dataset not in ("av_digits", "cremad"):
            raise ValueError(f"split = 'speaker' is an option of av_digits and cremad; dataset is {self.dataset!r}")
        if self.split == "group" and self.dataset in ("synthetic", "synthetic_trio", "grid_words", "av_digits"):
            raise ValueError(f"split = 'group' is an option of data sets of media; dataset is {self.dataset!r}")
        return self

    @model_validator(mode="after")
    def _check_media(self) -> Self:
        """Options that show media in another way mean nothing, in silence, where there are none."""
        given = {"image_size": self.image_size, "frozen_copies": self.frozen_copies}
        given |= {"spectrogram": self.spectrogram == "iemf", "frame_pick": self.frame_pick == "middle"}
        for name in (name for name, value in given.items() if value and self.dataset not in MEDIA):
            raise ValueError(
                f"{name} = {getattr(self, name)!r} is an option of data sets of media ({', '.join(MEDIA)}); dataset is "
                f"{self.dataset!r}"
            )
        if self.frame_pick == "middle" and self.frames not in (None, 1):
            raise ValueError(f"frame_pick = 'middle' shows one frame; frames is {self.frames}: set frames = 1")
        return self

    def slug(self) -> str:
        """For example `synthetic-sum-simam2-learned-decoupling_free-s0`."""
        parts = [self.dataset, self.fusion]
        parts += ["snn"] if self.neuron == "lif" else []
        parts += ["simam"] if self.simam else []
        parts += ["simam2"] if self.simam2 else []
        parts += [self.zeta] if self.zeta != "half" else []
        parts += [self.modulation] if self.modulation != "none" else []
        parts += [f"{self.force}{self.force_target:g}"] if self.force != "none" else []
        return "-".join([*parts, f"s{self.seed}"])
