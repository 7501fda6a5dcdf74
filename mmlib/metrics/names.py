"""What metrics are called, in which unit they are shown, and which way is better: the one place that knows.

Records hold fractions; whatever is a share or a rate is shown in percent. A metric that is not listed is shown in
percent under its own name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """A metric's name in a record, in a table's head and on an axis (`title` if they are the same)."""

    name: str
    title: str
    long: str = ""
    percent: bool = True
    better: Literal["higher", "lower"] = "higher"

    @property
    def scale(self) -> float:
        """From the record's value to the one shown."""
        return 100.0 if self.percent else 1.0

    @property
    def axis(self) -> str:
        """Title of an axis, with its unit."""
        return (self.long or self.title) + (" (%)" if self.percent else "")


METRICS = {
    metric.name: metric
    for metric in (
        Metric("top1", "Top-1", "Top-1 accuracy"),
        Metric("map", "mAP"),
        Metric("macro_f1", "macro F1"),
        Metric("top1_audio", "audio alone"),
        Metric("top1_visual", "visual alone"),
        Metric("eer", "EER", better="lower"),
        Metric("auc", "AUC"),
        Metric("vr", "VR", "verification rate (0.1 % false accepts)"),
        Metric("eer_fop", "EER (FOP’s evaluator)", better="lower"),
        Metric("auc_fop", "AUC (FOP’s evaluator)"),
        *(
            Metric(f"{kind}_{setting}", f"{kind.upper()}, {words}", better="lower" if kind == "eer" else "higher")
            for kind in ("eer", "auc", "vr")
            for setting, words in (("seen_heard", "seen-heard"), ("unseen_unheard", "unseen-unheard"))
        ),
        *(Metric(f"matching_{n}", f"1:{n} matching") for n in range(2, 11)),
        Metric("accuracy", "accuracy", "segment accuracy"),
        Metric("accuracy_audio", "audio alone"),
        Metric("accuracy_visual", "visual alone"),
        Metric("accuracy_disjoint", "no shared video", "segment accuracy, no video shared with train"),
        Metric("foreground_accuracy", "event segments", "accuracy on segments with an event"),
        Metric("event_f1", "event F1", "event F1 (IoU 0.5)"),
        Metric("event_f1_30", "event F1 at .3"),
        Metric("event_f1_70", "event F1 at .7"),
        Metric("onset_error", "onset error", "onset error (segments)", percent=False, better="lower"),
        Metric("offset_error", "offset error", "offset error (segments)", percent=False, better="lower"),
        Metric("loss", "loss", "loss (nats)", percent=False, better="lower"),
        Metric("hgr", "ρ achieved", "correlation achieved, last epoch of training", percent=False),
        Metric("hgr_paired", "ρ paired, test", "mean correlation of paired channels on test", percent=False),
        Metric("hgr_test", "HGR held out", "maximal correlation on test, fresh critics", percent=False),
    )
}


def metric(name: str) -> Metric:
    """The metric of this name, of which a record's key "protocol/name" or a history's "split/name" may be given."""
    last = name.rpartition("/")[2]
    return METRICS.get(last) or Metric(last, last.replace("_", " "))
