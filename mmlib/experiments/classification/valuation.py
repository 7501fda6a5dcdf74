"""Valuation of the training samples after an epoch, and the list of the next epoch made of it.

Published code does (Wei et al., CVPR 2024): values the whole training set after every epoch, with the augmentation of
    training; from the last epoch of the warm-up on the list of the next epoch is made of it, always from the originals.
We do: the same, without augmentation unless `valuation_inputs = 'augmented'`. Without `valuation` only what a list is
    made of is valued, and when one is: all samples, or for the modality-level rule the drawn part alone. What is drawn
    depends on (seed, epoch) alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from mmlib.data.assembly import build_views
from mmlib.data.batch import Batch
from mmlib.data.dataset import MultimodalDataset
from mmlib.data.loader import BatchLoader
from mmlib.data.randomness import mix
from mmlib.data.sampling import SamplingPlan
from mmlib.experiments.classification.parameters import Parameters
from mmlib.experiments.loaders import computed_on_device, loader_workers
from mmlib.experiments.predictions import collect_outputs
from mmlib.models import MultimodalClassifier
from mmlib.training import Evaluation, Group
from mmlib.valuation.contributions import Contributions, contributions
from mmlib.valuation.resampling import modality_plan, sample_plan, valued_part
from mmlib.valuation.subsets import subset_predictions, valued_modalities
from mmlib.valuation.truth import uninformative_auc

SPLIT = "valuation"
"""Name of the valued training samples among the splits of a history."""


def wanted(parameters: Parameters) -> bool:
    """Whether a run values anything."""
    return parameters.valuation or parameters.resampling != "none"


class Valuation:
    """What a run knows of its training samples; `loader` shows them, and `after_epoch` values what it shows.

    Args:
        parameters: of the run.
        model: on its device.
        train: the training split as it is trained on, and `loader` of it, whose list changes.
        group: this process among all.

    Raises `UsageError` for a model of one modality.
    """

    def __init__(
        self,
        parameters: Parameters,
        model: MultimodalClassifier,
        train: MultimodalDataset,
        training_loader: BatchLoader,
        group: Group,
    ) -> None:
        self.parameters, self.training_loader, self.group = parameters, training_loader, group
        self.modalities = valued_modalities(model.fusion)
        contributions(np.ones((0, 2 ** len(self.modalities) - 1), bool), self.modalities)  # there are enough of them
        self.samples, self.train = len(train), train
        augmented = parameters.valuation_inputs == "augmented"
        device = next(model.parameters()).device
        self.loader = BatchLoader(
            train if augmented else as_evaluated(train, parameters),
            batch_size=max(parameters.batch_size, 128),
            shuffle=False,
            seed=mix(parameters.seed, "valuation"),
            workers=loader_workers(parameters, device, group),
            rank=group.rank,
            world_size=group.size,
            pin_memory=device.type == "cuda",
            deferred=computed_on_device(parameters),
        )
        self.truth = informative_columns(train, self.modalities)
        self.epoch = 0
        self.valued: dict[int, Contributions] = {}  # by epoch
        self.positions: dict[int, np.ndarray] = {}  # of the rows valued, by epoch

    @property
    def in_part(self) -> bool:
        """Whether only the part is valued that mean contributions are taken over."""
        return not self.parameters.valuation

    def start_epoch(self, epoch: int) -> None:
        """Tell the epoch, counted from 0."""
        self.epoch = epoch

    def after_epoch(self, model: MultimodalClassifier) -> Evaluation:
        """Value the samples after this epoch, and set the list of the next one, where either is called for.

        Metrics: mean contributions, accuracies of the fused prediction and of each modality with the others at zero,
        `contribution_auc` where the data know the truth, `next_rows`, the size of the next list, and `seconds`.
        """
        given, following = self.parameters, self.epoch + 1
        changes = given.resampling != "none" and given.resampling_warmup <= following < given.epochs
        if not (given.valuation or changes):
            return Evaluation({})
        started = time.perf_counter()
        part = self._part() if given.resampling == "modality" and changes else None
        rows = np.arange(self.samples)
        self.loader.set_epoch(self.epoch)
        if part is not None and self.in_part:
            rows = np.sort(part)  # outputs come in the order of the rows
            self.loader.set_plan(SamplingPlan(rows, shuffle=False))
        found = self._value(model)
        self.valued[self.epoch], self.positions[self.epoch] = found, rows
        if changes:
            self.training_loader.set_plan(self._plan(found, part))
        metrics = contribution_metrics(found, None if self.truth is None else self.truth[rows])
        metrics["top1"] = float(found.correct[:, -1].mean())
        metrics["next_rows"] = float(len(self.training_loader.plan))
        return Evaluation({**metrics, "seconds": round(time.perf_counter() - started, 3)})

    def _value(self, model: MultimodalClassifier) -> Contributions:
        outputs = collect_outputs(
            model, self.loader, self.group, lambda output: {"subsets": subset_predictions(model.fusion, output)}
        )
        return contributions(outputs["subsets"] == outputs["targets"][:, None], self.modalities)

    def _part(self) -> np.ndarray:
        given = self.parameters
        rng = np.random.default_rng(mix(given.seed, self.epoch, "valued part"))
        return valued_part(self.samples, given.resampling_share, rng, replace=given.resampling_replace)

    def _plan(self, found: Contributions, part: np.ndarray | None) -> SamplingPlan:
        given = self.parameters
        if part is None:
            return shared_by(sample_plan(found), self.samples, given.batch_size, self.group.size)
        means = (found if self.in_part else found.rows(part)).means()
        plan = modality_plan(
            means,
            self.samples,
            np.random.default_rng(mix(given.seed, self.epoch, "copies")),
            given.resampling_function,
            given.resampling_strength,
            truncated=given.resampling_count == "truncated",
            replace=given.resampling_replace,
        )
        return shared_by(plan, self.samples, given.batch_size, self.group.size)

    def state_dict(self) -> dict[str, Any]:
        """Contributions of every epoch so far, as tensors."""
        tensors = {"correct": {epoch: torch.from_numpy(one.correct) for epoch, one in self.valued.items()}}
        return tensors | {"positions": {epoch: torch.from_numpy(rows) for epoch, rows in self.positions.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.valued = {e: contributions(right.numpy(), self.modalities) for e, right in state["correct"].items()}
        self.positions = {epoch: rows.numpy() for epoch, rows in state["positions"].items()}

    def arrays(self) -> dict[str, np.ndarray]:
        """Of E valued epochs, R rows in each: `valuation_epochs` (E,), `valuation_contributions` (E, R, n) in 1/n!,
        `valuation_correct` (E, R, 2^n - 1), `valuation_positions` (E, R) within the training split; of all N training
        samples `valuation_rows` (N,) of the prepared folder, and `valuation_informative` (N, n) where it is known;
        `valuation_modalities` (n,). Empty where nothing was valued.
        """
        if not self.valued:
            return {}
        epochs = sorted(self.valued)
        units = np.stack([self.valued[epoch].units for epoch in epochs])
        most = int(np.abs(units).max(initial=0))
        smallest = next(kind for kind in (np.int8, np.int16, np.int32, np.int64) if most <= np.iinfo(kind).max)
        arrays = {
            "epochs": np.array(epochs),
            "contributions": units.astype(smallest),
            "correct": np.stack([self.valued[epoch].correct for epoch in epochs]),
            "positions": np.stack([self.positions[epoch] for epoch in epochs]).astype(np.int32),
            "rows": self.train.rows,
            "modalities": np.array(self.modalities),
        }
        arrays |= {} if self.truth is None else {"informative": self.truth}
        return {f"{SPLIT}_{name}": values for name, values in arrays.items()}


def contribution_metrics(found: Contributions, informative: np.ndarray | None) -> dict[str, float | None]:
    """`contribution_<modality>`, means; `top1_only_<modality>`, accuracy with all others at zero; `contribution_auc`
    where `informative` (N, n) is known.
    """
    right = found.accuracies()
    metrics: dict[str, float | None] = {f"contribution_{name}": float(mean) for name, mean in found.means().items()}
    metrics |= {f"top1_only_{name}": right[(name,)] for name in found.modalities}
    return metrics if informative is None else metrics | {"contribution_auc": uninformative_auc(found, informative)}


def contribution_names(modalities: Iterable[str], truth: bool) -> tuple[str, ...]:
    """What the record of a run that values samples holds of the test split beside the usual metrics."""
    names = sorted(modalities)
    means = (*(f"contribution_{name}" for name in names), *(f"top1_only_{name}" for name in names))
    return (*means, *(("contribution_auc",) if truth else ()))


def measure_contributions(
    outputs: Mapping[str, np.ndarray], modalities: tuple[str, ...], loader: Iterable[Batch]
) -> Evaluation:
    """`contribution_metrics` of an evaluated split, and its `contributions` (N, n) in 1/n!."""
    found = contributions(outputs["subsets"] == outputs["targets"][:, None], modalities)
    data = getattr(loader, "dataset", None)
    truth = None if data is None else informative_columns(data, modalities)
    return Evaluation(contribution_metrics(found, truth), {"contributions": found.units})


def informative_columns(data: MultimodalDataset, modalities: Iterable[str]) -> np.ndarray | None:
    """Which modalities of each sample say something, (N, n) bool, in their order; None where the data do not know."""
    names = [f"{name}_informative" for name in modalities]
    if not all(name in data.prepared.index for name in names):
        return None
    return np.stack([data.column(name).astype(bool) for name in names], axis=1)


def as_evaluated(train: MultimodalDataset, parameters: Parameters) -> MultimodalDataset:
    """The training samples as a split that is evaluated would show them; the same object where nothing is random."""
    if not any(view.random for view in train.views.values()):
        return train
    built = build_views(train.prepared, parameters, False)
    views = {name: built[name] for name in train.views}
    return MultimodalDataset(train.prepared, train.rows, views, split=train.split, cache_bytes=train.cache_bytes)


def shared_by(plan: SamplingPlan, originals: int, batch_size: int, processes: int) -> SamplingPlan:
    """The plan, less the last copies where they would leave a last batch too small for every process to share."""
    last = len(plan) % batch_size
    if not last or last >= processes or len(plan) - last < originals:
        return plan
    cut = len(plan) - last
    keep = None if plan.keep is None else {name: mask[:cut] for name, mask in plan.keep.items()}
    return SamplingPlan(plan.index[:cut], keep, shuffle=plan.shuffle)
