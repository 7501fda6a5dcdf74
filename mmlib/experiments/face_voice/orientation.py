"""What Eq. 8 as printed does to FOP against its inverses, as sentences made of the records. Torch is not loaded.

Paper says (Sun et al., ICASSP 2024): Ū = σ(E*) U, and that FOP gains 0.8 points of EER seen-heard, 0.3 unseen-unheard.
SimAM, whose energy E* builds on, weighs by σ(1/e): a low energy is a distinctive neuron.
We do: train every reading from the same seeds on the same data, and compare seed by seed.
"""

from __future__ import annotations

from mmlib.metrics.family import metric
from mmlib.statistics import PairedDifference, contrast
from mmlib.workbook.results import Results

SETTINGS = {"eer_seen_heard": "seen-heard", "eer_unseen_unheard": "unseen-unheard"}


def orientation(results: Results, protocol: str = "clean") -> str:
    """The finding as Markdown: differences of the EER, 95 % intervals paired over seeds, and where it holds.

    What is compared stands in the plan (`comparisons`); in its texts "{change}" becomes what happens to the EER.
    """
    lines = []
    for compared in results.comparisons:
        changes = {
            setting: _change(results, compared.row, compared.against, f"{protocol}/{name}")
            for name, setting in SETTINGS.items()
        }
        if all(change is not None and change.low is not None for change in changes.values()):
            words = compared.text.replace("{change}", _verb(list(changes.values())))
            lines.append(f"- {words}: {_numbers(changes)}.")
    if not lines:
        return "No two of these rows share two finished seeds: nothing can be said of the orientation of Eq. 8."
    head = f"EER with 95 % intervals, {results.profile_title}, protocol {protocol}:"
    tail = (
        "The intervals hold the spread of training seeds on one set of people. They say nothing of other data, and not "
        "which reading the paper's authors ran."
    )
    return "\n".join([head, "", *lines, "", tail])


def _change(results: Results, row: str, other: str, key: str) -> PairedDifference | None:
    found = [results.rows[name].values(key) if name in results.rows else {} for name in (row, other)]
    if not all(found):
        return None
    sign = metric(key).sign
    return contrast([(sign, found[0]), (-sign, found[1])])


def _verb(changes: list[PairedDifference]) -> str:
    """ "raises the EER" only where every interval lies on the worse side of zero, "lowers" where on the better."""
    if all(change.high < 0 for change in changes):
        return "raises the EER"
    if all(change.low > 0 for change in changes):
        return "lowers the EER"
    if any(change.low > 0 or change.high < 0 for change in changes):
        return "changes the EER in one setting beyond the noise of seeds"
    return "does not change the EER beyond the noise of seeds"


def _numbers(changes: dict[str, PairedDifference]) -> str:
    eer = metric("eer")
    return ", ".join(
        f"{setting} {eer.difference(change.mean, 1)} ({eer.interval(change.low, change.high, 1)}; {change.n} seeds)"
        for setting, change in changes.items()
    )
