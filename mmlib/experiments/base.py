"""What every training experiment does around its own part: device, processes, seeds, training, the run's files.

A task subclasses `Experiment`, and its `run` is `execute(Task(), parameters)`; nearly every task has one stage.
Written into the output folder: `history.jsonl`, `progress.json` and `checkpoint.pt` while it trains; then `arrays.npz`,
`model.safetensors` (weights of the epoch that `keep_weights_of` chose) and, last, `result.json`.
"""

from __future__ import annotations

import time
from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from mmlib.data.dataset import MultimodalDataset
from mmlib.data.verification import verifying
from mmlib.errors import ParameterError
from mmlib.experiments import provenance
from mmlib.experiments.finished import FinishedRun
from mmlib.experiments.protocols import chosen_protocols
from mmlib.experiments.result_files import describe, gather_arrays, write_arrays, write_weights
from mmlib.experiments.settings import RecipeSettings
from mmlib.parameters.base import resolve_path
from mmlib.record import DataOrigin, Result, run_id_of, write_result
from mmlib.seal import NUMBERS, WEIGHTS, stamps
from mmlib.training import (
    Carried,
    Evaluation,
    Group,
    Outcome,
    SelectionProtocol,
    Stage,
    StageOutcome,
    StagePlan,
    StageRunner,
    Step,
    Task,
    TrainingSettings,
    process_group,
)
from mmlib.training.determinism import deterministic_algorithms, seed_everything


@dataclass
class DataFacts:
    """What the record says of the data: sizes and classes present by split, the origin."""

    splits: dict[str, int]
    coverage: dict[str, int] = field(default_factory=dict)
    origin: DataOrigin | None = None

    @classmethod
    def of(cls, data: Mapping[str, MultimodalDataset]) -> DataFacts:
        """Of data sets by split, all from one prepared folder."""
        return cls(
            splits={split: len(rows) for split, rows in data.items()},
            coverage={split: len(np.unique(rows.targets)) for split, rows in data.items()},
            origin=next(iter(data.values())).prepared.origin,
        )


@dataclass
class Setup:
    """Everything a stage trains with; fields as in `mmlib.training.Stage`, where they are explained.

    `data` is whatever the experiment wants to find again in `arrays` and `conclude`. `protocols` and the names of the
    `metrics` are the experiment's unless a stage has its own.
    """

    model: nn.Module
    task: Task
    loaders: Mapping[str, Any]
    facts: DataFacts
    optimizer: Optimizer | None = None
    step: Step | None = None
    scheduler: LRScheduler | Sequence[LRScheduler] | None = None
    modulations: Sequence[Any] = ()
    keep_weights_of: str = "clean"
    hand_over: Callable[[StageOutcome], Carried] | None = None
    protocols: Mapping[str, SelectionProtocol] | None = None
    metrics: Sequence[str] | None = None
    data: Any = None
    notes: list[str] = field(default_factory=list)


@dataclass
class Conclusion:
    """What an experiment finds after training: metrics "<protocol>/<metric>", arrays, notes for the record."""

    metrics: dict[str, float | None] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Experiment(ABC):
    """What a task says about itself; `execute` does the rest.

    `module` is hashed with everything it imports; `protocols` are tried by name, those whose split no loader gives are
    recorded as not available; `metrics` are the names every record holds (null where there is none).

    An experiment of one stage defines `setup`; one of several defines `stages` and `stage` instead.
    """

    module: ClassVar[str]
    protocols: ClassVar[Mapping[str, SelectionProtocol]]
    metrics: ClassVar[Sequence[str]]
    unavailable: ClassVar[str] = "not available: there is no validation split (validation_fraction = 0)"

    def stages(self, parameters: Any) -> dict[str, int]:
        """Epochs of each stage, by name, in order."""
        return {"train": parameters.epochs}

    def stage(self, name: str, parameters: Any, device: torch.device, group: Group, carried: Carried | None) -> Setup:
        """Build a stage from what the one before handed over (None for the first). Called in every process.

        It must depend on its arguments and the global random state alone: a resumed run builds its stage again.
        """
        return self.setup(parameters, device, group)

    def setup(self, parameters: Any, device: torch.device, group: Group) -> Setup:
        """Load the data, build everything on `device`. Called after the seeds are set, once per process."""
        raise NotImplementedError

    def reported(self, evaluations: Mapping[str, Evaluation]) -> Evaluation:
        """What a protocol reports of its epoch, from the evaluations by split; the test split's unless overridden."""
        return evaluations.get("test", Evaluation({}))

    def arrays(self, setup: Setup, outcome: Outcome) -> dict[str, np.ndarray]:
        """Arrays of the run beyond the traces and those that `reported` gives; `setup` is the last stage's."""
        return {}

    def conclude(self, parameters: Any, setup: Setup, outcome: Outcome, device: torch.device) -> Conclusion:
        """What is computed once, after training, on the first process (intervals, held-out estimates)."""
        return Conclusion()


