"""What metrics are called, in which unit they are shown, which way is better, and how a difference is put into words.

The one place that knows: records, claims, tables, verdicts and figures ask it, and nobody reads a sign. A record holds
shares as fractions; `Unit.scale` leads to what is shown. A metric that is not listed, and that no family below covers,
is a plain number without a direction: it is shown as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from mmlib.errors import UsageError


@dataclass(frozen=True)
class Unit:
    """How the values of a metric are shown. `low` and `high` bound the record's value; `scale` leads to the one shown.

    `symbol` follows a value, `difference` follows a difference of two; `digits` are decimals of both.
    """

    name: str
    scale: float = 1.0
    symbol: str = ""
    difference: str = ""
    digits: int = 3
    low: float = -math.inf
    high: float = math.inf


UNITS = {
    unit.name: unit
    for unit in (
        Unit("percent", 100.0, "%", "points", 1, 0.0, 1.0),  # a share or a rate
        Unit("points", 100.0, "points", "points", 1, -1.0, 1.0),  # a difference of shares
        Unit("correlation", low=-1.0, high=1.0),
        Unit("nats", symbol="nats", difference="nats"),
        Unit("segments", symbol="segments", difference="segments", digits=2, low=0.0),
        Unit("millions", 1e-6, "million", "million", 2, 0.0),  # operations per sample
        Unit("mebibytes", 1 / 2**20, "MiB", "MiB", 2, low=0.0),
        Unit("number"),
    )
}
ROUNDING = 1e-6  # single precision
"""By how much binary rounding may carry a record's value out of its range."""


@dataclass(frozen=True)
class Metric:
    """A metric's name in a record, in a table's head (`title`) and on an axis (`long`, if that is another).

    `better` is None where neither direction is. `low` and `high` narrow the unit's range of the record's value.
    Numbers given to the methods that print are in the unit shown; differences are oriented: above 0 is better (or
    higher, without a direction), as `sign * (one - other)` is.
    """

    name: str
    title: str
    long: str = ""
    unit: Unit = UNITS["number"]
    better: Literal["higher", "lower"] | None = None
    low: float | None = None
    known: bool = True

    @property
    def scale(self) -> float:
        """From the record's value to the one shown."""
        return self.unit.scale

    @property
    def sign(self) -> int:
        """-1 where lower is better, else 1: turns a plain difference into an oriented one."""
        return -1 if self.better == "lower" else 1

    @property
    def words(self) -> tuple[str, str]:
        """What a difference below 0 and one above 0 are called."""
        return ("worse", "better") if self.better else ("lower", "higher")

    @property
    def axis(self) -> str:
        """Title of an axis, with its unit."""
        return (self.long or self.title) + (f" ({self.unit.symbol})" if self.unit.symbol else "")

    @property
    def arrow(self) -> str:
        """Which way along an axis is better; empty without a direction. Written along a vertical axis it turns too."""
        return {"higher": "better →", "lower": "← better", None: ""}[self.better]

    def number(self, value: float, extra: int = 0) -> str:
        """ "62.1", with a true minus, but none before a rounded 0; `extra` decimals more than usual."""
        return f"{value:z.{self.unit.digits + extra}f}".replace("-", "−")

    def text(self, value: float) -> str:
        """ "62.1 %"."""
        return " ".join(filter(None, (self.number(value), self.unit.symbol)))

    def amount(self, size: float, extra: int = 0) -> str:
        """The size of a difference: "3.1 points"."""
        return " ".join(filter(None, (self.number(abs(size), extra), self.unit.difference)))

    def difference(self, value: float, extra: int = 0) -> str:
        """An oriented difference in words: "3.1 points better", "0.020 worse"; "0.0 points different" rounded to 0."""
        rounded = float(self.number(abs(value), extra))
        return f"{self.amount(value, extra)} {self.words[value > 0] if rounded else 'different'}"

    def interval(self, low: float, high: float, extra: int = 0) -> str:
        """Bounds of an oriented difference whose unit was just said: "2.5 to 3.3 worse", "0.5 worse to 2.8 better"."""
        worse, better = self.words
        near, far = self.number(abs(low), extra), self.number(abs(high), extra)
        if low >= 0:
            return f"{near} to {far} {better}"
        return f"{far} to {near} {worse}" if high <= 0 else f"{near} {worse} to {far} {better}"

    def differences(self, values: list[float], extra: int = 0) -> str:
        """Several oriented differences without their unit: "2.8 / 0.2 better", "0.2 worse / 0.4 better"."""
        sizes = [self.number(abs(value), extra) for value in values]
        words = [self.words[value > 0] if float(size) else "" for value, size in zip(values, sizes, strict=True)]
        if len(set(words)) == 1:
            return " ".join(filter(None, (" / ".join(sizes), words[0])))
        return " / ".join(" ".join(filter(None, pair)) for pair in zip(sizes, words, strict=True))

    def in_range(self, value: float) -> bool:
        """Whether a record can hold this value: finite, and within what the metric can be."""
        low = self.unit.low if self.low is None else self.low
        return math.isfinite(value) and low - ROUNDING <= value <= self.unit.high + ROUNDING

    def check(self, value: float | None, where: str = "") -> float | None:
        """The record's value as it is (None: not defined). Raises `UsageError` for one that the metric cannot have."""
        if value is None or self.in_range(value):
            return value
        low, high = self.unit.low if self.low is None else self.low, self.unit.high
        bounds = f"between {low:g} and {high:g}" if high < math.inf else f"finite and at least {low:g}"
        bounds = "finite" if low == -math.inf else bounds
        raise UsageError(f"{where or self.name} is {value:g}, which {self.title} cannot be: a record's is {bounds}.")


