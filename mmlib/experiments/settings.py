"""Groups of parameters that training experiments share; a task's `Parameters` inherits those that it has.

    class Parameters(RecipeSettings, ModulationSettings, FusionSettings, DataSettings):
        dataset: Literal[...] = about("synthetic", "data set")
        ...

A task that needs another default declares the field again. Torch is not loaded here; what turns these values into
objects is `mmlib.experiments.building`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mmlib.files import dump_json
from mmlib.parameters.base import ExperimentParameters, resolve_path

Fraction = Annotated[float, Field(ge=0, le=1)]
Decibel = Annotated[float, Field(ge=-60, le=60)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Index = Annotated[int, Field(ge=0)]


def about(default: object, text: str, neutral: object = ...) -> object:
    """A field with its default and its one-line description.

    `neutral`, for a parameter added to an experiment that has records: with this value all is as it was without the
    parameter, and cells keep their ids (`ExperimentParameters.identity`).
    """
    extra = None if neutral is ... else {"neutral": neutral}
    return Field(default=default, description=text, json_schema_extra=extra)


class TrainingParameters(ExperimentParameters):
    """Base of the groups: where a training runs is no part of what it computes."""

    runtime_fields: ClassVar[frozenset[str]] = frozenset(
        {"data_root", "data_store", "device", "loader_workers", "output"}
    )


class DataSettings(TrainingParameters):
    """Where the data are. The task adds `dataset`, a name of `mmlib.data.registry`, and the data set's options."""

    data_root: str = about("", "folder with the raw or prepared data sets; empty where none is needed")
    data_store: str = about("outputs/data", "folder for prepared data")
    data_seed: Index = about(0, "seed of generated data and of the validation split; one for all runs compared")

    def located(self) -> Self:
        """The same parameters with absolute data paths, whatever folder this process was started in."""
        root = str(resolve_path(self.data_root)) if self.data_root else ""
        return self.model_copy(update={"data_root": root, "data_store": str(resolve_path(self.data_store))})

    def data_key(self) -> str:
        from mmlib.data.registry import options_for

        return dump_json([self.dataset, self.data_root, self.data_store, options_for(self)], indent=None)

    def modules_by_name(self) -> tuple[str, ...]:
        from mmlib.data.registry import find_dataset

        return (find_dataset(self.dataset).module.__name__,)

    def missing_data(self) -> str | None:
        from mmlib.data.registry import missing

        return missing(self.dataset, self.located().data_root or None)

    def prepare_data(self) -> str | None:
        from mmlib.data.prepared import manifest_hash_of
        from mmlib.data.registry import prepare_for

        return manifest_hash_of(prepare_for(self.located()))


class SimAM2Settings(TrainingParameters):
    """SimAM² and the readings of the paper that it leaves open (`mmlib.fusion.SimAM2Options`)."""

    simam2: bool = about(False, "SimAM² fusion")
    simam2_gate: Literal["paper", "neg", "inv", "simam", "none"] = about(
        "paper", "SimAM² gate: paper σ(E*), neg σ(−E*), inv σ(1/E*), simam σ(1/e_U), none"
    )
    simam2_stat_axis: Literal["auto", "feature", "batch", "spatial", "time", "both"] = about(
        "auto", "SimAM²: axis of mean and variance; auto is feature for vectors, spatial for maps"
    )
    simam2_ddof: Literal[0, 1] = about(1, "SimAM²: variance divided by M − ddof")
    simam2_lambda: Positive = about(1e-6, "SimAM²: λ of Eqs. 3 and 6")
    simam2_s: Positive = about(2.5, "SimAM²: scale s of Eq. 6")
    simam2_degradation: Literal["one_minus_r", "r", "none"] = about(
        "one_minus_r", "SimAM²: factor of the degradation term of Eq. 7"
    )
    simam2_var_over: Literal["batch", "ema"] = about("batch", "SimAM²: variance of ζ over the batch, or its EMA")
    simam2_var_max: Literal["running", "epoch", "theoretical"] = about(
        "running", "SimAM²: highest variance of ζ so far, of this epoch, or ¼"
    )
    simam2_r_eval: Literal["running", "batch"] = about("running", "SimAM²: r in evaluation: EMA of training, or batch")
    simam2_r_grad: Literal["detach", "flow"] = about("detach", "SimAM²: whether gradients pass through r")
    simam2_r_reduce: Literal["ratio_of_sums", "mean_of_ratios"] = about(
        "ratio_of_sums", "SimAM²: how Eq. 6 reduces over channels"
    )
    simam2_kernel: Literal["plain", "fused"] = about(
        "plain", "SimAM²: equation by equation, or in one step, faster and other in the last digits", neutral="plain"
    )


