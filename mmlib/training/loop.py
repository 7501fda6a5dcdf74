"""The training loop: epochs of steps, an evaluation after each, one printed line, one checkpoint.

    trainer = Trainer(model, task, loaders={"train": ..., "validation": ..., "test": ...}, optimizer=optimizer, ...)
    outcome = trainer.fit()

A step never waits for the device: losses and traced values stay there until the epoch ends (or, every two seconds,
until progress is written). A loss that is not finite is therefore noticed then, named by its epoch and step, and the
weights it spoiled are not saved.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from mmlib.errors import NonFiniteLossError
from mmlib.training.checkpoint import load_checkpoint, save_checkpoint
from mmlib.training.determinism import random_state, set_random_state
from mmlib.training.distributed import Group, replicate, share_buffers
from mmlib.training.history import History, Progress
from mmlib.training.optimisation import Precision, PrecisionName
from mmlib.training.selection import Protocol, Selector
from mmlib.training.task import Evaluation, Task
from mmlib.training.trace import Trace, weighted_means


@dataclass(frozen=True)
class TrainingSettings:
    """How to train; `folder` None keeps everything in memory."""

    epochs: int
    device: torch.device = torch.device("cpu")
    precision: PrecisionName = "fp32"
    channels_last: bool = False
    folder: Path | None = None
    fingerprint: str = ""
    verbose: bool = True


@dataclass
class Outcome:
    """What a finished training leaves: history per epoch, traces per step, the selected epochs."""

    history: list[dict[str, Any]]
    traces: dict[str, np.ndarray]
    selector: Selector
    seconds_before: float  # of training and evaluation in earlier sessions of a resumed run
    resumed_at: int | None  # first epoch trained in this session, None when nothing was resumed


class Trainer:
    """Trains `model` on `task`; `loaders` has "train", every other split is evaluated after each epoch.

    Modulations are already attached to the optimiser; the loop lets them observe and tells them the epoch. Modules
    with a `start_epoch` are told too. `keep_weights_of` names the protocol whose weights are kept.
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        *,
        loaders: Mapping[str, Any],
        optimizer: Optimizer,
        settings: TrainingSettings,
        scheduler: LRScheduler | None = None,
        modulations: Sequence[Any] = (),
        protocols: Sequence[Protocol] = (),
        keep_weights_of: str | None = None,
        group: Group | None = None,
    ):
        self.model, self.task, self.optimizer, self.scheduler = model, task, optimizer, scheduler
        self.settings, self.modulations, self.group = settings, list(modulations), group or Group()
        self.train_loader = loaders["train"]
        self.evaluation_loaders = {split: loader for split, loader in loaders.items() if split != "train"}
        self.folder = settings.folder if self.group.first else None
        self.replica = replicate(model, self.group, settings.device)
        self.precision = Precision(settings.precision, settings.device)
        self.trace = Trace(self.group)
        self.selector = Selector(tuple(protocols), keep_weights_of)
        self.history = History(self.folder)
        self.progress = Progress(self.folder, settings.epochs, len(self.train_loader))
        self.seconds = 0.0

    def fit(self) -> Outcome:
        """Train to the last epoch, from the checkpoint if there is one.

        Raises `NonFiniteLossError`. An interrupt (SIGINT) leaves the last finished epoch to resume from.
        """
        first = self._restore()
        epoch, seconds_before = first, self.seconds
        self.progress.start(first)
        try:
            for epoch in range(first, self.settings.epochs):
                self._one_epoch(epoch)
        except KeyboardInterrupt:
            self._say(f"interrupted in epoch {epoch + 1}; finished epochs are kept, run again to go on from there")
            raise
        self.progress.write(self.settings.epochs, 0, None)
        resumed = first if first else None
        return Outcome(self.history.entries, self.trace.arrays, self.selector, seconds_before, resumed)

    def _one_epoch(self, epoch: int) -> None:
        started = time.perf_counter()
        learning_rate = self.optimizer.param_groups[0]["lr"]
        columns = self._train_epoch(epoch, learning_rate)
        trained = time.perf_counter()
        evaluations = self._evaluate()
        self.selector.update(epoch, evaluations, self.model)
        if self.scheduler is not None:
            self.scheduler.step()
        seconds = time.perf_counter() - started
        self.seconds += seconds
        entry = self._entry(epoch, columns, evaluations)
        entry |= {"lr": learning_rate, "seconds": round(seconds, 3)}
        entry |= {"samples_per_s": round(float(columns["samples"].sum()) / (trained - started), 1)}
        self.history.append(entry)
        if self.folder:
            save_checkpoint(self.folder, self.settings.fingerprint, self._state(epoch + 1))
        self._say(_line(entry, self.settings.epochs, self.selector.protocols))

    def _train_epoch(self, epoch: int, learning_rate: float) -> dict[str, np.ndarray]:
        self.train_loader.set_epoch(epoch)
        for modulation in self.modulations:
            modulation.set_epoch(epoch)
        for module in self.model.modules():
            if hasattr(module, "start_epoch"):
                module.start_epoch()
        self.replica.train()
        for step, batch in enumerate(self.train_loader):
            self._step(batch)
            if self.progress.due():
                self._report_progress(epoch, step + 1, learning_rate)
        columns = self.trace.close_epoch(epoch)
        self._check_finite(columns["loss"], epoch, learning_rate)
        return columns

    def _step(self, batch: Any) -> None:
        settings = self.settings
        batch = batch.to(settings.device, non_blocking=True)
        self.optimizer.zero_grad(set_to_none=True)
        with self.precision.autocast():
            output = self.replica(self._laid_out(batch.inputs))
            loss = self.task.loss(output, batch)
        with torch.no_grad(), self.precision.autocast():
            observed = self.task.observables(output, batch)
        with torch.no_grad():
            for modulation in self.modulations:
                modulation.observe(**observed)
            values = {"loss": loss, **self.task.trace(output, batch, observed)}
            for modulation in self.modulations:
                values |= {f"k_{modality}": k for modality, k in modulation.coefficients.items()}
            self.trace.append(values, len(batch), batch.size)
        if self.group.many:  # replicas' gradients are averaged: weight by the share of the global batch
            loss = loss * (len(batch) * self.group.size / batch.size)
        self.precision.step(loss, self.optimizer)

    def _laid_out(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if not self.settings.channels_last:
            return inputs
        layout = torch.channels_last
        return {name: x.contiguous(memory_format=layout) if x.ndim == 4 else x for name, x in inputs.items()}

    def _report_progress(self, epoch: int, step: int, learning_rate: float) -> None:
        losses = self.trace.open_column("loss")
        if not self.group.many:  # several processes must stop together, which they do at the end of the epoch
            self._check_finite(losses, epoch, learning_rate)
        self.progress.write(epoch, step, float(losses[-1]) if np.isfinite(losses[-1]) else None)

    def _check_finite(self, losses: np.ndarray, epoch: int, learning_rate: float) -> None:
        bad = np.flatnonzero(~np.isfinite(losses))
        if bad.size:
            raise NonFiniteLossError(self._not_finite(epoch, int(bad[0]) + 1, learning_rate))

    def _not_finite(self, epoch: int, step: int, learning_rate: float) -> str:
        advice = "Lower learning_rate" + ("" if self.settings.precision == "fp32" else ", or set precision = 'fp32'")
        kept = f"the checkpoint after epoch {epoch} is kept" if epoch else "nothing was saved"
        return (
            f"the training loss is not finite in epoch {epoch + 1} of {self.settings.epochs}, step {step} of "
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
        entry: dict[str, Any] = {"epoch": epoch, "train/loss": means.pop("loss")}
        for split, evaluation in evaluations.items():
            entry |= {f"{split}/{name}": value for name, value in evaluation.metrics.items()}
        return entry | means

    def _state(self, next_epoch: int) -> dict[str, Any]:
        return {
            "epoch": next_epoch,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler is not None else {},
            "scaler": self.precision.scaler.state_dict(),
            "modulations": [modulation.state_dict() for modulation in self.modulations],
            "task": self.task.state_dict() if hasattr(self.task, "state_dict") else {},
            "selector": self.selector.state_dict(),
            "history": self.history.entries,
            "trace": self.trace.state_dict(),
            "random": random_state(),
            "seconds": self.seconds,
        }

    def _restore(self) -> int:
        """Load the checkpoint where there is a usable one; returns the first epoch to train."""
        if self.settings.folder is None:
            return 0
        state, problem = load_checkpoint(self.settings.folder, self.settings.fingerprint)
        if problem:
            self._say(problem)
        if state is None:
            self.history.restart([])
            return 0
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.precision.scaler.load_state_dict(state["scaler"])
        for modulation, saved in zip(self.modulations, state["modulations"], strict=True):
            modulation.load_state_dict(saved)
        if hasattr(self.task, "load_state_dict"):
            self.task.load_state_dict(state.get("task", {}))
        self.selector.load_state_dict(state["selector"])
        self.history.restart(state["history"])
        self.trace.load_state_dict(state["trace"])
        self.seconds = state["seconds"]
        set_random_state(state["random"])
        left = self.settings.epochs - state["epoch"]
        self._say(f"resumed after epoch {state['epoch']} of {self.settings.epochs}; {left} left to train")
        return state["epoch"]

    def _say(self, text: str) -> None:
        if self.settings.verbose and self.group.first:
            print(text, flush=True)


def _line(entry: Mapping[str, Any], epochs: int, protocols: Sequence[Protocol]) -> str:
    parts = [f"epoch {entry['epoch'] + 1:>{len(str(epochs))}}/{epochs}", f"loss {entry['train/loss']:.4f}"]
    for name in dict.fromkeys(f"{protocol.split}/{protocol.metric}" for protocol in protocols if protocol.split):
        value = entry.get(name)
        parts.append(f"{name.replace('/', ' ')} {value:.4f}" if value is not None else f"{name} none")
    return "  ".join([*parts, f"lr {entry['lr']:.2g}", f"{entry['seconds']:.1f} s"])
