"""Small runs of question answering on generated clips."""

from __future__ import annotations

import pytest

from mmlib.experiments import question_answering
from mmlib.experiments.question_answering import Parameters

SMALL = {
    "synthetic_clips": 30,
    "synthetic_questions": 3,
    "synthetic_audio_features": 8,
    "synthetic_visual_features": 8,
    "network": "avst",
    "feature_channels": 8,
    "attention_heads": 2,
    "pretrain_epochs": 2,
    "pretrain_learning_rate": 0.01,
    "epochs": 2,
    "batch_size": 20,
    "learning_rate": 0.01,
}


@pytest.fixture(scope="session")
def given(tmp_path_factory):
    """`given("name", **changes)`: parameters of a small run, its data prepared once."""
    root = tmp_path_factory.mktemp("questions")

    def given(name="run", **changes):
        return Parameters.resolve({**SMALL, "data_store": str(root / "data"), "output": str(root / name), **changes})

    return given


@pytest.fixture(scope="session")
def start(given):
    """`start("name", **changes)`: that run."""
    return lambda name="run", **changes: question_answering.run(given(name, **changes))
