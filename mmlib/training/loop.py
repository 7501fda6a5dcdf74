"""The training loop of one stage: epochs of steps, an evaluation after each, one printed line, one checkpoint.

A step never waits for the device: losses and traced values stay there until the epoch ends (or, every two seconds,
until progress is written). A loss that is not finite is therefore noticed then, named by its epoch and step, and the
weights it spoiled are not saved.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mmlib.compiling import compile_module
from mmlib.errors import NonFiniteLossError, UsageError
from mmlib.training.distributed import Group, replicate, share_buffers
from mmlib.training.history import History, Progress
from mmlib.training.layout import lay_out_images
from mmlib.training.optimisation import Precision, PrecisionName
from mmlib.training.selection import SelectionProtocol, Selector
from mmlib.training.stage import Stage
from mmlib.training.step import total_of
from mmlib.training.task import Evaluation
from mmlib.training.trace import Trace, weighted_means


@dataclass(frozen=True)
class TrainingSettings:
    """How to train; `folder` None keeps everything in memory."""

    device: torch.device = torch.device("cpu")
    precision: PrecisionName = "fp32"
    channels_last: bool = False
    compile_model: bool = False
    folder: Path | None = None
    fingerprint: str = ""
    verbose: bool = True


@dataclass
class Log:
    """What grows through all stages of a run: history, values of every step, progress, seconds spent."""

    history: History
    trace: Trace
    progress: Progress
    seconds: float = 0.0


class Trainer:
    """Trains one `Stage` to its last epoch.

    The loop lets modulations observe and tells them the epoch; modules with a `start_epoch` are told too, and so is a
    task that has one (it may replace the loader's plan then). A modulation with an `end_epoch` is told each epoch's
    metrics by split. Epochs count from 0 in the stage; what is written down counts through the run, from `first_epoch`.
    """

    def __init__(
        self,
        stage: Stage,
        *,
        name: str,
        epochs: int,
        settings: TrainingSettings,
        log: Log,
        group: Group | None = None,
        first_epoch: int = 0,
        save: Callable[[int], None] | None = None,
    ):
        self.stage, self.name, self.epochs, self.first_epoch = stage, name, epochs, first_epoch
        self.model, self.task, self.modulations = stage.model, stage.task, list(stage.modulations)
        self.settings, self.group, self.log = settings, group or Group(), log
        self.train_loader = stage.loaders["train"]
        self.evaluation_loaders = {split: loader for split, loader in stage.loaders.items() if split != "train"}
        self._prepare(stage.model)
        self.replica = replicate(stage.model, self.group, settings.device)
        self.precision = Precision(settings.precision, settings.device)
        self.step = stage.step
        self.step.bind(self.precision, self.group)
        self._check()
        self.selector = Selector(tuple(stage.protocols), stage.keep_weights_of, first_epoch)
        self._save = save or (lambda next_epoch: None)

    def _prepare(self, model: nn.Module) -> None:
        """How the model runs: the layout of its images, compiled or not; the record says where it is not."""
        if self.settings.channels_last:
            lay_out_images(model)
        if self.settings.compile_model:
            compile_module(model, self.settings.device, self._not_compiled)

    def _not_compiled(self, why: str) -> None:
        notes = self.stage.facts.setdefault("notes", [])
        notes.append(f"compile_model = true, but {why}")
        self.say(notes[-1])

    def _check(self) -> None:
        """Say before training what would otherwise show after it."""
        kept = self.stage.keep_weights_of
        candidates = [p.name for p in self.stage.protocols if any(map(p.considers, range(self.epochs)))]
        if kept is not None and kept not in candidates:
            raise UsageError(
                f"stage {self.name!r} is to keep the weights of protocol {kept!r}, which chooses none of its "
                f"{self.epochs} epochs; there are {', '.join(candidates) or 'no protocols'}."
            )
        if self.group.many and not self.step.own_reduction:
            ours = {id(parameter) for parameter in self.model.parameters()}
            held = (p for one in self.step.optimizers.values() for group in one.param_groups for p in group["params"])
            if any(id(parameter) not in ours for parameter in held):
                raise UsageError(
                    f"stage {self.name!r}: its optimiser holds parameters that its model does not, so their gradients "
                    "would differ between processes. Make them part of the model, or use GradientSets."
                )

    def fit(self, first: int = 0) -> None:
        """Train from epoch `first` to the last one.

        Raises `NonFiniteLossError`. An interrupt (SIGINT) leaves the last finished epoch to resume from.
        """
        epoch = first
        try:
            for epoch in range(first, self.epochs):
                self._one_epoch(epoch)
        except KeyboardInterrupt:
            self.say(f"interrupted in epoch {epoch + 1}; finished epochs are kept, run again to go on from there")
            raise

    def _one_epoch(self, epoch: int) -> None:
        started = time.perf_counter()
        learning_rate = self.step.learning_rate
        columns = self._train_epoch(epoch, learning_rate)
        trained = time.perf_counter()
        evaluations = self._evaluate()
        self._tell_modulations(epoch, evaluations)
        self.selector.update(self.first_epoch + epoch, evaluations, self.model)
        for scheduler in self.stage.schedulers:
            scheduler.step()
        seconds = time.perf_counter() - started
        self.log.seconds += seconds
        entry = self._entry(epoch, columns, evaluations)
        entry |= {"lr": learning_rate, "seconds": round(seconds, 3)}
        entry |= {"samples_per_s": round(float(columns["samples"].sum()) / (trained - started), 1)}
        self.log.history.append(entry)
        self._save(epoch + 1)
        self.say(_line(entry, epoch, self.epochs, self.selector.protocols))

    def _tell_modulations(self, epoch: int, evaluations: Mapping[str, Evaluation]) -> None:
        for modulation in self.modulations:
            if hasattr(modulation, "end_epoch"):
                modulation.end_epoch(epoch, {split: found.metrics for split, found in evaluations.items()})

    def _train_epoch(self, epoch: int, learning_rate: float) -> dict[str, np.ndarray]:
        if hasattr(self.task, "start_epoch"):
            self.task.start_epoch(epoch)
        self.train_loader.set_epoch(epoch)
        for modulation in self.modulations:
            modulation.set_epoch(epoch)
        for module in self.model.modules():
            if hasattr(module, "start_epoch"):
                module.start_epoch()
        self.replica.train()
        self.log.progress.epoch(epoch, len(self.train_loader))
        for step, batch in enumerate(self.train_loader):
            self._step(batch)
            if self.log.progress.due():
                self._report_progress(epoch, step + 1, learning_rate)
        columns = self.log.trace.close_epoch(self.first_epoch + epoch)
        self._check_finite(columns["loss"], epoch, learning_rate)
        return columns

    def _step(self, batch: Any) -> None:
        settings = self.settings
        batch = batch.to(settings.device, non_blocking=True)
        self.step.zero_grad()
        alone = self.step.own_reduction and self.group.many
        with self.replica.no_sync() if alone else contextlib.nullcontext():
            with self.precision.autocast():
                output = self._output(batch)
                losses = self.task.losses(output, batch)
            total = total_of(losses)
            with torch.no_grad(), self.precision.autocast():
                observed = self.task.observables(output, batch)
            self._record(total, losses, output, batch, observed)
            # Replicas' gradients are averaged: weight by the share of the global batch.
            self.step.take(losses, total, len(batch) * self.group.size / batch.size if self.group.many else None)

    def _output(self, batch: Any) -> Any:
        options = self.task.model_options(batch) if hasattr(self.task, "model_options") else {}
        keep = getattr(batch, "keep", None)
        if keep:
            options = {**options, "keep": keep}
        return self.replica(batch.inputs, **options)

    @torch.no_grad()
    def _record(self, total: torch.Tensor, losses: Mapping, output: Any, batch: Any, observed: dict[str, Any]) -> None:
        """Let the modulations observe and keep the step's values; every loss by its name where there are several."""
        for modulation in self.modulations:
            modulation.observe(**observed)
        values = {"loss": total, **self.task.trace(output, batch, observed)}
        if len(losses) > 1:
            values |= {f"loss_{name}": loss for name, loss in losses.items()}
        for modulation in self.modulations:  # several of one group multiply
            for name, k in modulation.coefficients.items():
                values[f"k_{name}"] = values[f"k_{name}"] * k if f"k_{name}" in values else k
            if hasattr(modulation, "traced"):
                values |= modulation.traced()
        self.log.trace.append(values, len(batch), batch.size)

    def _report_progress(self, epoch: int, step: int, learning_rate: float) -> None:
        losses = self.log.trace.open_column("loss")
        if not self.group.many:  # several processes must stop together, which they do at the end of the epoch
            self._check_finite(losses, epoch, learning_rate)
        self.log.progress.write(step, float(losses[-1]) if np.isfinite(losses[-1]) else None)

    def _check_finite(self, losses: np.ndarray, epoch: int, learning_rate: float) -> None:
        bad = np.flatnonzero(~np.isfinite(losses))
        if bad.size:
            raise NonFiniteLossError(self._not_finite(epoch, int(bad[0]) + 1, learning_rate))

    def _not_finite(self, epoch: int, step: int, learning_rate: float) -> str:
        advice = "Lower learning_rate" + ("" if self.settings.precision == "fp32" else ", or set precision = 'fp32'")
        before = self.first_epoch + epoch
        kept = f"the checkpoint after epoch {before} is kept" if before else "nothing was saved"
        return (
            f"the training loss is not finite in epoch {epoch + 1} of {self.epochs}, step {step} of "
            f"{len(self.train_loader)}, at learning rate {learning_rate:g}. {advice}; check the inputs for values "
            f"that are not finite. This epoch's weights were not saved; {kept}."
        )

    def _evaluate(self) -> dict[str, Evaluation]:
        share_buffers(self.model, self.group)
        self.model.eval()
        with torch.inference_mode(), self.precision.autocast():
            return {
                split: self.task.evaluate(self.model, loader, self.group)
                for split, loader in self.evaluation_loaders.items()
            }

    def _entry(self, epoch: int, columns: Mapping, evaluations: Mapping[str, Evaluation]) -> dict[str, Any]:
        means = weighted_means(columns)
        entry: dict[str, Any] = {"epoch": self.first_epoch + epoch, "stage": self.name}
        entry["train/loss"] = means.pop("loss")
        for split, evaluation in evaluations.items():
            entry |= {f"{split}/{name}": value for name, value in evaluation.metrics.items()}
        return entry | means

    def state_dict(self) -> dict[str, Any]:
        """Everything of this stage that the next epoch depends on, except random states."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.step.state_dict(),
            "scheduler": [scheduler.state_dict() for scheduler in self.stage.schedulers],
            "scaler": self.precision.scaler.state_dict(),
            "modulations": [modulation.state_dict() for modulation in self.modulations],
            "task": self.task.state_dict() if hasattr(self.task, "state_dict") else {},
            "loader": self.train_loader.state_dict() if hasattr(self.train_loader, "state_dict") else {},
            "selector": self.selector.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state_dict()` of a stage that was built alike."""
        self.model.load_state_dict(state["model"])
        self.step.load_state_dict(state["optimizer"])
        for scheduler, saved in zip(self.stage.schedulers, state["scheduler"], strict=True):
            scheduler.load_state_dict(saved)
        self.precision.scaler.load_state_dict(state["scaler"])
        for modulation, saved in zip(self.modulations, state["modulations"], strict=True):
            modulation.load_state_dict(saved)
        for part, saved in ((self.task, state["task"]), (self.train_loader, state["loader"])):
            if hasattr(part, "load_state_dict"):
                part.load_state_dict(saved)
        self.selector.load_state_dict(state["selector"])

    def say(self, text: str) -> None:
        """Print on the first process, where the settings allow it."""
        if self.settings.verbose and self.group.first:
            print(text, flush=True)


def _line(entry: Mapping[str, Any], epoch: int, epochs: int, protocols: Sequence[SelectionProtocol]) -> str:
    parts = [f"epoch {epoch + 1:>{len(str(epochs))}}/{epochs}", f"loss {entry['train/loss']:.4f}"]
    for name in dict.fromkeys(f"{protocol.split}/{protocol.metric}" for protocol in protocols if protocol.split):
        value = entry.get(name)
        parts.append(f"{name.replace('/', ' ')} {value:.4f}" if value is not None else f"{name} none")
    return "  ".join([*parts, f"lr {entry['lr']:.2g}", f"{entry['seconds']:.1f} s"])