def _of(unit: str, *metrics: Metric, better: Literal["higher", "lower"] | None = "higher") -> list[Metric]:
    return [replace(metric, unit=UNITS[unit], better=better) for metric in metrics]


METRICS = {
    metric.name: metric
    for metric in (
        *_of(
            "percent",
            Metric("top1", "Top-1", "Top-1 accuracy"),
            Metric("map", "mAP"),
            Metric("f1", "F1"),
            Metric("macro_f1", "macro F1"),
            Metric("weighted_f1", "weighted F1"),
            Metric("auc", "AUC"),
            Metric("auc_fop", "AUC (FOP’s evaluator)"),
            Metric("contribution_auc", "AUC, contribution", "uninformative modality found by contribution, AUC"),
            Metric("vr", "VR", "verification rate (0.1 % false accepts)"),
            Metric("accuracy", "accuracy", "segment accuracy"),
            Metric("average_accuracy", "average accuracy", "accuracy, mean over tasks"),
            Metric("mean_task_acc", "mean task accuracy", "accuracy, mean over seen tasks, then over steps"),
            Metric("mean_overall_acc", "mean overall accuracy", "accuracy on all seen classes, mean over steps"),
            Metric("mean_class_acc", "mean class accuracy", "accuracy, mean over seen classes, then over steps"),
            Metric("last_task_acc", "last task accuracy", "accuracy after the last step, mean over tasks"),
            Metric("last_overall_acc", "last overall accuracy", "accuracy on all classes after the last step"),
            Metric("last_class_acc", "last class accuracy", "accuracy after the last step, mean over classes"),
            Metric("accuracy_disjoint", "no shared video", "segment accuracy, no video shared with train"),
            Metric("foreground_accuracy", "event segments", "accuracy on segments with an event"),
            Metric("accuracy_types", "mean of types", "accuracy, mean over types of questions"),
            Metric("match_accuracy", "pairs told apart", "pairs of sound and picture told apart"),
            Metric("class_accuracy", "class accuracy", "segment accuracy, mean over classes"),
            Metric("clip_category", "clip category", "clips whose event is named right"),
            Metric("background_recall", "background recall"),
            Metric("background_precision", "background precision"),
            Metric("eventness_f1", "eventness F1", "F1 of event against background, by segment"),
            Metric("event_f1", "event F1", "event F1 (IoU 0.5)"),
            Metric("event_f1_30", "event F1 at .3"),
            Metric("event_f1_70", "event F1 at .7"),
            Metric("event_f1_macro", "event F1, macro", "event F1 (IoU 0.5), mean over classes"),
            Metric("event_iou", "event IoU", "IoU of events"),
        ),
        # Of MIM's purification: how many steps stay open; on replaced or noise steps less, which is what it is for.
        *_of("percent", Metric("gate_rate", "gates open", "steps that purification keeps"), better=None),
        *_of(
            "points",
            Metric("gate_gap", "gate gap", "steps kept: signal minus noise"),
            Metric("keep_gap", "gap of P(open)", "probability of an open gate: signal minus noise"),
        ),
        *_of("percent", Metric("eer", "EER"), Metric("eer_fop", "EER (FOP’s evaluator)"), better="lower"),
        *_of("points", Metric("forgetting", "forgetting", "average forgetting"), better="lower"),
        *_of(
            "points",
            Metric("backward_transfer", "backward transfer"),  # IEMF's: the negative of forgetting
            Metric("top1_gain", "gain in Top-1", "Top-1 accuracy, difference to joint training"),
            Metric("bwt", "BWT", "backward transfer (last step − when learned)"),
        ),
        *_of("correlation", Metric("pearson", "Pearson’s r"), Metric("spearman", "Spearman’s ρ")),
        *_of("number", Metric("mae", "MAE", "mean absolute error", low=0.0), better="lower"),
        *_of("segments", Metric("onset_error", "onset error"), Metric("offset_error", "offset error"), better="lower"),
        # The Shapley value of a modality; 1 each is a modality that cooperates as it should.
        *_of("number", Metric("contribution", "contribution", "mean contribution"), better=None),
        *_of("nats", Metric("loss", "loss"), better="lower"),
        # Of a spiking network: how busy it is and what it computes, neither good nor bad in itself.
        *_of("percent", Metric("firing_rate", "firing rate", "spikes per neuron and step"), better=None),
        *_of(
            "millions",
            Metric("synaptic_operations", "synaptic operations", "synaptic operations per sample"),
            Metric("input_macs", "MACs of the input", "multiply-accumulates of the SNN’s input, per sample"),
            Metric("macs", "MACs of the ANN", "multiply-accumulates of the ANN, per sample"),
            better=None,
        ),
        *_of("mebibytes", Metric("memory_bytes", "memory", "most old clips held at a time"), better="lower"),
        # Estimates on the scale of the critics: only their tests are bounded by 1.
        *_of("number", Metric("hgr", "ρ achieved", "correlation achieved, last epoch of training"), better=None),
        *_of(
            "correlation",
            Metric("hgr_paired", "ρ paired, test", "mean correlation of paired channels on test"),
            Metric("hgr_test", "HGR held out", "maximal correlation on test, fresh critics"),
            better=None,
        ),
    )
}

