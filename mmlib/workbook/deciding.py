"""From differences over seeds to a verdict: better, equally good within a margin, the opposite, or not to be told."""

from __future__ import annotations

from collections.abc import Sequence

from mmlib.statistics import PairedDifference, equivalence_p, exceedance_p

HOLDS, CONTRADICTED, NOISE, ONE_SEED = "holds", "contradicted", "within seed noise", "one seed: undecided"


def decide(differences: Sequence[PairedDifference], confidence: float) -> tuple[str, str, float | None, int]:
    """(verdict, reason, p, index of the difference that decides) of "every difference is above zero".

    To hold, each interval must clear zero (no correction is needed for a claim that all must satisfy): the least
    certain one decides. To be contradicted, one difference below zero is enough, so that p is multiplied by the number
    of rivals: the most certain of those decides.
    """
    order = range(len(differences))
    smallest = min(order, key=lambda i: differences[i].mean)
    if min(difference.n for difference in differences) < 2:
        return ONE_SEED, "one common seed: a difference has no interval", None, smallest
    if any(difference.p is None for difference in differences):
        return (
            NOISE,
            "no spread between seeds (too few distinct outcomes), so an interval has no meaning",
            None,
            smallest,
        )
    n = f"{differences[0].n} common seeds" + (", so the interval is wide" if differences[0].n < 5 else "")
    worse = [i for i in order if differences[i].mean < 0]
    if worse:
        decisive = min(worse, key=lambda i: differences[i].p)
        p = min(1.0, len(differences) * differences[decisive].p)
        if p < 1 - confidence:
            return CONTRADICTED, f"{n}; the difference goes the other way", p, decisive
        return NOISE, f"{n}; p allows for {len(differences)} rivals" if len(differences) > 1 else n, p, decisive
    decisive = max(order, key=lambda i: differences[i].p)
    p = differences[decisive].p
    return (HOLDS, n, p, decisive) if p < 1 - confidence else (NOISE, f"{n}; the interval contains zero", p, decisive)


def decide_equivalence(
    difference: PairedDifference, margin: float, confidence: float = 0.95
) -> tuple[str, str, float | None]:
    """(verdict, reason, p) of "the difference is no larger than the margin, either way".

    p is that of the two one-sided tests; where the difference seems larger, that of its being beyond the margin.
    """
    if difference.n < 2:
        return ONE_SEED, "one common seed: a difference has no interval", None
    equal = equivalence_p(difference, margin)
    if equal is None:
        return NOISE, "no spread between seeds (too few distinct outcomes), so an interval has no meaning", None
    seeds = f"{difference.n} common seeds"
    if abs(difference.mean) < margin:
        inside = equal < 1 - confidence
        told = "within" if inside else "the 90 % interval reaches beyond"
        return (HOLDS if inside else NOISE), f"{seeds}; {told} the margin of {margin:g} (TOST)", equal
    beyond = exceedance_p(difference, margin)
    told = f"{seeds}; the difference is larger than the margin of {margin:g}"
    return (CONTRADICTED, told, beyond) if beyond < 1 - confidence else (NOISE, f"{told}, not reliably", beyond)