class FusionSettings(SimAM2Settings):
    """SimAM² as the fusion of two encoders' features: where ζ comes from, and how concatenation is read."""

    zeta: Literal["half", "learned", "channel"] = about(
        "half", "SimAM² weight ζ of the visual term: constant ½, learned per sample, or learned per channel"
    )
    concat_scale: Literal["unit", "half"] = about(
        "unit", "SimAM² on concat: scale of U where ζ is ½, that of the baseline or half of it"
    )
    concat_stats: Literal["padded", "block"] = about("padded", "SimAM² on concat: statistics over 2C, or per block")
    zeta_input: Literal["terms", "raw"] = about("terms", "learned ζ: its input, the two terms or the raw features")
    zeta_norm: Literal["batch", "layer", "none"] = about("batch", "learned ζ: normalisation inside its network")

    @model_validator(mode="after")
    def _check_zeta(self) -> Self:
        if self.zeta != "half" and not self.simam2:
            raise ValueError(f"zeta = {self.zeta!r} needs simam2 = true: without SimAM² there is no ζ")
        return self


class ModulationSettings(TrainingParameters):
    """Gradient modulation and the epochs in which it acts."""

    modulation: Literal["none", "ogm", "ogm_ge", "decoupling_free"] = about(
        "none", "gradient modulation; decoupling_free is OGM-GE with the ratio made from ζ"
    )
    alpha: NotNegative = about(0.8, "modulation strength α; 0 switches the scaling off")
    modulation_start: Index = about(0, "first modulated epoch, counted from 0")
    modulation_end: Index = about(50, "last modulated epoch (included)")
    zeta_ratio: Literal["batch", "sample"] = about(
        "batch", "decoupling-free ratio: of sums over the batch, or mean of the samples' ratios"
    )

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        if self.modulation_end < self.modulation_start:
            raise ValueError(
                f"modulation_end = {self.modulation_end} lies before modulation_start = {self.modulation_start}; "
                "use modulation = 'none' to switch modulation off"
            )
        return self


class IEMFSettings(TrainingParameters):
    """IEMF on the fusion layer, beside whatever modulates the encoders (`mmlib.modulation.IEMF`)."""

    iemf: bool = about(False, "IEMF on the fusion layer, beside the modulation above", neutral=False)
    iemf_scaling: bool = about(True, "IEMF: scale by I, ψ(1 + tanh(1 − r))", neutral=True)
    iemf_noise: bool = about(
        True, "IEMF: add noise of the gradient's own deviation (only where iemf_apply_to is grad)", neutral=True
    )
    iemf_gain: NotNegative = about(1.0, "IEMF: inverse gain coefficient ψ", neutral=1.0)
    iemf_apply_to: Literal["grad", "step", "learning_rate"] = about(
        "grad", "IEMF: what I scales: gradient, step, or the layer's learning rate (for Adam)", neutral="grad"
    )
    iemf_start: Index = about(0, "IEMF: first epoch, counted from 0", neutral=0)
    iemf_end: Index = about(100, "IEMF: last epoch (included)", neutral=100)
    iemf_scores: Literal["heads", "halves"] = about(
        "heads", "IEMF: scores of each modality by its own head, or by its share of the fusion", neutral="heads"
    )
    iemf_target: Literal["mixing", "fusion"] = about(
        "mixing", "IEMF: what is scaled: the layer that mixes the modalities, or all of the fusion", neutral="mixing"
    )

    @model_validator(mode="after")
    def _check_iemf_window(self) -> Self:
        if self.iemf_end < self.iemf_start:
            raise ValueError(
                f"iemf_end = {self.iemf_end} lies before iemf_start = {self.iemf_start}; use iemf = false to switch "
                "IEMF off"
            )
        return self


