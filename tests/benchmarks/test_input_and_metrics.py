"""What feeds a step and what follows an epoch: the input path of embedded data, and metrics of a large test split."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.benchmark(group="input path and metrics")
def test_an_epoch_of_embedded_input(tmp_path, benchmark, hold):
    """Read, window and stack one epoch of the embedded profile's training data, shuffled."""
    from mmlib.data.loader import BatchLoader
    from mmlib.data.loading import load_data
    from mmlib.experiments.classification import Parameters

    rows = load_data(Parameters(data_store=str(tmp_path)))["train"]
    loader = BatchLoader(rows, batch_size=64, shuffle=True, seed=0)
    samples = benchmark.pedantic(lambda: sum(len(batch) for batch in loader), warmup_rounds=1, rounds=9)
    assert samples == len(rows)
    hold("milliseconds per sample", benchmark.stats.stats.median / samples * 1e3, None, samples=samples)


@pytest.mark.benchmark(group="input path and metrics")
def test_metrics_of_a_test_split_the_size_of_vggsound(benchmark, hold):
    """15,000 samples, 309 classes: top-1, mAP and macro F1, on one core, once per epoch."""
    from mmlib.metrics.classification import classification_metrics

    draw = np.random.default_rng(0)
    logits = draw.normal(size=(15_000, 309)).astype(np.float32)
    benchmark.pedantic(classification_metrics, args=(logits, draw.integers(309, size=15_000)), rounds=5)
    hold("seconds", benchmark.stats.stats.median, None)