MODALITIES = ("audio", "visual", "text", "flow", "face", "voice", "video", "image", "speech")
"""Names after `accuracy_` that mean one modality alone; every other is a type of question, a task, a group."""
SPLIT = (
    *("top1", "accuracy", "weighted_f1", "f1", "eer_fop", "eer", "auc_fop", "auc", "vr", "mae", "pearson"),
    *("forgetting", "loss", "firing_rate", "contribution", "gate_rate", "gate_gap", "keep_gap"),
)
"""Metrics also measured for one modality, setting, type or task: `<metric>_<name>`."""
NONZERO = "nonzero"
"""After a metric of sentiment: over the samples that are not neutral."""
BOUNDS = {"_low": "95 % from", "_high": "95 % to"}
_WORDS = {"unseen_unheard": "unseen-unheard", "seen_heard": "seen-heard", "_": " "}


def metric(name: str) -> Metric:
    """The metric of this name, of which a record's key "protocol/name" or a history's "split/name" may be given.

    Families: `<metric>_<name>` of the metrics in `SPLIT` (top1_<modality>, top1_head_<modality> of a unimodal head,
    top1_only_<modality> with all others at zero, accuracy_<question type>, accuracy_<n> for n
    classes, eer_<setting>, ...), `matching_<n>`, and `<metric>_low` and `_high`, the bounds of an interval.
    """
    last = name.rpartition("/")[2]
    return METRICS.get(last) or _of_a_family(last) or Metric(last, last.replace("_", " "), known=False)


def _of_a_family(name: str) -> Metric | None:
    for suffix, words in BOUNDS.items():
        if name.endswith(suffix) and (base := metric(name.removesuffix(suffix))).known:
            return replace(base, name=name, title=f"{base.title}, {words}", long="")
    for prefix in (*SPLIT, "matching"):
        rest = name.removeprefix(f"{prefix}_")
        if rest and rest != name:
            return _part(prefix, name, rest)
    return None


def _part(prefix: str, name: str, rest: str) -> Metric | None:
    """ "top1", "top1_audio", "audio" -> that metric, its part in its title."""
    if prefix == "matching":
        whole = Metric(name, f"1:{rest} matching", unit=UNITS["percent"], better="higher")
        return whole if rest.isdecimal() else None
    whole, words = METRICS[prefix], rest
    for part, word in _WORDS.items():
        words = words.replace(part, word)
    if prefix in ("top1", "accuracy") and rest.startswith("head_"):
        modality = words.removeprefix("head ")
        return replace(whole, name=name, title=f"head of {modality}", long=f"{whole.long}, own head of {modality}")
    if prefix == "top1" and rest.startswith("only_"):
        modality = words.removeprefix("only ")
        return replace(whole, name=name, title=f"only {modality}", long=f"{whole.long}, all but {modality} at zero")
    if prefix == "accuracy" and rest.isdecimal():
        return replace(whole, name=name, title=f"accuracy, {rest} classes", long="")
    if rest.rpartition("_")[2] == NONZERO:
        whole = _part(prefix, name, rest.removesuffix(f"_{NONZERO}")) if rest != NONZERO else whole
        return replace(whole, name=name, title=f"{whole.title}, nonzero", long="")
    if prefix == "top1" or (prefix == "accuracy" and rest in MODALITIES):
        return replace(whole, name=name, title=f"{words} alone", long=f"{whole.long}, {words} alone")
    return replace(whole, name=name, title=f"{whole.title}, {words}", long="")