def execute(experiment: Experiment, parameters: RecipeSettings) -> FinishedRun:
    """Train and evaluate once, resuming an interrupted run of the same parameters; returns the result.

    Prepared data are compared with their digests meanwhile (`mmlib.data.verification`). Raises `BlockedError` (no GPU,
    data missing), `DataError` (damaged), `ParameterError`, `NonFiniteLossError`, `OutputsError`.
    """
    started = time.perf_counter()
    device = provenance.pick_device(parameters.device)
    if parameters.precision == "fp16" and device.type != "cuda":
        raise ParameterError("precision = 'fp16' needs a CUDA device, and there is none; use 'fp32' or 'bf16'")
    folder = parameters.output_folder()
    with process_group(device.type) as group, deterministic_algorithms(parameters.deterministic):
        device = provenance.pick_device(parameters.device)  # of this process, now that it is known which it is
        seed_everything(parameters.seed)
        store = getattr(parameters, "data_store", "")  # an experiment without prepared data has none
        with verifying(resolve_path(store) if store else None, group.first) as data:
            setup, outcome = fit(experiment, parameters, folder, device, group)
            if not group.first:
                return FinishedRun.at(folder, Result(parameters=parameters.model_dump(mode="json"), metrics={}))
            conclusion = experiment.conclude(parameters, setup, outcome, device)
            data.finish()
        result = describe(experiment, parameters, outcome, conclusion, device)
        result.data_verified = data.wanted if data.used else None
        result.notes += data.notes
        result.run_id = run_id_of(folder)
        result.wall_s = round(time.perf_counter() - started + outcome.seconds_before, 3)
        write_arrays(folder, gather_arrays(experiment, setup, outcome) | conclusion.arrays)
        weights = write_weights(folder, outcome)
        result.files = stamps(folder, NUMBERS) | {WEIGHTS: weights}
        write_result(folder, result)
        return FinishedRun.at(folder, result)


def fit(
    experiment: Experiment, parameters: RecipeSettings, folder: Path, device: torch.device, group: Group
) -> tuple[Setup, Outcome]:
    """Train all stages, with checkpoints in `folder`; also gives what the last stage was trained with."""
    latest: list[Setup] = []

    def plan(name: str, epochs: int) -> StagePlan:
        def build(carried: Carried | None) -> Stage:
            latest.clear()  # the stage before may go before this one is built
            latest.append(experiment.stage(name, parameters, device, group, carried))
            return as_stage(experiment, parameters, latest[0])

        return StagePlan(name, epochs, build)

    stamp = (parameters, experiment.module, folder, parameters.prepare_data() or "", device, group.size)
    settings = TrainingSettings(
        device=device,
        precision=parameters.precision,
        channels_last=parameters.channels_last,
        compile_model=parameters.compile_model,
        folder=folder,
        fingerprint=provenance.fingerprint(*stamp),
    )
    plans = [plan(name, epochs) for name, epochs in experiment.stages(parameters).items()]
    outcome = StageRunner(plans, settings, group).run()
    return latest[0], outcome


def as_stage(experiment: Experiment, parameters: RecipeSettings, setup: Setup) -> Stage:
    """What the training loop needs of a setup."""
    protocols = experiment.protocols if setup.protocols is None else setup.protocols
    protocols = chosen_protocols(parameters, protocols)
    tried = [p for p in protocols.values() if p.split is None or p.split in setup.loaders]
    return Stage(
        setup.model,
        setup.task,
        setup.loaders,
        optimizer=setup.optimizer,
        step=setup.step,
        clip_norm=parameters.clip_norm,
        scheduler=setup.scheduler,
        modulations=setup.modulations,
        protocols=tried,
        keep_weights_of=setup.keep_weights_of,
        hand_over=setup.hand_over,
        facts={
            "splits": dict(setup.facts.splits),
            "coverage": dict(setup.facts.coverage),
            "parameter_count": sum(parameter.numel() for parameter in setup.model.parameters()),
            "rules": {name: protocol.rule for name, protocol in protocols.items()},
            "tried": [protocol.name for protocol in tried],
            "origin": setup.facts.origin,
            "notes": list(setup.notes),
            "metrics": list(experiment.metrics if setup.metrics is None else setup.metrics),
        },
    )
