"""How much of what IEMF gains do the unimodal losses give that its code adds at the same time?

Paper says: accuracy with IEMF against accuracy without (Figure 2(a)); unimodal losses alone are shown for one data set
    (Figure 2(c), second panel) without comment on what remains.
We do: share = (unimodal losses alone − vanilla) / (IEMF − vanilla), paired over seeds, with Fieller's interval. Where
    the interval of the gain contains zero there is nothing to take a share of, and the sentence says that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmlib.analysis.iemf.rows import METHODS, SPIKING, top1
from mmlib.analysis.ratio import Ratio, ratio_of_means
from mmlib.metrics.family import metric
from mmlib.statistics import PairedDifference, paired_difference
from mmlib.workbook.results import Results


@dataclass(frozen=True)
class Share:
    """One method: the gains of unimodal losses alone and of IEMF over it, in points, and the share of the one in the
    other. None where too few seeds ran.
    """

    method: str
    name: str
    joint: PairedDifference | None
    gain: PairedDifference | None
    share: Ratio | None

    @property
    def has_share(self) -> bool:
        """Whether IEMF gains beyond seed noise, and the share has an interval."""
        gains = self.gain is not None and self.gain.low is not None and self.gain.low > 0
        return gains and self.share is not None and self.share.bounded

    @property
    def sentence(self) -> str:
        """The finding in words; says why where no share can be given."""
        subject = f"IEMF on {self.name}"
        if self.gain is None or self.gain.low is None:
            why = "no seed ran both with and without it" if self.gain is None else "one seed has no interval"
            return f"{subject}: {why}, so no share can be given."
        told = f"{subject}: {_text(self.gain)} than without"
        if self.joint is None:
            return f"{told}; unimodal losses alone did not run, so no share can be given."
        told += f"; unimodal losses alone {_text(self.joint)}"
        if self.gain.high < 0:
            return f"{told}. IEMF gains nothing here, so there is no share to give."
        if self.gain.low <= 0:
            return f"{told}. The interval of IEMF's gain contains zero, so no share can be given."
        if not self.has_share:
            return f"{told}. The seeds that all three rows ran give no interval of the share."
        bounds = f"{percent(self.share.low)} to {percent(self.share.high)}"
        return f"{told}. Unimodal losses alone give {percent(self.share.value)} ({bounds}) of the gain."


def _text(found: PairedDifference) -> str:
    """ "3.1 points better (1.0 to 5.2 better)"."""
    shown = metric("top1")
    bounds = f" ({shown.interval(found.low, found.high)})" if found.low is not None else ""
    return f"{shown.difference(found.mean)}{bounds}"


def percent(share: float) -> str:
    """ "71 %", with a true minus."""
    return f"{100 * share:z.0f} %".replace("-", "−")


def share_of(method: str, name: str, vanilla: Mapping[int, float], joint: Mapping[int, float],
             iemf: Mapping[int, float]) -> Share:  # fmt: skip
    """From {seed: Top-1 in percent} of three rows. Gains are over the seeds of their two rows, the share over those of
    all three.
    """
    gain, alone = paired_difference(iemf, vanilla), paired_difference(joint, vanilla)
    common = sorted(set(vanilla) & set(joint) & set(iemf))
    share = None
    if common:
        share = ratio_of_means(
            [joint[seed] - vanilla[seed] for seed in common], [iemf[seed] - vanilla[seed] for seed in common]
        )
    return Share(method, name, alone, gain, share)


def shares(results: Results, protocol: str = "clean") -> list[Share]:
    """Every method of which the row without IEMF and one with it finished."""
    found = []
    for method, name in (METHODS | SPIKING).items():
        vanilla, joint, iemf = (top1(results, f"{method}{suffix}", protocol) for suffix in ("", "-joint", "-iemf"))
        if vanilla and iemf:
            found.append(share_of(method, name, vanilla, joint, iemf))
    return found


def printed_shares(values: Mapping[str, float]) -> dict[str, float]:
    """{method: share} in the paper's own numbers, {row: percent}, of every method that it prints all three rows of."""
    found = {}
    for method in METHODS:
        rows = [values.get(f"{method}{suffix}") for suffix in ("", "-joint", "-iemf")]
        if None not in rows:
            vanilla, joint, iemf = rows
            found[method] = (joint - vanilla) / (iemf - vanilla)
    return found
