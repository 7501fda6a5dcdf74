"""A whole run of MIM: what it records, that it resumes bit for bit, that evaluations agree, wrong parameters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from equal_runs import assert_same_run

from mmlib.errors import BlockedError, ParameterError
from mmlib.experiments import sentiment
from mmlib.experiments.sentiment import Parameters
from mmlib.experiments.sentiment.experiment import SentimentExperiment
from mmlib.experiments.sentiment.measures import gate_metrics, split_metrics
from mmlib.metrics.family import metric
from mmlib.training import Group
from mmlib.training.loop import Trainer

MODALITIES = ("text", "audio", "visual")
LOSSES = ("penalty", "masked", "unmasked", "intra", "inter", "fused")


@pytest.fixture(scope="module")
def run(start):
    return start("whole")


class TestRecord:
    def test_six_losses_and_the_gates_are_in_the_history(self, run):
        for entry in run.history:
            terms = [entry[f"loss_{name}"] for name in LOSSES]
            assert sum(terms) == pytest.approx(entry["train/loss"], rel=1e-4)
            for name in MODALITIES:
                assert 0 <= entry[f"gate_rate_{name}"] <= 1
                assert 0 <= entry[f"test/gate_rate_{name}"] <= 1
                assert -1 <= entry[f"test/gate_gap_{name}"] <= 1

    def test_every_training_step_has_its_values(self, run):
        steps = len(run.arrays["step"])
        assert steps == 3 * 3  # 36 samples of train, 16 at a time
        for name in (*(f"loss_{name}" for name in LOSSES), *(f"gate_rate_{name}" for name in MODALITIES)):
            assert np.isfinite(run.arrays[name]).all()
            assert len(run.arrays[name]) == steps

    def test_gates_of_every_test_sample_and_step(self, run):
        steps = run.arrays["test_steps"]
        there = np.arange(6) < steps[:, None]
        for name in MODALITIES:
            gate, noise = run.arrays[f"clean_gate_{name}"], run.arrays[f"test_noise_{name}"]
            assert gate.shape == noise.shape == (15, 6)
            assert not gate[~there].any()
            assert run.metrics[f"clean/gate_rate_{name}"] == pytest.approx(gate[there].mean())
            gap = gate[there & ~noise].mean() - gate[there & noise].mean()
            assert run.metrics[f"clean/gate_gap_{name}"] == pytest.approx(gap)
        assert set(np.unique(run.arrays["clean_teacher"])) <= {-1, 0, 1, 2}

    def test_metrics_are_those_of_its_predictions(self, run):
        error = np.abs(run.arrays["clean_predictions"] - run.arrays["test_targets"]).mean()
        assert run.metrics["clean/mae"] == pytest.approx(error, rel=1e-6)
        assert run.selection["clean"].epoch == int(np.argmin([entry["validation/mae"] for entry in run.history]))
        assert run.selection["paper"].epoch == int(np.argmin([entry["test/mae"] for entry in run.history]))
        assert all(metric(name).known for name in run.metrics), run.metrics


def test_two_evaluations_are_equal(given):
    parameters = Parameters.resolve(given())
    setup = SentimentExperiment().setup(parameters, torch.device("cpu"), Group())
    setup.model.eval()
    one, two = (setup.task.evaluate(setup.model, setup.loaders["test"], Group()) for _ in range(2))
    assert one.metrics == two.metrics
    for name, values in one.arrays.items():
        np.testing.assert_array_equal(values, two.arrays[name])


def test_as_published_they_are_not(given):
    parameters = Parameters.resolve(given(gate_noise="always"))
    setup = SentimentExperiment().setup(parameters, torch.device("cpu"), Group())
    setup.model.eval()
    one, two = (setup.task.evaluate(setup.model, setup.loaders["test"], Group()).metrics["mae"] for _ in range(2))
    assert one != two
    assert any("two evaluations differ" in note for note in setup.notes)


class Stop(BaseException):
    """Stands for a kill."""


@pytest.mark.parametrize("update", ["purification_first", "model_first", "one"])
@pytest.mark.parametrize("left", [2, 5, 8])
def test_a_stopped_run_ends_as_if_it_had_never_stopped(given, start, monkeypatch, update, left):
    whole = start(f"whole-{update}", update=update)
    name, real, calls = f"stopped-{update}-{left}", Trainer._step, 0

    def counted(self, batch):
        nonlocal calls
        calls += 1
        if calls == left:
            raise Stop
        return real(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", counted)
        with pytest.raises(Stop):
            start(name, update=update)
    assert_same_run(whole, start(name, update=update))


class TestVariants:
    @pytest.mark.parametrize("fusion", ["product", "sum", "concat"])
    def test_without_anything(self, start, fusion):
        off = {"purification": False, "intra": 0.0, "inter": 0.0, "unimodal_weight": 0.0}
        found = start(f"off-{fusion}", fusion=fusion, epochs=1, **off)
        assert not [name for name in found.metrics if "gate" in name or "head" in name]
        assert "loss_fused" not in found.history[0]

    def test_batches_as_published(self, start):
        published = {"granularity": "batch", "padding": "published", "gate_noise": "always", "drop_last": True}
        found = start("published", epochs=1, intra_heads=False, scale_inside=True, inter_on="outputs", **published)
        assert found.metrics["clean/mae"] > 0


class TestMeasures:
    def test_majority_is_what_always_saying_the_more_frequent_class_gives(self):
        found = split_metrics("regression", np.zeros((4, 1)), np.array([1.0, 2, -1, 0]), {})
        assert found["accuracy_majority"] == 0.75
        logits = np.eye(2)[[0, 1, 1]]
        found = split_metrics("classification", logits, np.array([1, 1, 0]), {"text": logits[[2, 2, 2]]})
        assert (found["accuracy_majority"], found["accuracy_head_text"]) == (pytest.approx(2 / 3),) * 2
        assert found["accuracy_2"] == found["top1"] == pytest.approx(1 / 3)

    def test_gate_gap_by_hand(self):
        class Data:
            rows = np.array([1])

            class prepared:
                arrays = {"a_noise": np.array([[1, 1, 1, 1], [0, 1, 0, 1]])}

        gates = {"a": np.array([[1.0, 0, 0, -1]]), "b": np.array([[1.0, 1, -1, -1]])}
        metrics, arrays = gate_metrics(gates, Data, {"a": np.array([[0.9, 0.2, 0.5, 0.1]])})
        assert metrics.pop("keep_gap_a") == pytest.approx(0.5)  # mean of .9 and .5, less .2; the last is no step
        assert metrics == {"gate_rate_a": pytest.approx(1 / 3), "gate_gap_a": 0.5, "gate_rate_b": 1.0}
        np.testing.assert_array_equal(arrays["gate_steps_b"], [1, 1, np.nan, np.nan])


class TestWrongParameters:
    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"feature_channels": 12}, "must be a multiple of heads = 5"),
            ({"feature_channels": 15}, "and of 2"),
            ({"unimodal_weight": 0.0}, "set intra and inter to 0"),
            ({"purification": False}, "set purification = true,? or intra = 0"),
            ({"label_smoothing": 0.1}, "set it to 0"),
            ({"bert": "x"}, "leave it empty"),
            ({"fusion": "produkt"}, "did you mean 'product'"),
        ],
    )
    def test_one_message(self, wrong, message):
        with pytest.raises(ParameterError, match=message):
            Parameters.resolve(wrong)

    def test_missing_data(self, given, tmp_path):
        with pytest.raises(BlockedError, match="mosi.pkl is missing"):
            sentiment.run(Parameters.resolve(given(dataset="mosi", data_root=str(tmp_path))))

    def test_missing_vocabulary_blocks_before_anything_runs(self, given, tmp_path):
        (tmp_path / "mosi").mkdir()
        (tmp_path / "mosi" / "mosi.pkl").write_bytes(b"x")
        parameters = Parameters.resolve(given(dataset="mosi", data_root=str(tmp_path), bert="bert"))
        assert "bert/vocab.txt is missing" in parameters.missing_data()
        plain = Parameters.resolve(given(dataset="mosi", data_root=str(tmp_path)))
        assert parameters.data_key() != plain.data_key(), "one may lack what the other does not need"
        (tmp_path / "bert").mkdir()
        (tmp_path / "bert" / "vocab.txt").write_text("")
        assert parameters.missing_data() is None
