"""Small runs of event localisation on generated clips."""

from __future__ import annotations

import pytest

from mmlib.experiments import event_localization
from mmlib.experiments.event_localization import Parameters

SMALL = {
    "synthetic_clips": 60,
    "synthetic_classes": 4,
    "synthetic_audio_features": 6,
    "synthetic_visual_features": 8,
    "synthetic_map": 3,
    "hidden": 6,
    "attention_width": 8,
    "head_width": 8,
    "epochs": 3,
    "batch_size": 16,
    "modulation_end": 1,
}


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """`start("name", **changes)`: a small run, its data prepared once for the module."""
    root = tmp_path_factory.mktemp("runs")

    def start(name="run", **changes):
        given = {**SMALL, "data_store": str(root / "data"), "output": str(root / name), **changes}
        return event_localization.run(Parameters.resolve(given))

    return start