class ValuationSettings(TrainingParameters):
    """What each modality gave to each training sample, and re-sampling by it (`mmlib.valuation`)."""

    valuation: bool = about(
        False, "value every training sample after each epoch; re-sampling alone values what it needs", neutral=False
    )
    valuation_inputs: Literal["clean", "augmented"] = about(
        "clean", "valuation: samples as a test shows them, or augmented as in training (published)", neutral="clean"
    )
    resampling: Literal["none", "sample", "modality"] = about(
        "none",
        "samples shown again with one modality alone, by each one's contributions or by their means",
        neutral="none",
    )
    resampling_warmup: Count = about(5, "re-sampling: epochs of plain training before it", neutral=5)
    resampling_function: Literal["linear", "tanh", "power"] = about(
        "linear", "modality-level: share of samples shown again, from the gap of means; power is 1.5", neutral="linear"
    )
    resampling_strength: NotNegative = about(1.0, "modality-level: factor α on that share", neutral=1.0)
    resampling_share: Annotated[float, Field(gt=0, le=1)] = about(
        0.2, "modality-level: share of samples that the means are taken over", neutral=0.2
    )
    resampling_replace: bool = about(True, "modality-level: draw samples with replacement", neutral=True)
    resampling_count: Literal["whole", "truncated"] = about(
        "whole",
        "modality-level: count of copies; truncated repeats the published code, which can lose one",
        neutral="whole",
    )


class RecipeSettings(TrainingParameters):
    """Epochs, optimiser, arithmetic, seed, and where the run goes."""

    epochs: Count = about(8, "passes over the training split")
    batch_size: Count = about(32, "samples per step, over all processes together")
    optimizer: Literal["sgd", "adam", "adamw"] = about("sgd", "optimiser")
    learning_rate: Positive = about(0.1, "learning rate at the start")
    momentum: Annotated[float, Field(ge=0, lt=1)] = about(0.9, "sgd: momentum; adam, adamw: β₁")
    weight_decay: NotNegative = about(1e-4, "weight decay")
    schedule: Literal["step", "cosine", "constant"] = about("step", "learning rate schedule, stepped per epoch")
    step_size: Count = about(6, "step schedule: epochs between drops")
    gamma: Positive = about(0.1, "step schedule: factor of each drop")
    step_unit: Literal["epochs", "iterations"] = about(
        "epochs", "step schedule: what step_size counts, epochs or steps of the optimiser", neutral="epochs"
    )
    most_drops: Index = about(0, "step schedule: number of drops after which the rate stays; 0 for no limit", neutral=0)
    decay_1d: bool = about(True, "weight decay acts on biases, norms and other tensors below 2-D too", neutral=True)
    nesterov: bool = about(False, "sgd: Nesterov's momentum", neutral=False)
    clip_norm: Positive | None = about(
        None, "longest gradient over all parameters, before any modulation; null for no clipping", neutral=None
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = about(
        0.0, "cross-entropy: share of the target that is spread over all classes", neutral=0.0
    )
    precision: Literal["fp32", "bf16", "fp16"] = about("fp32", "arithmetic of forward and backward; fp16 needs CUDA")
    channels_last: bool = about(False, "memory layout of images: channels last")
    compile_model: bool = about(
        False, "torch.compile the model: faster steps after a minute, last digits differ", neutral=False
    )
    deterministic: bool = about(True, "bit-identical repeats on the same machine (slower on CUDA)")
    select_every: Count = about(
        1, "protocol paper: chooses among every n-th epoch, as published code that evaluates so", neutral=1
    )
    select_from: Index = about(0, "protocol paper: first epoch it may choose, counted from 0", neutral=0)
    select_ties: Literal["first", "last"] = about(
        "first", "protocol paper: which of equally good epochs it chooses", neutral="first"
    )
    seed: Index = about(0, "seed of initialisation, order, augmentation and noise")
    device: Literal["auto", "cpu", "cuda"] = about("auto", "auto: CUDA where there is a GPU")
    loader_workers: Index | None = about(
        None, "processes that load data, 0 for none; null: none on a CPU, up to 8 beside a GPU"
    )
    output: str = about("", "folder of this run; empty: a folder under outputs/interactive")

    @model_validator(mode="after")
    def _check_precision(self) -> Self:
        if self.precision == "fp16" and self.device == "cpu":
            raise ValueError("precision = 'fp16' needs device = 'cuda'; on a CPU use 'fp32' or 'bf16'")
        return self

    @model_validator(mode="after")
    def _check_nesterov(self) -> Self:
        if self.nesterov and (self.optimizer != "sgd" or not self.momentum):
            raise ValueError("nesterov = true is a form of sgd's momentum: set optimizer = 'sgd' and momentum above 0")
        return self

    @model_validator(mode="after")
    def _check_selection(self) -> Self:
        if self.select_from >= self.epochs:
            raise ValueError(
                f"select_from = {self.select_from} leaves protocol paper no epoch to choose: epochs = {self.epochs}, "
                f"so the last one is {self.epochs - 1}"
            )
        return self
