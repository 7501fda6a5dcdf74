"""The audit of MM-Debiased's list with its figures; of a generated list where the published one is not at hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmlib.data.mm_debiased import audit_of
from mmlib.data.mm_debiased.audit import STATUSES, Audit, audit_listing
from mmlib.data.mm_debiased.generated import generated_listing
from mmlib.data.mm_debiased.listing import FORMS, find_listing
from mmlib.experiments.mm_debiased.parameters import Parameters
from mmlib.figures.captions import set_caption
from mmlib.figures.style import FULL, HATCHES, SERIES, new_figure, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class AuditView:
    """What the notebook shows; `generated`: the published list was not there."""

    audit: Audit
    generated: bool

    @property
    def title(self) -> str:
        """Whose list it is, in words."""
        return "a generated list in MM-Debiased's form" if self.generated else "MM-Debiased, as published"

    def lines(self) -> list[str]:
        """The audit in sentences, after a line that says whose list it is."""
        return [f"{self.title}:", *self.audit.lines()]

    def in_kinetics(self) -> pd.DataFrame | str:
        """Clips in Kinetics-Sounds' train list, by class and subset; a sentence where that list is not at hand."""
        table = self.audit.kinetics()
        return "Kinetics-Sounds' list is not at hand" if table is None else table

    def figure(self) -> Figure:
        """Clips of each class by the form of their id, and by whether they can be cut."""
        audit = self.audit
        classes = audit.listing.classes
        forms = audit.forms()
        status = {
            name: np.bincount(audit.listing.labels[audit.status == name], minlength=len(classes)) for name in STATUSES
        }
        with style():
            figure, axes = new_figure(FULL, 0.9 + 0.22 * len(classes), 1, 2, sharey=True)
            _stacked(axes[0, 0], classes, {form: forms[form].to_numpy() for form in FORMS}, "form of the id")
            _stacked(axes[0, 1], classes, status, "from when to when")
            set_caption(figure, "Clips by class", self.title)
        return figure


def _stacked(axis, classes: list[str], parts: dict[str, np.ndarray], title: str) -> None:
    left = np.zeros(len(classes))
    for place, (name, counts) in enumerate(parts.items()):
        axis.barh(classes, counts, left=left, color=SERIES[place], hatch=HATCHES[place], edgecolor="white", label=name)
        left = left + counts
    axis.invert_yaxis()
    axis.set(xlabel="clips", title=title)
    axis.legend(fontsize=7)


def run(parameters: Parameters) -> AuditView:
    """Audit the list below the data root, or a generated one."""
    root = Path(parameters.located().data_root) if parameters.data_root else None
    path = find_listing(root, "") if root is not None else None
    if path is None:
        return AuditView(audit_listing(generated_listing(seed=parameters.data_seed)), True)
    return AuditView(audit_of(path, root, parameters.lists), False)
