"""The list of the next epoch, made of contributions: samples come again, with one modality alone.

Wei et al., "Enhancing Multi-modal Cooperation via Sample-level Modality Valuation", CVPR 2024.

Paper says: sample-level, the number of further copies of a sample that keep modality m rises with 1 - φ_m where φ_m is
    below 1; modality-level, the share of all samples that come again with m alone rises with how far m's mean
    contribution lies below that of the others, over a random part of the training set.
Published code does (two modalities): sample-level 1, 2, 3 copies at φ = ½, 0, -½. Modality-level: Z, a fifth of all
    rows drawn with replacement (after all were valued); p = ⅔ α |gap of mean contributions|, its hyperbolic tangent, or
    (⅔ |gap|)^1.5 α (called square); int(p N) copies, drawn with replacement. Originals come first, then the copies.
    The float product of p N loses a copy where it should be whole.
We do: the same. For n modalities, an extension: min(3, ⌊2 (1 - φ) + ½⌋) copies, in whole numbers, which is the table
    above for two; and for each m with d_m > 0, d_m the mean over all others of their mean contributions less m's, a
    share made of d_m. Counts are rounded down from what is whole up to 1e-9, unless `truncated` repeats the loss.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Literal, get_args

import numpy as np

from mmlib.data.sampling import SamplingPlan
from mmlib.errors import ParameterError
from mmlib.valuation.contributions import Contributions

RateName = Literal["linear", "tanh", "power"]
MOST_COPIES = 3
POWER = 1.5
ROUNDING = 1e-9


def copies_of(contributions: Contributions) -> np.ndarray:
    """Further copies of each sample that keep one modality alone, sample-level: (N, n) int64, 0 to 3."""
    one = contributions.unit
    copies = (5 * one - 4 * contributions.units) // (2 * one)  # ⌊2 (1 - φ) + ½⌋
    return np.where(contributions.units < one, np.minimum(copies, MOST_COPIES), 0)


def sample_plan(contributions: Contributions) -> SamplingPlan:
    """Every sample, then sample by sample its copies, modality by modality."""
    copies = copies_of(contributions)
    samples, count = copies.shape
    place = np.repeat(np.arange(samples * count), copies.ravel())
    return _plan(contributions.modalities, samples, *np.divmod(place, count))


def discrepancies(means: Mapping[str, Fraction | float]) -> dict[str, Fraction | float]:
    """d by modality: how far its mean contribution lies below the mean of the others'; they add up to 0."""
    total, others = sum(means.values()), len(means) - 1
    return {name: (total - value) / others - value for name, value in means.items()}


def resampling_rates(
    means: Mapping[str, Fraction | float], function: RateName = "linear", strength: float = 1.0
) -> dict[str, float]:
    """Share of all samples that come again with each modality alone, modality-level, from mean contributions.

    Args:
        means: of all modalities, by name.
        function: of d: `linear` ⅔ α d, `tanh` of that, `power` α (⅔ d)^1.5; 0 where d is not above 0 (by 1e-9).
        strength: α.

    Raises `ParameterError` for an unknown function or a negative strength.
    """
    _check(function, strength)
    return {name: _rate(float(gap), function, strength) for name, gap in discrepancies(means).items()}


def resampling_counts(
    means: Mapping[str, Fraction | float],
    samples: int,
    function: RateName = "linear",
    strength: float = 1.0,
    *,
    truncated: bool = False,
) -> dict[str, int]:
    """Copies by modality of so many samples, ⌊p N⌋; see `resampling_rates`.

    `truncated`: the published product of floats, which can be one copy short.
    """
    if not truncated:
        rates = resampling_rates(means, function, strength)
        return {name: math.floor(rate * samples + ROUNDING) for name, rate in rates.items()}
    _check(function, strength)
    short = {name: 1 - float(value) for name, value in means.items()}
    counts = {}
    for name, gap in short.items():
        others = [other for key, other in short.items() if key != name]
        above = gap - sum(others) / len(others)
        third = abs(above) / 3 * 2
        linear = third * strength
        rate = {"linear": linear, "tanh": math.tanh(linear), "power": third**POWER * strength}[function]
        counts[name] = int(rate * samples) if above > 0 else 0
    return counts


def valued_part(samples: int, share: float, rng: np.random.Generator, *, replace: bool = True) -> np.ndarray:
    """Z, the rows whose contributions are averaged: ⌊share N⌋ (at least one) drawn at random, int64.

    Raises `ParameterError` for a share outside (0, 1].
    """
    if not 0 < share <= 1:
        raise ParameterError(f"the share of rows that are valued is {share}: it must lie above 0 and be at most 1.")
    size = max(math.floor(share * samples + ROUNDING), 1)
    return rng.choice(samples, size, replace=replace).astype(np.int64)


def modality_plan(
    means: Mapping[str, Fraction | float],
    samples: int,
    rng: np.random.Generator,
    function: RateName = "linear",
    strength: float = 1.0,
    *,
    truncated: bool = False,
    replace: bool = True,
) -> SamplingPlan:
    """Every sample, then for each modality in turn the samples drawn to come again with it alone.

    Args:
        means: mean contribution of every modality over Z.
        samples: N.
        rng: draws the copies.
        function, strength, truncated: see `resampling_counts`.
        replace: draw with replacement (published); without it no modality gets more than N copies.
    """
    rows, kept = [], []
    for place, count in enumerate(resampling_counts(means, samples, function, strength, truncated=truncated).values()):
        count = count if replace else min(count, samples)
        rows.append(rng.choice(samples, count, replace=replace).astype(np.int64))
        kept.append(np.full(count, place))
    return _plan(tuple(means), samples, np.concatenate(rows), np.concatenate(kept))


def pairs_of(plan: SamplingPlan) -> list[tuple[int, dict[str, bool]]]:
    """The plan as a person reads it: each row with the modalities it keeps."""
    keep = {name: mask.tolist() for name, mask in (plan.keep or {}).items()}
    return [(row, {name: mask[place] for name, mask in keep.items()}) for place, row in enumerate(plan.index.tolist())]


def _plan(modalities: tuple[str, ...], samples: int, rows: np.ndarray, kept: np.ndarray) -> SamplingPlan:
    """All samples with everything, then `rows` (C,) with the modality at place `kept` (C,) alone."""
    all_of_it = np.ones(samples, bool)
    keep = {name: np.concatenate([all_of_it, kept == place]) for place, name in enumerate(modalities)}
    return SamplingPlan(np.concatenate([np.arange(samples), rows]), keep)


def _rate(gap: float, function: RateName, strength: float) -> float:
    if gap <= ROUNDING:
        return 0.0
    linear = 2 / 3 * gap * strength
    return {"linear": linear, "tanh": math.tanh(linear), "power": (2 / 3 * gap) ** POWER * strength}[function]


def _check(function: str, strength: float) -> None:
    if function not in get_args(RateName):
        raise ParameterError(
            f"the function of the re-sampling rate is {function!r}; choose one of "
            f"{', '.join(map(repr, get_args(RateName)))}."
        )
    if not strength >= 0:
        raise ParameterError(f"the strength of re-sampling is {strength}: it must be at least 0.")
