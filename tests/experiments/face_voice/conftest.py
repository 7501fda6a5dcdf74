"""Small runs of face-voice association on generated people."""

from __future__ import annotations

import pytest

from mmlib.experiments import face_voice
from mmlib.experiments.face_voice import Parameters

SMALL = {
    "synthetic_train_identities": 12,
    "synthetic_validation_identities": 5,
    "synthetic_test_identities": 12,
    "synthetic_rows": 8,
    "synthetic_test_rows": 10,
    "synthetic_face_features": 24,
    "synthetic_voice_features": 12,
    "epochs": 3,
    "batch_size": 32,
    "bootstrap_draws": 20,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return str(tmp_path_factory.mktemp("data"))


@pytest.fixture
def run(tmp_path, store):
    """`run("name", **changes)`: a small run below tmp_path."""

    def start(name="run", **changes):
        given = {**SMALL, "data_store": store, "output": str(tmp_path / name), **changes}
        return face_voice.run(Parameters.resolve(given))

    return start
