"""What it costs a method to get as far as the baseline, from the histories of runs: our definition.

Paper says (IEMF): up to 50 % less computation. No script and no number exists of how that was counted.
We do: of two runs with the same seed, data and network, one the baseline and one the method,

    cost = (first epoch at which the method reaches the baseline's best accuracy) / (first epoch at which the baseline
           has it) x (seconds per sample of the method's training step) / (seconds per sample of the baseline's).

    Epochs count from 1 in the first stage of a run; accuracy is `test/top1` unless another quantity is named (curves
    are compared, no epoch is chosen to be reported). Below 1 the method is cheaper. A method that never gets there has
    no cost, only a lower bound: it used up all its epochs. Seconds per sample come from `samples_per_s` of every epoch
    but the first, which includes what is done once: their median, and as noise the distance from the median to the
    farther quartile. What else the machine did meanwhile counts too, so a step ratio within the noise says nothing;
    runs of one batch, one at a time, compare best.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from mmlib.analysis.histories import Entry, curve

QUANTITY = "test/top1"


@dataclass(frozen=True)
class StepTime:
    """Seconds per sample of training: median over epochs, and `noise`, the farther quartile's relative distance."""

    seconds: float
    noise: float


@dataclass(frozen=True)
class Cost:
    """One seed. `epoch` is None where the method never reached `target`, the baseline's best, in its `epochs`.

    `step_ratio` is None where a history has no timings; `step_noise` is the relative noise of that ratio.
    """

    seed: int
    target: float
    baseline_epoch: int
    epoch: int | None
    epochs: int
    step_ratio: float | None
    step_noise: float | None

    @property
    def reached(self) -> bool:
        return self.epoch is not None

    @property
    def epoch_ratio(self) -> float:
        """Epochs over the baseline's; a lower bound, with all epochs used, where the target was never reached."""
        return (self.epochs if self.epoch is None else self.epoch) / self.baseline_epoch

    @property
    def bound(self) -> float | None:
        """The cost, or where the target was never reached the value that it exceeds; None without timings."""
        return None if self.step_ratio is None else self.epoch_ratio * self.step_ratio

    @property
    def cost(self) -> float | None:
        """None where the target was never reached, or without timings."""
        return self.bound if self.reached else None


def step_time(entries: Sequence[Entry]) -> StepTime | None:
    """Of the first stage of a history; None without timings."""
    rates = [rate for rate in curve(entries, "samples_per_s") if rate]
    rates = rates[1:] or rates
    if not rates:
        return None
    seconds = [1 / rate for rate in rates]
    middle = median(seconds)
    low, high = np.quantile(seconds, [0.25, 0.75])
    return StepTime(middle, float(max(high - middle, middle - low) / middle))


def cost_of(baseline: Sequence[Entry], method: Sequence[Entry], seed: int = 0, quantity: str = QUANTITY) -> Cost | None:
    """Cost of a method's run against the baseline's; None where one of the histories lacks the quantity."""
    of_baseline, of_method = (curve(entries, quantity) for entries in (baseline, method))
    known = [value for value in of_baseline if value is not None]
    if not known or all(value is None for value in of_method):
        return None
    target = max(known)
    baseline_epoch = _first(of_baseline, target)
    times = step_time(baseline), step_time(method)
    timed = None not in times
    return Cost(
        seed,
        target,
        baseline_epoch,
        _first(of_method, target),
        len(of_method),
        times[1].seconds / times[0].seconds if timed else None,
        math.hypot(times[0].noise, times[1].noise) if timed else None,
    )


def _first(values: Sequence[float | None], target: float) -> int | None:
    """The first epoch, from 1, with at least the target."""
    return next((epoch for epoch, value in enumerate(values, 1) if value is not None and value >= target), None)


@dataclass(frozen=True)
class MethodCost:
    """A method's costs by seed. The median counts a run that never got there as dearer than any that did."""

    label: str
    runs: tuple[Cost, ...]

    @property
    def reached(self) -> int:
        """Runs that reached the baseline's best."""
        return sum(run.reached for run in self.runs)

    @property
    def median(self) -> float | None:
        """Median cost over seeds; None where that run never got there, or nothing is timed."""
        costs = [math.inf if not run.reached else run.cost for run in self.runs if run.step_ratio is not None]
        if not costs:
            return None
        found = median(costs)
        return found if math.isfinite(found) else None

    @property
    def sentence(self) -> str:
        """In words, computed."""
        if not self.runs:
            return f"{self.label}: no run shares a seed with the baseline."
        told = f"{self.label}: {self.reached} of {len(self.runs)} seeds reach the baseline’s best accuracy"
        timed = [run.step_noise for run in self.runs if run.step_noise is not None]
        if self.median is None:
            return f"{told}; " + ("the median seed never does." if timed else "no step was timed.")
        percent = round(100 * abs(1 - self.median))
        change = f"{percent} % {'less' if self.median < 1 else 'more'} than" if percent else "as much as"
        noise = f"step times are noisy by {100 * max(timed):.0f} %"
        return f"{told}; median cost {self.median:.2f}, {change} the baseline ({noise})."


def method_cost(
    label: str,
    baseline: Mapping[int, Sequence[Entry]],
    method: Mapping[int, Sequence[Entry]],
    quantity: str = QUANTITY,
) -> MethodCost:
    """Over the seeds that both ran; histories by seed, as `mmlib.analysis.histories.read_entries` gives them."""
    common = sorted(set(baseline) & set(method))
    found = [cost_of(baseline[seed], method[seed], seed, quantity) for seed in common]
    return MethodCost(label, tuple(cost for cost in found if cost is not None))
