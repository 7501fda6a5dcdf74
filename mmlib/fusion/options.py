"""Named options of the fusion modules, with the recommended value of each as its default.

The paper leaves several steps of SimAM² open, and contradicts itself in a few. Each such place is one option here, so
that a notebook can compare the readings; none is decided silently in the code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from mmlib.errors import ParameterError

FusionName = Literal["sum", "weighted_sum", "concat", "film", "gated"]
SumSite = Literal["projected", "logit", "feature"]
SumBias = Literal["full", "published"]
Decouple = Literal["head", "term", "zero"]

ZetaKind = Literal["half", "learned", "channel"]
ZetaNorm = Literal["batch", "layer", "none"]
Gate = Literal["paper", "neg", "inv", "simam", "none"]
StatAxis = Literal["auto", "feature", "batch", "spatial", "time", "both"]
Degradation = Literal["one_minus_r", "r", "none"]
Scale = Literal["half", "unit"]


@dataclass(frozen=True, kw_only=True)
class SimAM2Options:
    """How SimAM² reads the paper. Raises `ParameterError` for a value that is not among the alternatives."""

    # Weight ζ of the first signal in Eq. 4.
    zeta: ZetaKind = "half"
    """`half`: ζ = ½. `learned`: a network per sample. `channel`: one parameter per channel, so r is constant."""
    zeta_input: Literal["terms", "raw"] = "terms"
    """What the ζ network sees: the two superposed signals, or the encoders' features (differs for FiLM and gated)."""
    zeta_map: Literal["pooled", "full"] = "pooled"
    """For maps: one ζ per channel from the pooled maps, or one per position (1×1 convolutions)."""
    zeta_hidden: int = 128
    """Width of the ζ network's hidden layer; 0 for a single linear layer without normalisation."""
    zeta_norm: ZetaNorm = "batch"
    """Normalisation of the hidden layer; `batch` as in FOP."""
    zeta_tanh: bool = False
    """Pass both signals through tanh before they are superposed, as FOP does."""

    # Energy (Eq. 3).
    stat_axis: StatAxis = "auto"
    """What μ and σ² run over. `auto`: the features of a vector, the positions of a map. Sequences: `time`, `both`."""
    ddof: Literal[0, 1] = 1
    """σ² divides by M - ddof. 1 as in SimAM's code; the wording of Eq. 3 suggests 0."""
    lambda_u: float = 1e-6
    """λ of the fused signal's energy, and of Eq. 6. SimAM's code uses 1e-4."""
    concat_stats: Literal["padded", "block"] = "padded"
    """Concatenation: statistics over all padded channels (literal Eq. 4), or within each modality's block."""

    # Correlation measure r (Eq. 6).
    s: float = 2.5
    """Scale in Eq. 6."""
    var_over: Literal["batch", "ema"] = "batch"
    """var(ζ) of this batch, or its exponential moving average."""
    var_max: Literal["running", "epoch", "theoretical"] = "running"
    """Highest variance on record: since the start of training, since the start of the epoch, or ¼ (the bound)."""
    r_eval: Literal["running", "batch"] = "running"
    """In evaluation: the moving average of r in training, or r of the batch (predictions then depend on it)."""
    r_grad: Literal["detach", "flow"] = "detach"
    """Whether gradients flow through r."""
    r_reduce: Literal["ratio_of_sums", "mean_of_ratios"] = "ratio_of_sums"
    """Sum over neurons before dividing (Eq. 6), or divide per neuron and average."""

    # Use of the energy (Eq. 7 and 8).
    degradation: Degradation = "one_minus_r"
    """Factor of the extra e_U: 1 - r (Eq. 7), r, or none."""
    gate: Gate = "paper"
    """sigmoid of E* (Eq. 8), of -E*, of 1/max(E*, .05), of 1/e_U as SimAM does, or no gate."""
    scale: Scale = "half"
    """`half`: U of Eq. 4, the mean of the signals at ζ = ½. `unit`: twice that, the scale of a plain sum."""
    concat_scale: Scale = "unit"
    """`scale` for concatenation, where `unit` keeps the baseline's U = [v; a]."""
    kernel: Literal["fused", "plain"] = "fused"
    """`fused`: one step with a backward pass of its own, several times as fast (`mmlib.fusion.simam2_kernel`). `plain`:
    equation by equation, by autograd, as the records here were made. They differ in the last digits. Other gates than
    `paper` and `neg`, statistics in blocks, `torch.func` and `torch.compile` take the plain one, whatever is asked. The
    gradient of `fused` has none itself (`create_graph`), nor a forward mode, and wants the signals as they were."""
    fold: bool = False
    """More than two signals (an extension): fold them from the left, see `mmlib.fusion.fold`. Two need no fold."""

    def __post_init__(self) -> None:
        check_choices(self)
        if self.lambda_u <= 0:
            raise ParameterError(f"SimAM2: lambda_u is {self.lambda_u}, but Eq. 6 needs it above 0. Try 1e-6.")

    @classmethod
    def checked(cls, values: Mapping[str, Any]) -> SimAM2Options:
        """Options from names and values; an unknown name is a `ParameterError` that lists the known ones."""
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ParameterError(f"SimAM2 has no option {', '.join(unknown)}. Its options: {', '.join(known)}.")
        return cls(**values)


def check_choices(options: Any) -> None:
    """Check every field of a dataclass whose type is a `Literal`."""
    for name, kind in get_type_hints(type(options)).items():
        if get_origin(kind) is Literal:
            check_choice(f"{type(options).__name__}.{name}", getattr(options, name), kind)


def check_modality(name: str, value: str, modalities: Sequence[str]) -> None:
    """Raise `ParameterError` unless `value` is one of the modalities."""
    if value not in modalities:
        raise ParameterError(f"{name} is {value!r}; choose one of {', '.join(map(repr, modalities))}.")


def check_choice(name: str, value: object, kind: Any) -> None:
    """Raise `ParameterError` unless `value` is one of the alternatives of the `Literal` type `kind`."""
    if value not in get_args(kind):
        allowed = ", ".join(repr(choice) for choice in get_args(kind))
        raise ParameterError(f"{name} is {value!r}; choose one of {allowed}.")
