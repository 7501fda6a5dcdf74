"""The landscape of a finished run, from its folder; computed once."""

from __future__ import annotations

import numpy as np
import pytest
import torch.nn.functional as F
from torch import tensor

from mmlib.errors import OutputsError, UsageError
from mmlib.experiments import classification
from mmlib.experiments.classification import Parameters, landscape
from mmlib.experiments.classification.landscape import landscape_of_run

SMALL = {"synthetic_samples": 100, "epochs": 2, "feature_channels": 8, "batch_size": 16}
RUNS = {
    "joint": {"fusion": "concat", "unimodal_heads": "attached"},
    "alone": {"modalities": "audio"},
    "tuned": {"finetune_modality": "visual", "finetune_epochs": 1},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    given = {**SMALL, "data_store": str(root / "data")}
    return {
        name: classification.run(Parameters.resolve({**given, **changes, "output": str(root / name)}))
        for name, changes in RUNS.items()
    }


@pytest.mark.parametrize("name", RUNS)
def test_the_middle_is_the_loss_that_the_run_measured(runs, name):
    """Of the weights it kept, on the whole test split: the same number as in the record."""
    run = runs[name]
    found = landscape_of_run(run.folder, size=3)
    assert found.loss.shape == (3, 3)
    assert found.samples == 25
    assert found.centre == pytest.approx(run.metrics["clean/loss"], rel=1e-4)
    logits, targets = tensor(run.arrays["clean_logits"]), tensor(run.arrays["test_targets"])
    assert found.centre == pytest.approx(F.cross_entropy(logits, targets).item(), rel=1e-4)


def test_a_grid_is_computed_once_for_the_same_weights_and_settings(runs, tmp_path, monkeypatch):
    folder = runs["joint"].folder
    first = landscape_of_run(folder, tmp_path, size=3, samples=10, norms="estimated")
    (kept,) = tmp_path.glob("landscape-*.npz")
    with np.load(kept, allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["loss"], first.loss)
    computed = []
    real = landscape._compute
    monkeypatch.setattr(landscape, "_compute", lambda *given: computed.append(1) or real(*given))
    again = landscape_of_run(folder, tmp_path, size=3, samples=10, norms="estimated")
    assert not computed
    np.testing.assert_array_equal(again.loss, first.loss)
    assert (again.samples, again.seed, again.norms) == (first.samples, first.seed, first.norms) == (10, 0, "estimated")
    for changes in ({"seed": 1}, {"size": 1}, {"samples": 5}, {"norms": "trained"}, {"split": "validation"}):
        landscape_of_run(folder, tmp_path, **{"size": 3, "samples": 10, "norms": "estimated", **changes})
    assert len(computed) == 5
    landscape_of_run(runs["alone"].folder, tmp_path, size=3, samples=10, norms="estimated")
    assert len(computed) == 6, "other weights"
    kept.write_bytes(kept.read_bytes()[:100])
    landscape_of_run(folder, tmp_path, size=3, samples=10, norms="estimated")
    assert len(computed) == 7, "a damaged file counts as none"


def test_what_is_no_finished_run_is_said(runs, tmp_path):
    with pytest.raises(UsageError, match="no finished run"):
        landscape_of_run(tmp_path)
    (tmp_path / "result.json").write_text((runs["joint"].folder / "result.json").read_text())
    with pytest.raises(OutputsError, match="Run that cell again"):
        landscape_of_run(tmp_path)
    whole = (runs["joint"].folder / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-5] + bytes([whole[-5] ^ 64]) + whole[-4:])
    with pytest.raises(OutputsError, match="was changed after the run .*another SHA-256"):
        landscape_of_run(tmp_path)
    (tmp_path / "model.safetensors").write_bytes((runs["alone"].folder / "model.safetensors").read_bytes())
    with pytest.raises(OutputsError, match="does not hold the weights of this run"):
        landscape_of_run(tmp_path)
