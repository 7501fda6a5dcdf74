"""The loop: what it writes, that it repeats itself bit for bit, and what it says when the loss is not finite."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mmlib.errors import NonFiniteLossError

TIMINGS = ("seconds", "samples_per_s")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def untimed(history):
    return [{name: value for name, value in entry.items() if name not in TIMINGS} for entry in history]


def test_writes_history_progress_and_traces(make_trainer, tmp_path, capsys):
    trainer = make_trainer(epochs=3)
    outcome = trainer.fit()
    history = lines(tmp_path / "run" / "history.jsonl")
    assert history == outcome.history
    assert [entry["epoch"] for entry in history] == [0, 1, 2]
    assert [entry["lr"] for entry in history] == pytest.approx([0.05, 0.05, 0.005])
    for name in ("train/loss", "test/error", "validation/error", "mean_output", "k_x", *TIMINGS):
        assert np.isfinite(history[-1][name]), name
    assert history[-1]["undefined"] is None
    assert history[-1]["test/never"] is None
    progress = json.loads((tmp_path / "run" / "progress.json").read_text())
    stages = {"stage": "train", "stages": ["train"]}
    assert progress == {**stages, "epoch": 3, "epochs": 3, "step": 0, "steps": 3, "loss": None, "eta_s": 0.0}
    assert all(entry["stage"] == "train" for entry in history)
    np.testing.assert_array_equal(outcome.traces["epoch"], np.repeat([0, 1, 2], 3))
    np.testing.assert_array_equal(outcome.traces["step"], np.arange(9))
    np.testing.assert_array_equal(outcome.traces["samples"], [8, 8, 5] * 3)
    weighted = np.average(outcome.traces["loss"][:3], weights=[8, 8, 5])
    assert history[0]["train/loss"] == pytest.approx(weighted, rel=1e-6)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3, "one line per epoch"
    assert "validation error" in printed[0]


def test_two_runs_are_identical_bit_for_bit(make_trainer):
    first = make_trainer(folder="a")
    one = first.fit()
    second = make_trainer(folder="b")
    two = second.fit()
    assert untimed(one.history) == untimed(two.history)
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name])
    for name in one.traces:
        np.testing.assert_array_equal(one.traces[name], two.traces[name])


def test_another_seed_is_another_run(make_trainer):
    assert untimed(make_trainer(folder="a").fit().history) != untimed(make_trainer(folder="b", seed=1).fit().history)


def test_without_folder_nothing_is_written(make_trainer, tmp_path):
    outcome = make_trainer(folder=None).fit()
    assert len(outcome.history) == 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("schedule", ["step", "cosine", "constant"])
def test_every_optimizer_and_schedule_trains(make_trainer, optimizer, schedule):
    history = make_trainer(epochs=6, folder=None, optimizer=optimizer, schedule=schedule, verbose=False).fit().history
    assert history[-1]["train/loss"] < history[0]["train/loss"]
    rates = [entry["lr"] for entry in history]
    assert (len(set(rates)) == 1) == (schedule == "constant")
    if schedule == "cosine":
        assert rates[3] == pytest.approx(0.025)


@pytest.mark.parametrize(("spoil", "epoch", "step"), [(0, 1, 1), (4, 2, 2), (8, 3, 3)])
def test_a_loss_that_is_not_finite_stops_with_epoch_and_step(make_trainer, tmp_path, spoil, epoch, step):
    trainer = make_trainer()
    trainer.task.spoil_at = spoil
    with pytest.raises(NonFiniteLossError) as caught:
        trainer.fit()
    message = str(caught.value)
    assert f"epoch {epoch} of 4" in message
    assert f"step {step} of 3" in message
    assert "learning rate 0.05" in message or "learning rate 0.005" in message
    assert "Lower learning_rate" in message
    assert len(lines(tmp_path / "run" / "history.jsonl")) == epoch - 1
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    assert checkpoint.exists() == (epoch > 1)
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        assert saved["epoch"] == epoch - 1
        assert all(torch.isfinite(value).all() for value in saved["model"].values())


def test_a_long_epoch_is_checked_while_it_runs(make_trainer, monkeypatch):
    monkeypatch.setattr("mmlib.training.history.PROGRESS_SECONDS", 0.0)
    trainer = make_trainer()
    trainer.task.spoil_at = 1
    with pytest.raises(NonFiniteLossError, match="step 2 of 3"):
        trainer.fit()
    assert trainer.task.calls == 2


def test_progress_carries_loss_and_remaining_time(make_trainer, monkeypatch):
    monkeypatch.setattr("mmlib.training.history.PROGRESS_SECONDS", 0.0)
    written = []
    monkeypatch.setattr("mmlib.training.history.write_json", lambda path, value, **_: written.append(value))
    make_trainer(epochs=2).fit()
    inner = [entry for entry in written if entry["step"] > 0]
    assert [(entry["epoch"], entry["step"]) for entry in inner] == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]
    assert all(entry["loss"] > 0 and entry["eta_s"] >= 0 for entry in inner)


def test_a_step_does_not_wait_for_the_device(make_trainer, monkeypatch):
    """Within an epoch no tensor becomes a Python number (that would stop a GPU at every step)."""
    trainer = make_trainer(epochs=1, folder=None)
    closed = trainer.log.trace.close_epoch
    for name in ("item", "tolist", "__float__", "__bool__", "__int__", "cpu", "numpy"):
        monkeypatch.setattr(torch.Tensor, name, lambda *_, name=name, **__: pytest.fail(f"{name} within a step"))

    def end(epoch):
        monkeypatch.undo()
        return closed(epoch)

    trainer.log.trace.close_epoch = end
    trainer.fit()


def test_bf16_trains_on_the_cpu(make_trainer):
    history = make_trainer(epochs=6, folder=None, precision="bf16").fit().history
    assert history[-1]["train/loss"] < history[0]["train/loss"]


def test_coefficients_of_several_modulations_multiply(make_trainer):
    runner = make_trainer(epochs=1, folder=None)
    first = runner.stage.modulations[0]

    class Constant(type(first)):
        def observe(self, values, **_):
            self.coefficients = {"x": values.new_tensor(0.5), "y": values.new_tensor(0.25)}

    alone = make_trainer(epochs=1, folder=None)
    runner.stage.modulations.append(Constant())
    torch.manual_seed(1)
    alone = alone.run().traces["k_x"]
    torch.manual_seed(1)
    traces = runner.run().traces
    np.testing.assert_allclose(traces["k_x"], 0.5 * alone, rtol=1e-6)
    np.testing.assert_array_equal(traces["k_y"], 0.25)


def test_a_modulation_is_told_what_each_epoch_measured_and_what_it_reports_is_traced(make_trainer):
    class Follower:
        coefficients, epoch, told = {}, None, []

        def set_epoch(self, epoch):
            self.epoch = epoch

        def observe(self, **_):
            assert len(self.told) == self.epoch, "told of the epoch before, in time for this one"

        def traced(self):
            return {"follower_ratio": torch.tensor(2.0 + self.epoch)}

        def end_epoch(self, epoch, metrics):
            self.told.append((epoch, metrics))

        def state_dict(self):
            return {}

    trainer = make_trainer(epochs=3)
    trainer.modulations.append(follower := Follower())
    outcome = trainer.fit()
    assert [epoch for epoch, _ in follower.told] == [0, 1, 2]
    for (_, metrics), entry in zip(follower.told, outcome.history, strict=True):
        assert set(metrics) == {"validation", "test"}
        assert metrics["test"] == {"error": entry["test/error"], "never": None}
    np.testing.assert_array_equal(outcome.traces["follower_ratio"], np.repeat([2.0, 3.0, 4.0], 3))
    assert [entry["follower_ratio"] for entry in outcome.history] == [2.0, 3.0, 4.0]
