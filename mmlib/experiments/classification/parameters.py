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
    IEMFSettings,
    Index,
    ModulationSettings,
    NotNegative,
    RecipeSettings,
    ValuationSettings,
    about,
)

MEDIA = ("cremad", "vggsound", "kinetics_sounds", "mm_debiased", "urbansound8k_av", "folder")


class Parameters(RecipeSettings, ValuationSettings, IEMFSettings, ModulationSettings, FusionSettings, DataSettings):
    """One run of audio-visual classification: data, model, modulation, training."""

    experiment: ClassVar[str] = "classification"
    # Data
    dataset: Literal[
        "synthetic",
        "synthetic_trio",
        "grid_words",
        "av_digits",
        "mosi_utterances",
        "rgb_flow",
        "cremad",
        "vggsound",
        "kinetics_sounds",
        "mm_debiased",
        "urbansound8k_av",
        "ucf101",
        "folder",
        "arrays",
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
    resize: Literal["exact", "fast", "device"] = about(
        "exact",
        "media: how pictures are cropped and resized: exact; fast, in bytes; device, exact on the device that trains",
        neutral="exact",
    )
    frozen_copies: Index = about(
        0, "media: so many fixed augmentations of each training picture, one drawn a step; 0: always new", neutral=0
    )
    test_crop: Literal["center", "random"] = about("center", "vggsound: which 5 s of the audio at test time")
    drop_last: bool = about(False, "leave out the last, smaller batch of an epoch of training", neutral=False)

    modalities: str = about(
        "all",
        "modalities shown: all, or the name of one, trained alone with a linear head",
        neutral="all",
    )

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

    # LFM: alignment of the modalities as an additional loss (mmlib.losses.lfm)
    lfm: Literal["none", "features", "logits"] = about(
        "none", "LFM: align the modalities' features (published table), or the logits of their heads", neutral="none"
    )
    lfm_weight: Literal["one", "published"] = about(
        "one", "LFM: weight of the alignment: 1 (as used), or published, 2 α2, and 2 α1 on the others", neutral="one"
    )
    lfm_direction: Literal["published", "jensen_shannon"] = about(
        "published",
        "LFM: divergence from the mean to each (published), or the usual Jensen-Shannon",
        neutral="published",
    )

    # Modulation; more in ModulationSettings and IEMFSettings
    modulation: Literal["none", "ogm", "ogm_ge", "decoupling_free", "mslr"] = about(
        "none", "gradient modulation; decoupling_free is OGM-GE with the ratio made from ζ"
    )
    mslr_source: Literal["halves", "heads"] = about(
        "halves", "mslr: accuracies of each modality's share of the fusion, or of its own head", neutral="halves"
    )
    mslr_split: Literal["validation", "test"] = about(
        "validation",
        "mslr: split of these accuracies; test, as published, looks at what is reported",
        neutral="validation",
    )
    mslr_audio: NotNegative = about(0.9, "mslr: factor on audio's learning rate", neutral=0.9)
    mslr_visual: NotNegative = about(1.1, "mslr: factor on the visual learning rate", neutral=1.1)
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

    # A second stage on one modality alone (mmlib.experiments.classification.unimodal)
    finetune_modality: str = about(
        "", "second stage: modality whose encoder goes on alone, from the joint model; empty for none", neutral=""
    )
    finetune_epochs: Index = about(0, "second stage: its epochs; 0 for none", neutral=0)

    @model_validator(mode="after")
    def _check_one_modality(self) -> Self:
        """One modality alone, from scratch or in a second stage."""
        if bool(self.finetune_modality) != bool(self.finetune_epochs):
            raise ValueError(
                f"finetune_modality = {self.finetune_modality!r} and finetune_epochs = {self.finetune_epochs}: a "
                "second stage needs both, the name of a modality and at least one epoch; without one leave both out"
            )
        if self.finetune_epochs and self.modalities != "all":
            raise ValueError(
                f"finetune_modality = {self.finetune_modality!r} goes on from a joint model, but modalities = "
                f"{self.modalities!r} trains one modality alone; set modalities = 'all'"
            )
        if self.finetune_epochs and self.select_from >= self.finetune_epochs:
            raise ValueError(
                f"select_from = {self.select_from} leaves protocol paper no epoch of the second stage to choose: "
                f"finetune_epochs = {self.finetune_epochs}"
            )
        if (self.finetune_epochs or self.modalities != "all") and (self.force != "none" or self.measure_hgr):
            raise ValueError(
                "force and measure_hgr are about two modalities at the end of training, where this run has one; leave "
                "out modalities and finetune_modality, or set force = 'none' and measure_hgr = false"
            )
        return self

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
        self._check_heads()
        if self.audio_snr_db is not None and self.dataset != "grid_words":
            raise ValueError(f"audio_snr_db is an option of grid_words only; dataset is {self.dataset!r}")
        if self.split == "speaker" and self.dataset not in ("av_digits", "cremad"):
            raise ValueError(f"split = 'speaker' is an option of av_digits and cremad; dataset is {self.dataset!r}")
        if self.split == "group" and self.dataset in ("synthetic", "synthetic_trio", "grid_words", "av_digits"):
            raise ValueError(f"split = 'group' is an option of data sets of media; dataset is {self.dataset!r}")
        return self

    def _check_heads(self) -> None:
        """What needs unimodal heads says so, and what it can do without them."""
        heads = self.unimodal_heads if self.unimodal_weight else "none"
        add = "set unimodal_heads = 'attached' (with unimodal_weight above 0)"
        if self.iemf and self.iemf_scores == "heads" and heads == "none":
            raise ValueError(
                f"iemf = true scores each modality by its own head: {add}, or 'detached' if the heads are not to train "
                "the encoders; or iemf_scores = 'halves', which scores each one's share of the fusion"
            )
        if self.modulation == "mslr" and self.mslr_source == "heads" and heads == "none":
            raise ValueError(f"mslr_source = 'heads' needs heads: {add} or 'detached', or mslr_source = 'halves'")
        if self.lfm == "logits" and heads != "attached":
            raise ValueError(f"lfm = 'logits' aligns what the heads say of the encoders: {add}, or lfm = 'features'")

    @model_validator(mode="after")
    def _check_resampling(self) -> Self:
        if self.resampling == "none":
            return self
        if self.resampling_warmup >= self.epochs:
            raise ValueError(
                f"resampling_warmup = {self.resampling_warmup} leaves no epoch to re-sample: epochs = {self.epochs}; "
                "train longer, or set resampling = 'none'"
            )
        if self.force != "none":
            raise ValueError(
                "force correlates two modalities of every sample, and re-sampling shows some with one alone; set "
                "force = 'none' or resampling = 'none'"
            )
        return self

    @model_validator(mode="after")
    def _check_media(self) -> Self:
        """Options that show media in another way mean nothing, in silence, where there are none."""
        given = {"image_size": self.image_size, "frozen_copies": self.frozen_copies}
        given |= {"spectrogram": self.spectrogram == "iemf", "frame_pick": self.frame_pick == "middle"}
        given["resize"] = self.resize != "exact"
        for name in (name for name, value in given.items() if value and self.dataset not in MEDIA):
            raise ValueError(
                f"{name} = {getattr(self, name)!r} is an option of data sets of media ({', '.join(MEDIA)}); dataset is "
                f"{self.dataset!r}"
            )
        if self.frame_pick == "middle" and self.frames not in (None, 1):
            raise ValueError(f"frame_pick = 'middle' shows one frame; frames is {self.frames}: set frames = 1")
        return self

    def slug(self) -> str:
        """For example `synthetic-sum-simam2-learned-decoupling_free-s0`, `cremad-concat-ogm_ge-iemf-s0`."""
        parts = [self.dataset, self.fusion if self.modalities == "all" else f"{self.modalities}_alone"]
        parts += ["snn"] if self.neuron == "lif" else []
        parts += ["simam"] if self.simam else []
        parts += ["simam2"] if self.simam2 else []
        parts += [self.zeta] if self.zeta != "half" else []
        parts += [self.modulation] if self.modulation != "none" else []
        parts += ["iemf"] if self.iemf else []
        parts += ["lfm"] if self.lfm != "none" else []
        parts += [f"{self.resampling}_level"] if self.resampling != "none" else []
        parts += [f"{self.force}{self.force_target:g}"] if self.force != "none" else []
        parts += [f"finetune_{self.finetune_modality}"] if self.finetune_modality else []
        return "-".join([*parts, f"s{self.seed}"])
