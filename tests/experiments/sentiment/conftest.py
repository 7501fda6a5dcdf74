"""Small runs of MIM on generated sequences, and one batch of them."""

from __future__ import annotations

import pytest
import torch

from mmlib.data.batch import Batch
from mmlib.experiments import sentiment
from mmlib.experiments.sentiment import Parameters
from mmlib.experiments.sentiment.building import build_model, build_step
from mmlib.experiments.sentiment.task import Sentiment

SMALL = {
    "synthetic_samples": 60,
    "synthetic_steps": 6,
    "feature_channels": 8,
    "heads": 2,
    "epochs": 3,
    "batch_size": 16,
    "learning_rate": 0.01,
}
SHAPES = {"text": (6, 4), "audio": (6, 3), "visual": (5, 3)}


@pytest.fixture(scope="session")
def given(tmp_path_factory):
    """`given("name", **changes)`: parameters of a small run, its data prepared once."""
    root = tmp_path_factory.mktemp("sentiment")

    def given(name="run", **changes):
        return {**SMALL, "data_store": str(root / "data"), "output": str(root / name), **changes}

    return given


@pytest.fixture(scope="session")
def start(given):
    """`start("name", **changes)`: that run."""
    return lambda name="run", **changes: sentiment.run(Parameters.resolve(given(name, **changes)))


@pytest.fixture
def parts():
    """`parts(**changes)`: parameters, network, task, step and a batch, in double precision, without dropout."""

    def parts(**changes):
        torch.manual_seed(0)
        parameters = Parameters.resolve({**SMALL, "dropout": 0.0, **changes})
        classes = 1 if parameters.task == "regression" else 3
        model = build_model(parameters, SHAPES, {}, classes).double()
        task = Sentiment(model, parameters)
        step, _ = build_step(parameters, model, task.loss_names())
        inputs = {name: torch.randn(7, *shape, dtype=torch.float64) for name, shape in SHAPES.items()}
        inputs["text"][0, 4:] = 0
        targets = torch.randn(7) if classes == 1 else torch.randint(classes, (7,))
        return parameters, model.train(), task, step, Batch(inputs, targets, torch.arange(7))

    return parts
