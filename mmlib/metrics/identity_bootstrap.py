"""Intervals of AUC and EER by resampling identities: pairs that share a person are not independent.

Every draw takes as many identities (of the voices) as there are, with replacement; a pair counts as often as its
identity was drawn. Pairs are sorted once, so that a draw is two weighted cumulative sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmlib.errors import UsageError
from mmlib.metrics.verification import check_pairs, crossing, ranked_pairs

CHUNK = 64  # draws at a time: memory 64 x pairs x 8 bytes, a few times
MOST_TRIES = 10


@dataclass(frozen=True)
class Draws:
    """AUC and EER of every draw, (draws,) each."""

    auc: np.ndarray
    eer: np.ndarray

    def interval(self, name: str, confidence: float = 0.95) -> tuple[float, float]:
        """Percentile interval of `auc` or `eer`."""
        tail = 50 * (1 - confidence)
        low, high = np.percentile(getattr(self, name), [tail, 100 - tail])
        return float(low), float(high)


def identity_bootstrap(
    distances: np.ndarray, same: np.ndarray, identities: np.ndarray, *, draws: int = 1000, seed: int = 0
) -> Draws:
    """AUC and EER of resampled identities.

    Args:
        distances, same: (P,), see `mmlib.metrics.verification`.
        identities: (P,) identity of each pair's voice, of any type that sorts.
        draws: how many.
        seed: of the resampling; equal seeds and identities give paired draws for two models.

    A draw that holds one kind of pair only is drawn again. Raises `UsageError`.
    """
    distances, same = check_pairs(distances, same)
    names, who = np.unique(np.asarray(identities), return_inverse=True)
    if len(who) != len(same) or len(names) < 2:
        raise UsageError(f"the bootstrap needs an identity for each of {len(same)} pairs, and at least two of them.")
    order = np.argsort(distances, kind="stable")
    ranked, starts = ranked_pairs(distances, same)
    generator = np.random.default_rng(seed)
    parts = []
    for start in range(0, draws, CHUNK):
        weights = _weights(generator, min(CHUNK, draws - start), len(names), ranked, who[order])
        parts.append(_rates(weights, ranked, starts))
    area, error = np.concatenate(parts, axis=1)
    return Draws(area, error)


def _weights(generator: np.random.Generator, draws: int, names: int, ranked: np.ndarray, who: np.ndarray) -> np.ndarray:
    """How often each pair counts in each draw, (draws, P); every draw has pairs of both kinds."""
    weights = _resample(generator, draws, names)[:, who]
    for _ in range(MOST_TRIES):
        total, hits = weights.sum(1), weights @ ranked
        poor = (hits == 0) | (hits == total)
        if not poor.any():
            return weights
        weights[poor] = _resample(generator, int(poor.sum()), names)[:, who]
    raise UsageError("too few identities have pairs of both kinds for a bootstrap over identities.")


def _resample(generator: np.random.Generator, draws: int, names: int) -> np.ndarray:
    return generator.multinomial(names, np.full(names, 1 / names), size=draws).astype(np.float64)


def _rates(weights: np.ndarray, ranked: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUC and EER of weighted pairs in the order of their distances; weights (D, P)."""
    hits = np.add.reduceat(weights * ranked, starts, axis=1).cumsum(1)
    false = np.add.reduceat(weights * ~ranked, starts, axis=1).cumsum(1)
    zero = np.zeros((len(weights), 1))
    tpr = np.concatenate((zero, hits / hits[:, -1:]), axis=1)
    fpr = np.concatenate((zero, false / false[:, -1:]), axis=1)
    area = ((fpr[:, 1:] - fpr[:, :-1]) * (tpr[:, 1:] + tpr[:, :-1])).sum(1) / 2
    return area, crossing(fpr, tpr)
