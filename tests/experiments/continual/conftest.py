"""Small runs through three steps on generated clips."""

from __future__ import annotations

import pytest

from mmlib.experiments import continual
from mmlib.experiments.continual import Parameters

SMALL = {
    "synthetic_classes": 7,
    "synthetic_steps": 3,
    "synthetic_train_clips": 14,
    "synthetic_validation_clips": 4,
    "synthetic_test_clips": 5,
    "synthetic_channels": 12,
    "synthetic_time": 2,
    "synthetic_positions": 3,
    "feature_channels": 8,
    "memory_size": 14,
    "batch_size": 16,
    "exemplar_batch_size": 6,
    "afc_proxies": 3,
    "epochs": 3,
    "learning_rate": 0.01,
}


@pytest.fixture(scope="session")
def given(tmp_path_factory):
    """`given("name", **changes)`: parameters of a small run, its data prepared once."""
    root = tmp_path_factory.mktemp("continual")

    def given(name="run", **changes):
        return {**SMALL, "data_store": str(root / "data"), "output": str(root / name), **changes}

    return given


@pytest.fixture(scope="session")
def start(given):
    """`start("name", **changes)`: that run."""
    return lambda name="run", **changes: continual.run(Parameters.resolve(given(name, **changes)))
