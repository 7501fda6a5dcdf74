"""What Eq. 8 as printed does to FOP against its inverses, as sentences made of the records. Torch is not loaded.

Paper says (Sun et al., ICASSP 2024): Ū = σ(E*) U, and that FOP gains 0.8 points of EER seen-heard, 0.3 unseen-unheard.
SimAM, whose energy E* builds on, weighs by σ(1/e): a low energy is a distinctive neuron.
We do: train every reading from the same seeds on the same data, and compare seed by seed.
"""

from __future__ import annotations

from mmlib.report.tables import signed
from mmlib.statistics import PairedDifference, contrast
from mmlib.workbook.results import Results

SETTINGS = {"eer_seen_heard": "seen-heard", "eer_unseen_unheard": "unseen-unheard"}
PRINTED, INVERSE, NEGATIVE = "fop-simam2", "fop-simam2-inverse", "fop-simam2-neg"
# What is compared with what, and how a sentence begins.
COMPARED = (
    (PRINTED, "fop", "Eq. 8 as printed, σ(E*), {} of plain FOP"),
    (INVERSE, "fop", "Turned round, σ(1/e_U), it {} of plain FOP"),
    (NEGATIVE, "fop", "Turned round the other way, σ(−E*), it {} of plain FOP"),
    (INVERSE, PRINTED, "Going from the printed orientation to σ(1/e_U) {}"),
    (NEGATIVE, PRINTED, "Going from the printed orientation to σ(−E*) {}"),
)


def orientation(results: Results, protocol: str = "clean") -> str:
    """The finding as Markdown: changes of the EER in points, 95 % intervals paired over seeds, and where it holds."""
    lines = []
    for row, other, words in COMPARED:
        changes = {
            setting: _change(results, row, other, f"{protocol}/{metric}") for metric, setting in SETTINGS.items()
        }
        if all(change is not None and change.low is not None for change in changes.values()):
            lines.append(f"- {words.format(_verb(list(changes.values())))}: {_numbers(changes)}.")
    if not lines:
        return "No two of these rows share two finished seeds: nothing can be said of the orientation of Eq. 8."
    head = f"Change of the EER in points (more is worse), 95 % interval, {results.profile_title}, protocol {protocol}:"
    tail = (
        "The intervals hold the spread of training seeds on one set of people. They say nothing of other data, and not "
        "which reading the paper's authors ran."
    )
    return "\n".join([head, "", *lines, "", tail])


def _change(results: Results, row: str, other: str, key: str) -> PairedDifference | None:
    found = [results.rows[name].values(key) if name in results.rows else {} for name in (row, other)]
    if not all(found):
        return None
    return contrast([(1.0, found[0]), (-1.0, found[1])])


def _verb(changes: list[PairedDifference]) -> str:
    """ "raises the EER" only where every interval lies above zero, "lowers" where every one lies below."""
    if all(change.low > 0 for change in changes):
        return "raises the EER"
    if all(change.high < 0 for change in changes):
        return "lowers the EER"
    if any(change.low > 0 or change.high < 0 for change in changes):
        return "changes the EER in one setting beyond the noise of seeds"
    return "does not change the EER beyond the noise of seeds"


def _numbers(changes: dict[str, PairedDifference]) -> str:
    return ", ".join(
        f"{setting} {signed(change.mean, 2)} ({signed(change.low, 2)} to {signed(change.high, 2)}; {change.n} seeds)"
        for setting, change in changes.items()
    )
