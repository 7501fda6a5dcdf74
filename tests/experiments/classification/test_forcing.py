"""Forcing a correlation: it moves what it acts on, costs nothing when off, resumes exactly, and says what it cannot."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmlib.errors import ParameterError
from mmlib.experiments import classification
from mmlib.experiments.classification import Parameters
from mmlib.losses.forcing import ForcedCorrelation
from mmlib.training.loop import Trainer

SMALL = {"synthetic_samples": 120, "epochs": 2, "feature_channels": 8, "batch_size": 16}
ZETA = {**SMALL, "simam2": True, "zeta": "learned"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return str(tmp_path_factory.mktemp("data"))


@pytest.fixture
def run(tmp_path, store):
    def start(name="run", **changes):
        given = {**ZETA, "data_store": store, "output": str(tmp_path / name), **changes}
        return classification.run(Parameters.resolve(given))

    return start


@pytest.mark.parametrize("fusion", ["sum", "film", "concat"])
@pytest.mark.parametrize("force", ["paired", "critic"])
def test_records_what_was_achieved_and_what_is_held_out(run, force, fusion):
    finished = run(force=force, force_target=0.5, fusion=fusion, epochs=1)
    assert np.isfinite(finished.arrays["hgr"]).all()
    assert -1 <= finished.metrics["last/hgr"] <= 1
    assert 0 <= finished.metrics["last/hgr_test"] <= 1
    assert -1 <= finished.metrics["last/hgr_paired"] <= 1


def test_an_unforced_run_has_no_such_metric_unless_asked(run):
    assert "last/hgr" not in run().metrics
    assert "last/hgr_test" in run("measured", measure_hgr=True).metrics


def test_weight_zero_trains_the_unforced_model(run):
    plain, forced = run("plain"), run("forced", force="paired", force_weight=0.0)
    np.testing.assert_array_equal(plain.arrays["last_logits"], forced.arrays["last_logits"])


@pytest.mark.parametrize(("target", "sign"), [(0.0, -1), (0.9, 1)])
def test_paired_loss_moves_the_correlation_to_its_target(target, sign):
    generator = torch.Generator().manual_seed(0)
    z, n = torch.randn(2, 256, 4, generator=generator)
    mix = torch.nn.Parameter(torch.tensor(1.0))
    forcing = ForcedCorrelation("paired", target, 1.0, (4, 4))
    optimizer = torch.optim.Adam([mix], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        forcing(z, mix * z + n).backward()
        optimizer.step()
    assert forcing.value.item() == pytest.approx(target, abs=0.03)
    assert sign * (mix.item() - 1) > 0


def test_critics_find_the_correlation_and_pass_a_gradient_to_the_features_only():
    generator = torch.Generator().manual_seed(0)
    forcing = ForcedCorrelation("critic", 0.2, 2.0, (3, 3), steps=3)
    for _ in range(100):
        z, n = torch.randn(2, 2048, 3, generator=generator)
        features = (0.8 * z + 0.6 * n).requires_grad_()
        loss = forcing(z, features)
    assert forcing.value.item() == pytest.approx(0.8, abs=0.05)
    assert loss.item() == pytest.approx(2 * abs(forcing.value.item() - 0.2), abs=1e-5)
    loss.backward()
    assert features.grad.abs().sum() > 0


def test_a_last_batch_of_one_sample_gives_no_loss():
    x = torch.randn(1, 3, requires_grad=True)
    loss = ForcedCorrelation("paired", 0.3, 2.0, (3, 3))(x, x)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(x.grad, torch.zeros_like(x))


def test_critics_resume_bit_exactly(run, monkeypatch):
    whole = run("whole", force="critic", force_target=0.2)
    original = Trainer._one_epoch

    def stop_before_the_second(trainer, epoch):
        if epoch == 1:
            raise KeyboardInterrupt
        original(trainer, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_one_epoch", stop_before_the_second)
        with pytest.raises(KeyboardInterrupt):
            run("stopped", force="critic", force_target=0.2)
    resumed = run("stopped", force="critic", force_target=0.2)
    assert resumed.metrics == whole.metrics
    for name, values in whole.arrays.items():
        np.testing.assert_array_equal(values, resumed.arrays[name], err_msg=name)


def test_gated_fusion_has_no_pairs():
    with pytest.raises(ParameterError, match="force = 'paired' pairs the channels"):
        Parameters.resolve({"force": "paired", "fusion": "gated"})
