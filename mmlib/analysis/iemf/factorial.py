"""What each of unimodal losses, scaling and noise gives: the eight combinations as a 2³ factorial experiment.

The published code switches all three at once; its plotting script shows one of the other six combinations on one data
set. An effect is half the difference of the effect without it at the two settings of another factor, as is usual: the
main effect of A is mean(A on) − mean(A off); the interaction A × B is half of (effect of A where B is on − where B is
off); so that every effect is a sum of the eight cells with weights ± ¼. "Off" for the unimodal losses means that the
heads learn from detached features, or that nothing needs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import prod

from mmlib.analysis.iemf.rows import COMBINATIONS, FACTORS, top1
from mmlib.analysis.words import difference_text
from mmlib.statistics import PairedDifference, Summary, contrast, summarise
from mmlib.workbook.results import Results

Setting = tuple[bool, bool, bool]


@dataclass(frozen=True)
class Effect:
    """One main effect or interaction, in points; `factors` are those it is of."""

    factors: tuple[str, ...]
    difference: PairedDifference

    @property
    def name(self) -> str:
        """ "scaling × noise"."""
        return " × ".join(self.factors)

    @property
    def clear(self) -> bool:
        """Whether the interval does not contain zero."""
        found = self.difference
        return found.low is not None and not found.low <= 0 <= found.high


@dataclass(frozen=True)
class Factorial:
    """The combinations that ran, Top-1 in percent over seeds, and the effects where all eight did."""

    cells: dict[Setting, Summary]
    effects: list[Effect]

    @property
    def missing(self) -> list[str]:
        """Combinations that did not run, in words."""
        return [setting_text(setting) for setting in COMBINATIONS if setting not in self.cells]

    @property
    def sentences(self) -> list[str]:
        if not self.cells:
            return ["None of the eight combinations of unimodal losses, scaling and noise ran."]
        if not self.effects:
            missing = "; ".join(self.missing) or "a seed that all eight share"
            return [
                f"The effects of unimodal losses, scaling and noise need all eight combinations; missing: {missing}."
            ]
        told = "; ".join(f"{effect.name} {_effect_text(effect.difference)}" for effect in self.effects)
        clear = [effect.name for effect in self.effects if effect.clear]
        rest = f"Beyond seed noise: {', '.join(clear)}." if clear else "None of the seven is beyond seed noise."
        return [f"Effects on Top-1 in points, mean over the settings of the other two (2³ factorial): {told}. {rest}"]


def setting_text(setting: Setting) -> str:
    """ "unimodal losses, noise"; "none of the three"."""
    return ", ".join(name for name, on in zip(FACTORS, setting, strict=True) if on) or "none of the three"


def weights(factors: tuple[str, ...]) -> dict[Setting, float]:
    """The weight of each of the eight cells in an effect: ± ¼, the product of the signs of its factors."""
    places = [FACTORS.index(factor) for factor in factors]
    return {setting: 0.25 * prod(1 if setting[place] else -1 for place in places) for setting in COMBINATIONS}


def effects_of(cells: Mapping[Setting, Mapping[int, float]]) -> list[Effect]:
    """The seven effects from {seed: value} of all eight cells, paired over seeds; none where they share no seed."""
    found = []
    for size in (1, 2, 3):
        for factors in combinations(FACTORS, size):
            sides = [(weight, cells[setting]) for setting, weight in weights(factors).items()]
            difference = contrast(sides)
            if difference is not None:
                found.append(Effect(factors, difference))
    return found


def factorial(results: Results, protocol: str = "clean") -> Factorial:
    """The eight rows of the plan, as far as they ran."""
    known = {setting: values for setting, row in COMBINATIONS.items() if (values := top1(results, row, protocol))}
    cells = {setting: summarise(list(values.values())) for setting, values in known.items()}
    return Factorial(cells, effects_of(known) if len(known) == len(COMBINATIONS) else [])


def _effect_text(found: PairedDifference) -> str:
    """ "1.2 better (0.3 to 2.1 better)" in points."""
    return difference_text(found, "top1", unit=False)
