"""A run: its stages one after another, resumed within any of them and between two.

    outcome = StageRunner([StagePlan("train", 8, build)], settings).run()

The checkpoint holds the stage under way with all its state, what the one before handed over, the random state in which
this stage was built, and what finished stages measured. A resumed run builds its stage again from these and goes on;
what is killed between two stages is repeated from the end of the earlier one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from mmlib.files import parse_json
from mmlib.training.checkpoint import CheckpointWriter, check_plain, load_checkpoint, packed
from mmlib.training.determinism import random_state, set_random_state
from mmlib.training.distributed import Group, states_of_all
from mmlib.training.history import History, Progress
from mmlib.training.loop import Log, Trainer, TrainingSettings
from mmlib.training.selection import Selector
from mmlib.training.stage import Carried, StageOutcome, StagePlan
from mmlib.training.trace import Trace


@dataclass
class Outcome:
    """What a finished run leaves: history per epoch, traces per step, every stage's selected epochs."""

    history: list[dict[str, Any]]
    traces: dict[str, np.ndarray]
    stages: list[StageOutcome]
    seconds_before: float  # of training and evaluation in earlier sessions of a resumed run
    resumed_at: int | None  # first epoch trained in this session, None when nothing was resumed

    @property
    def selector(self) -> Selector:
        """Of the last stage, which is what a run reports."""
        return self.stages[-1].selector


class StageRunner:
    """Trains stages in order.

    Args:
        plans: at least one; names differ.
        settings: the same for all stages.
        group: this process among all.
    """

    def __init__(self, plans: Sequence[StagePlan], settings: TrainingSettings, group: Group | None = None) -> None:
        if not plans or len({plan.name for plan in plans}) < len(plans):
            raise ValueError(f"a run needs stages of different names; got {[plan.name for plan in plans]}")
        self.plans, self.settings, self.group = list(plans), settings, group or Group()
        self.folder = settings.folder if self.group.first else None
        epochs = {plan.name: plan.epochs for plan in plans}
        self.log = Log(History(self.folder), Trace(self.group), Progress(self.folder, epochs))
        self.writer = CheckpointWriter(self.folder, settings.fingerprint) if self.folder else None
        self.trainer: Trainer | None = None
        self.finished: list[StageOutcome] = []
        self.carried: Carried | None = None
        self.before: Tensor | None = None  # what earlier stages left, as checkpoints of the stage under way hold it

    def run(self) -> Outcome:
        """Train every stage to its end, from the checkpoint if there is one.

        Raises `NonFiniteLossError`, `OutputsError`. An interrupt (SIGINT) leaves the last finished epoch to go on from.
        """
        with contextlib.closing(self.writer) if self.writer else contextlib.nullcontext():
            return self._run()

    def _run(self) -> Outcome:
        state = self._restore()
        start, resumed = (state["stage"], self._epoch_before(state)) if state else (0, 0)
        seconds_before = self.log.seconds
        for number in range(start, len(self.plans)):
            self._one_stage(number, state if number == start else None)
        self.log.progress.finish()
        return Outcome(self.log.history.entries, self.log.trace.arrays, self.finished, seconds_before, resumed or None)

    def _one_stage(self, number: int, state: dict[str, Any] | None) -> None:
        plan = self.plans[number]
        self.trainer = None  # the stage before may go before this one is built
        if state is not None and number:  # the first stage is built in the state that the seed gives, also when resumed
            set_random_state(state["built_in"])
        built_in = random_state() if number else {}
        if self.folder:
            finished = [outcome.state_dict() for outcome in self.finished]
            self.before = packed({"carried": self.carried or {}, "finished": finished})
        stage = plan.build(self.carried)
        first_epoch = sum(earlier.epochs for earlier in self.plans[:number])
        self.trainer = trainer = Trainer(
            stage,
            name=plan.name,
            epochs=plan.epochs,
            settings=self.settings,
            log=self.log,
            group=self.group,
            first_epoch=first_epoch,
            save=lambda epoch: self._save(number, epoch, built_in),
        )
        first = 0
        if state is not None:
            first = state["epoch"]
            trainer.load_state_dict(state)
            set_random_state(state["random"][self.group.rank])
            trainer.say(self._resumed(number, first))
        elif number:
            trainer.say(f"stage {number + 1} of {len(self.plans)}: {plan.name}")
            self._save(number, 0, built_in)  # what was handed over may have cost more than an epoch
        self.log.progress.start(plan.name, first)
        trainer.fit(first)
        if self.writer:
            self.writer.wait()  # the next stage may start processes, which a thread at work must not be copied into
        outcome = StageOutcome(plan.name, first_epoch, plan.epochs, trainer.selector, stage.facts)
        self.finished.append(outcome)
        if number + 1 < len(self.plans):
            # Processes have drawn differently; what is drawn for the next stage must be the same in all of them.
            set_random_state(states_of_all(random_state(), self.group)[0])
            self.carried = (stage.hand_over(outcome) if stage.hand_over else {"weights": outcome.weights}) or None
            check_plain(self.carried, f"what stage {plan.name!r} hands over")

    def _resumed(self, number: int, first: int) -> str:
        plan = self.plans[number]
        where = f" of stage {plan.name}" if len(self.plans) > 1 else ""
        return f"resumed after epoch {first} of {plan.epochs}{where}; {plan.epochs - first} left to train"

    def _epoch_before(self, state: dict[str, Any]) -> int:
        return sum(plan.epochs for plan in self.plans[: state["stage"]]) + state["epoch"]

    def _save(self, number: int, epoch: int, built_in: dict[str, Any]) -> None:
        if self.settings.folder is None:
            return
        random = states_of_all(random_state(), self.group)
        if self.folder is None:  # not the first process
            return
        state = {
            "stage": number,
            "epoch": epoch,
            "built_in": built_in,
            "before": self.before,
            "history": self.log.history.text,
            "trace": self.log.trace.state_dict(),
            "random": random,
            "seconds": self.log.seconds,
            **self.trainer.state_dict(),
        }
        self.writer.save(state)

    def _restore(self) -> dict[str, Any] | None:
        """The checkpoint where there is a usable one; the log and the finished stages are taken from it."""
        if self.settings.folder is None:
            return None
        state, problem = load_checkpoint(self.settings.folder, self.settings.fingerprint)
        if problem and self.settings.verbose and self.group.first:
            print(problem, flush=True)
        if state is None:
            self.log.history.restart([])
            return None
        before = state["before"]
        self.finished = [StageOutcome.from_state(saved) for saved in before["finished"]]
        self.carried = before["carried"] or None
        self.log.history.restart([parse_json(line) for line in state["history"].splitlines()])
        self.log.trace.load_state_dict(state["trace"])
        self.log.seconds = state["seconds"]
        return state
