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
        Metric("loss", "loss", "loss (nats)", percent=False, better="lower"),
    )
}


def metric(name: str) -> Metric:
    """The metric of this name, of which a record's key "protocol/name" or a history's "split/name" may be given."""
    last = name.rpartition("/")[2]
    return METRICS.get(last) or Metric(last, last.replace("_", " "))
