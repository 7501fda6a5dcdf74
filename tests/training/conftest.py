"""A tiny task that is not classification, so that the loop proves to know nothing about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from mmlib.training import Evaluation, SelectionProtocol, Stage, StagePlan, StageRunner, TrainingSettings
from mmlib.training.distributed import gathered_rows
from mmlib.training.optimisation import build_optimizer, build_scheduler


@dataclass
class PointBatch:
    inputs: dict[str, torch.Tensor]
    targets: torch.Tensor
    size: int

    def __len__(self):
        return len(self.targets)

    def to(self, device, non_blocking=False):
        return self


class PointLoader:
    """Batches of a fixed regression problem in an order given by the epoch."""

    def __init__(self, count=21, batch_size=8, seed=0, shuffle=True):
        generator = torch.Generator().manual_seed(seed)
        self.x = torch.randn(count, 4, generator=generator)
        self.y = self.x @ torch.tensor([1.0, -2.0, 0.5, 0.0]) + 0.1 * torch.randn(count, generator=generator)
        self.batch_size, self.shuffle, self.epoch = batch_size, shuffle, 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return -(-len(self.x) // self.batch_size)

    def __iter__(self):
        order = np.random.default_rng(self.epoch).permutation(len(self.x)) if self.shuffle else np.arange(len(self.x))
        for rows in np.split(order, range(self.batch_size, len(order), self.batch_size)):
            yield PointBatch({"x": self.x[rows]}, self.y[rows], len(rows))


class Regression:
    """Squared error; adds noise from torch's generator to prove that random states are restored."""

    spoil_at: tuple[int, int] | None = None  # epoch, step at which the loss becomes infinite
    calls = 0

    def losses(self, output, batch):
        loss = (output.squeeze(1) - batch.targets).square().mean() + 1e-3 * torch.rand(())
        if self.spoil_at is not None and self.calls == self.spoil_at:
            loss = loss * torch.inf
        self.calls += 1
        return {"squared_error": loss}

    def observables(self, output, batch):
        return {"values": output}

    def trace(self, output, batch, observed):
        return {"mean_output": output.mean(), "undefined": torch.full((), torch.nan)}

    def evaluate(self, model, loader, group):
        errors = torch.cat([(model(batch.inputs).squeeze(1) - batch.targets).square() for batch in loader])
        errors = gathered_rows(errors, group)
        return Evaluation({"error": float(errors.mean()), "never": None}, {"errors": errors.cpu().numpy()})


class Point(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 1))

    def forward(self, inputs):
        return self.layers(inputs["x"])


class Halve:
    """A modulation with a state: halves nothing, counts its steps."""

    def __init__(self):
        self.epoch, self.seen = -1, 0
        self.coefficients = {"x": torch.ones(())}

    def observe(self, values, **_):
        self.seen += len(values)
        self.coefficients = {"x": values.detach().std()}

    def set_epoch(self, epoch):
        self.epoch = epoch

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state):
        self.seen = state["seen"]


PROTOCOLS = (
    SelectionProtocol("paper", "lowest error on test", "test", "error", maximise=False),
    SelectionProtocol("clean", "lowest error on validation", "validation", "error", maximise=False),
    SelectionProtocol("last", "last epoch"),
)


class OneStage(StageRunner):
    """A runner of one stage whose parts exist before it runs, so that tests can look at them and change them."""

    def __init__(self, stage, epochs, settings):
        super().__init__([StagePlan("train", epochs, lambda carried: stage)], settings)
        self.stage = stage
        self.model, self.task, self.modulations = stage.model, stage.task, stage.modulations

    fit = StageRunner.run


@pytest.fixture
def make_trainer(tmp_path):
    """`make_trainer(epochs=4, folder="a")`: a run of the regression problem in one stage, writing below tmp_path."""

    def make(epochs=4, folder="run", task=None, seed=0, fingerprint="f", schedule="step", optimizer="sgd", **settings):
        torch.manual_seed(seed)
        model = Point()
        steps = build_optimizer(model.parameters(), optimizer, 0.05, 0.9, 1e-4)
        loaders = {
            "train": PointLoader(),
            "validation": PointLoader(9, 4, 1, False),
            "test": PointLoader(9, 4, 2, False),
        }
        stage = Stage(
            model,
            task or Regression(),
            loaders,
            optimizer=steps,
            scheduler=build_scheduler(steps, schedule, epochs, 2, 0.1),
            modulations=[Halve()],
            protocols=PROTOCOLS,
            keep_weights_of="clean",
        )
        where = tmp_path / folder if folder else None
        return OneStage(stage, epochs, TrainingSettings(folder=where, fingerprint=fingerprint, **settings))

    return make
