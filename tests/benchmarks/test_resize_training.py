"""What the fast resize changes in training: top-1 on a generated CREMA-D corpus, exact against fast, paired by seed."""

from __future__ import annotations

import os

import pytest

from mmlib.data.corpora import write_corpus
from mmlib.data.media.prepare import Options
from mmlib.data.media.registered import prepare_registered
from mmlib.data.registry import DATASETS
from mmlib.experiments import classification
from mmlib.experiments.classification import Parameters
from mmlib.statistics import paired_difference

SEEDS = int(os.environ.get("MMLIB_BENCHMARK_SEEDS", "5"))
# Pictures alone, so that nothing hides what they are worth; the exact way's crops are resized from 128 to 48 pixels.
GIVEN = {
    "dataset": "cremad",
    "modalities": "visual",
    "epochs": 6,
    "step_size": 5,
    "batch_size": 16,
    "feature_channels": 16,
    "image_size": 48,
    "validation_fraction": 0.2,
    "learning_rate": 0.05,
}


@pytest.mark.benchmark(group="fast resize")
def test_training_with_the_fast_resize_is_within_the_seeds_interval(tmp_path, benchmark, hold):
    write_corpus("cremad", tmp_path / "raw", clips=40, faults=False)
    prepare_registered(DATASETS["cremad"], tmp_path / "raw", tmp_path / "data", {"image_size": 128}, Options(1))

    def top1(resize: str, seed: int) -> float:
        own = {"resize": resize, "seed": seed, "data_root": str(tmp_path / "data")}
        run = Parameters.resolve({**GIVEN, **own, "output": str(tmp_path / f"{resize}{seed}")})
        return classification.run(run).metrics["last/top1"]

    def all_runs() -> dict[str, dict[int, float]]:
        return {resize: {seed: top1(resize, seed) for seed in range(SEEDS)} for resize in ("exact", "fast")}

    found = benchmark.pedantic(all_runs, rounds=1)
    difference = paired_difference(found["fast"], found["exact"])
    means = {resize: sum(values.values()) / SEEDS for resize, values in found.items()}
    distance = max(difference.low, -difference.high)  # of zero from the interval; negative inside it
    hold(
        "distance of zero", distance, 0.0, difference=difference.mean, low=difference.low, high=difference.high, **means
    )
