"""Finds a finished run that left contributions of its training samples, and reads them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from mmlib.analysis.arrays import read_arrays
from mmlib.data.dataset import MultimodalDataset
from mmlib.data.loading import load_data
from mmlib.errors import ParameterError, UsageError
from mmlib.experiments.classification import Parameters as ClassificationParameters
from mmlib.experiments.classification import run as classify
from mmlib.experiments.finished import FinishedRun
from mmlib.experiments.valuation.parameters import Parameters
from mmlib.record import RESULT_FILE, read_result
from mmlib.valuation.contributions import Contributions, contributions

SMALL = {
    "fusion": "concat",
    "synthetic_samples": 400,
    "synthetic_visual_snr_db": 10.0,
    "synthetic_uninformative": 0.3,
    "synthetic_correlation": 0.9,
    "epochs": 6,
    "step_size": 5,
    "valuation": True,
    "resampling": "sample",
    "resampling_warmup": 3,
}
"""What the small run trains where there is none: seconds on a CPU."""


@dataclass(frozen=True)
class Extremes:
    """Positions within the training split, the most extreme first; equal contributions in the order of the split."""

    lowest: np.ndarray
    highest: np.ndarray


@dataclass
class ValuedRun:
    """A run and what was valued after each epoch.

    Attributes: `run`, `parameters` of the run, `modalities`, `epochs` (E,) valued, counted from 0, `valued`, the
    contributions after each of them, `shown`, those looked at, and `modality`, whose extremes are shown.
    """

    run: FinishedRun
    parameters: ClassificationParameters
    modalities: tuple[str, ...]
    epochs: np.ndarray
    valued: list[Contributions]
    number: int
    modality: str
    count: int

    @property
    def shown(self) -> Contributions:
        return self.valued[self.number]

    @property
    def epoch(self) -> int:
        """The epoch looked at, counted from 1."""
        return int(self.epochs[self.number]) + 1

    @property
    def title(self) -> str:
        given = self.parameters
        level = "no re-sampling" if given.resampling == "none" else f"re-sampling by {given.resampling}"
        return f"{given.dataset}, {given.fusion}, {level}, seed {given.seed}"

    @cached_property
    def train(self) -> MultimodalDataset:
        """The training split, in the order that was valued."""
        return load_data(self.parameters.located())["train"]

    def extremes(self) -> Extremes:
        """Samples with the lowest and the highest contribution of `modality`."""
        units = self.shown.units[:, self.modalities.index(self.modality)]
        return Extremes(*(np.argsort(signed, kind="stable")[: self.count] for signed in (units, -units)))

    def facts(self) -> str:
        """What the epoch's contributions add up to, in words; the identity is checked and not assumed."""
        found = self.shown
        means, right = found.means(), found.accuracies()
        total, whole = sum(means.values()), right[found.subsets[-1]]
        told = ", ".join(f"{name} {float(value):.3f}" for name, value in means.items())
        alone = ", ".join(f"only {name} {100 * right[(name,)]:.1f} %" for name in self.modalities)
        count = len(self.modalities)
        assert (found.units.sum(axis=1) == count * found.unit * found.correct[:, -1]).all()
        return (
            f"{self.title}\nafter epoch {self.epoch}, {len(found)} training samples: mean contributions {told}\n"
            f"they add up to {float(total):.3f} = {count} × {100 * whole:.1f} % right from all; {alone}"
        )


def run(parameters: Parameters) -> ValuedRun:
    """The run to look at. Raises `ParameterError` for a run, epoch or modality that is not there."""
    outputs = parameters.outputs_folder()
    folder = _find(outputs, parameters.run)
    if folder is None and parameters.small_run and not parameters.run:
        folder = outputs / "interactive" / "valuation-small-run"
        settings = {**SMALL, "data_store": str(outputs / "data"), "output": str(folder)}
        classify(ClassificationParameters.resolve(settings))
    if folder is None:
        wanted = f" whose name begins with {parameters.run!r}" if parameters.run else ""
        raise ParameterError(
            f"no finished run{wanted} under {outputs} valued all its training samples. Train one with valuation = true "
            "(classification.ipynb, or mmlib run valuation), or set small_run = true and run = ''."
        )
    result, problem = read_result(folder)
    if result is None:
        raise UsageError(f"{folder}: {problem}")
    finished = FinishedRun.at(folder, result)
    arrays = finished.arrays
    modalities = tuple(arrays["valuation_modalities"].tolist())
    epochs = arrays["valuation_epochs"]
    valued = [contributions(right, modalities) for right in arrays["valuation_correct"]]
    number = _number(parameters.epoch, epochs)
    means = valued[number].means()
    modality = parameters.modality or min(modalities, key=means.__getitem__)
    if modality not in modalities:
        raise ParameterError(f"modality = {modality!r}: this run has {', '.join(modalities)}. Choose one of them.")
    given = ClassificationParameters.of_record(result.parameters)
    return ValuedRun(finished, given, modalities, epochs, valued, number, modality, parameters.samples)


def _number(epoch: int, epochs: np.ndarray) -> int:
    if not epoch:
        return len(epochs) - 1
    if epoch - 1 not in epochs:
        raise ParameterError(
            f"epoch = {epoch}: samples were valued after {', '.join(str(number + 1) for number in epochs)}. Choose one "
            "of these, or 0 for the last."
        )
    return int(np.flatnonzero(epochs == epoch - 1)[0])


def _find(outputs: Path, name: str) -> Path | None:
    """The first folder of a finished classification run that begins with `name` and valued every training sample."""
    for path in sorted(outputs.glob(f"*/{name}*/{RESULT_FILE}")):
        result, _ = read_result(path.parent)
        arrays = path.parent / "arrays.npz"
        if result is None or not result.parameters.get("valuation") or not arrays.is_file():
            continue
        if read_arrays(path.parent, "valuation_correct".__eq__):
            return path.parent
    return None
