"""One run from parameters to files: what is written, that it repeats, resumes and blocks as it should."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from equal_runs import assert_same_run
from safetensors import safe_open

from mmlib.data.batch import Batch
from mmlib.errors import BlockedError, MMLibError, NonFiniteLossError, ParameterError
from mmlib.experiments import classification
from mmlib.experiments.classification import Parameters, experiment
from mmlib.experiments.classification.model import build_model
from mmlib.experiments.classification.task import Classification
from mmlib.record import read_result
from mmlib.training.loop import Trainer

SMALL = {"synthetic_samples": 100, "epochs": 2, "feature_channels": 8, "batch_size": 16}
FULL = {**SMALL, "simam2": True, "zeta": "learned", "modulation": "decoupling_free"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return str(tmp_path_factory.mktemp("data"))


@pytest.fixture
def run(tmp_path, store):
    """`run("name", **changes)`: a small run below tmp_path."""

    def start(name="run", values=SMALL, **changes):
        given = {**values, "data_store": store, "output": str(tmp_path / name), **changes}
        return classification.run(Parameters.resolve(given))

    return start


def test_writes_a_valid_result_and_everything_beside_it(run):
    finished = run(values=FULL)
    result, problem = read_result(finished.folder)
    assert problem is None
    assert result.model_dump() == finished.model_dump()
    assert set(result.metrics) == {
        f"{p}/{m}" for p in ("paper", "clean", "last") for m in experiment.ClassificationExperiment.metrics
    }
    assert all(0 <= value <= 1 for name, value in result.metrics.items() if not name.endswith("loss"))
    assert result.splits == {"train": 60, "validation": 15, "test": 25}
    assert result.coverage["train"] == 4
    assert result.data_origin == "generated"
    assert result.epochs_run == 2
    assert result.selection["last"].epoch == 1
    assert result.device
    assert result.wall_s > 0
    assert result.peak_memory_mb > 50
    assert {"torch", "numpy", "python", "mmlib"} <= set(result.versions)
    assert result.parameters == Parameters.resolve(result.parameters).model_dump()


def test_history_and_traces_carry_both_ratios_and_what_came_of_them(run):
    finished = run(values=FULL)
    for name in ("rho_decoupled", "rho_zeta", "k_visual", "k_audio", "r", "zeta_mean", "zeta_variance", "train/loss"):
        assert all(np.isfinite(entry[name]) for entry in finished.history), name
    for name in ("epoch", "step", "loss", "rho_decoupled", "rho_zeta", "k_visual", "k_audio", "r"):
        assert finished.arrays[name].shape == (8,), name
    # The ratio from ζ drives the update here, and the coefficients follow from it step by step.
    rho, alpha = finished.arrays["rho_zeta"].astype(float), 0.8
    expected = np.where(rho > 1, 1 - np.tanh(alpha * rho), 1.0)
    np.testing.assert_allclose(finished.arrays["k_visual"], expected, atol=1e-5)
    np.testing.assert_allclose(finished.arrays["k_audio"], np.where(rho > 1, 1.0, 1 - np.tanh(alpha / rho)), atol=1e-5)


def test_without_zeta_its_columns_are_null(run):
    finished = run()
    assert all(entry["rho_zeta"] is None and entry["r"] is None for entry in finished.history)
    assert all(np.isfinite(entry["rho_decoupled"]) for entry in finished.history)
    assert all(entry["k_audio"] == 1 for entry in finished.history)
    assert "paper_zeta_mean" not in finished.arrays


def test_arrays_agree_with_the_metrics(run):
    finished = run(values=FULL)
    arrays = finished.arrays
    for protocol in ("paper", "clean", "last"):
        confusion = arrays[f"{protocol}_confusion"]
        assert confusion.sum() == 25
        assert np.trace(confusion) / 25 == pytest.approx(finished.metrics[f"{protocol}/top1"])
        correct = arrays[f"{protocol}_logits"].argmax(axis=1) == arrays["test_targets"]
        assert correct.mean() == pytest.approx(finished.metrics[f"{protocol}/top1"])
        assert arrays[f"{protocol}_zeta_histogram"].sum() == 25 * len(arrays[f"{protocol}_zeta_mean"])
    assert (~arrays["test_audio_informative"] | ~arrays["test_visual_informative"]).sum() <= 10


def test_saved_weights_are_those_of_the_clean_epoch(run):
    finished = run()
    with safe_open(finished.folder / "model.safetensors", "pt") as stored:
        chosen = {"protocol": "clean", "epoch": finished.selection["clean"].epoch}
        assert json.loads(stored.metadata()["selection"]) == chosen
        weights = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    parameters = Parameters.resolve(finished.parameters)
    data = experiment.load_data(parameters)
    model = build_model(parameters, data["train"].input_shapes, 4)
    model.load_state_dict(weights)
    with torch.inference_mode():
        logits = model.eval()(data["test"][np.arange(25)].inputs).logits.numpy()
    np.testing.assert_allclose(logits, finished.arrays["clean_logits"], atol=1e-5)


def test_protocols_follow_their_rules(run):
    finished = run(epochs=4)
    test, validation = ([entry[f"{split}/top1"] for entry in finished.history] for split in ("test", "validation"))
    assert finished.selection["paper"].epoch == int(np.argmax(test))
    assert finished.metrics["paper/top1"] == max(test)
    assert finished.selection["clean"].epoch == int(np.argmax(validation))
    assert finished.metrics["clean/top1"] == test[int(np.argmax(validation))]
    assert finished.metrics["last/top1"] == test[-1]


@pytest.mark.parametrize("values", [SMALL, FULL], ids=["plain", "modulated"])
def test_two_runs_are_identical_bit_for_bit(run, values):
    assert_same_run(run("one", values), run("two", values))


@pytest.mark.parametrize("modulation", ["ogm", "ogm_ge"])
def test_alpha_zero_ogm_is_no_modulation_bit_for_bit(run, modulation):
    """OGM with α = 0 multiplies by exactly 1; OGM-GE still adds its noise, so it must differ."""
    plain, other = run("plain"), run("other", modulation=modulation, alpha=0.0)
    equal = (plain.folder / "model.safetensors").read_bytes() == (other.folder / "model.safetensors").read_bytes()
    assert equal == (modulation == "ogm")
    if equal:
        assert_same_run(plain, other)


def test_outside_its_window_a_modulation_changes_nothing(run):
    late = {"modulation": "ogm_ge", "modulation_start": 5, "modulation_end": 9}
    assert_same_run(run("plain"), run("late", **late))


@pytest.mark.parametrize("stop", [1, 2])
def test_resumed_run_equals_one_that_never_stopped(run, monkeypatch, stop):
    expected = run("whole", FULL, epochs=3)
    real = Trainer._train_epoch

    def stopping(self, epoch, learning_rate):
        if epoch == stop:
            raise KeyboardInterrupt
        return real(self, epoch, learning_rate)

    monkeypatch.setattr(Trainer, "_train_epoch", stopping)
    with pytest.raises(KeyboardInterrupt):
        run("stopped", FULL, epochs=3)
    monkeypatch.undo()
    resumed = run("stopped", FULL, epochs=3)
    assert f"resumed at epoch {stop}" in resumed.notes
    assert_same_run(expected, resumed)


def test_other_parameters_do_not_resume(run, capsys):
    run()
    again = run(learning_rate=0.05)
    assert "made with other parameters, code or data" in capsys.readouterr().out
    assert not any("resumed" in note for note in again.notes)


def test_cuda_without_gpu_is_blocked(run, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BlockedError, match="torch finds no usable GPU here. Set device = 'auto'"):
        run(device="cuda")
    with pytest.raises(ParameterError, match="needs a CUDA device"):
        run(precision="fp16")


def test_missing_data_are_blocked(run, tmp_path):
    with pytest.raises(BlockedError, match="cremad"):
        run(dataset="cremad", data_root=str(tmp_path))


def test_a_diverging_run_stops_and_leaves_no_result(run, tmp_path):
    with pytest.raises(NonFiniteLossError, match="Lower learning_rate") as caught:
        run(learning_rate=1e30)
    assert isinstance(caught.value, MMLibError)
    assert not (tmp_path / "run" / "result.json").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"fusion": "concat"},
        {"fusion": "film", "film_decouple": "zero", "simam2": True},
        {"fusion": "gated", "modulation": "ogm"},
        {"fusion": "weighted_sum", "modulation": "decoupling_free", "zeta_ratio": "sample"},
        {"simam": True, "optimizer": "adamw", "schedule": "cosine"},
        {"precision": "bf16", "simam2": True, "zeta": "learned", "modulation": "ogm_ge"},
        {"precision": "bf16", "fusion": "film", "film_decouple": "zero"},
        {"channels_last": True, "deterministic": False, "schedule": "constant"},
        {"simam2": True, "zeta": "channel", "simam2_var_max": "epoch", "simam2_r_eval": "batch", "sum_site": "logit"},
    ],
    ids=lambda changes: "-".join(str(value) for value in changes.values()),
)
def test_options_run(run, changes):
    finished = run(epochs=1, **changes)
    assert np.isfinite(finished.history[-1]["train/loss"])
    assert finished.metrics["last/top1"] is not None


def test_every_option_of_the_recipe_changes_what_is_learned(run):
    """Each goes another way than the default; with the neutral values, none does."""
    decay = {"weight_decay": 0.1}
    given = {
        "default": {},
        "smoothing": {"label_smoothing": 0.2},
        "clipping": {"clip_norm": 1e-3},
        "nesterov": {"nesterov": True},
        "decay": decay,
        "decay of matrices": {**decay, "decay_1d": False},
        "iterations": {"step_size": 2, "step_unit": "iterations"},
        "one drop": {"step_size": 2, "step_unit": "iterations", "most_drops": 1},
    }
    ways = {name: tuple(entry["train/loss"] for entry in run(name, **given[name]).history) for name in given}
    assert len(set(ways.values())) == len(given), ways
    assert all(np.isfinite(losses).all() for losses in ways.values())
    neutral = {"step_unit": "epochs", "most_drops": 0, "decay_1d": True, "nesterov": False, "clip_norm": None}
    again = run("neutral", **neutral, label_smoothing=0.0, select_every=1, select_from=0, select_ties="first")
    assert tuple(entry["train/loss"] for entry in again.history) == ways["default"]


def test_labels_are_smoothed_by_hand():
    """Two classes, scores ln 3 and 0, so shares 3/4 and 1/4; smoothing 0.2 makes the target 0.9 and 0.1."""
    output = SimpleNamespace(logits=torch.tensor([[3.0, 1.0]]).log(), head_logits=None)
    batch = Batch({}, torch.tensor([0]), torch.tensor([0]))
    for smoothing, share in ((0.0, 1.0), (0.2, 0.9)):
        losses = Classification(None, label_smoothing=smoothing).losses(output, batch)
        expected = -(share * math.log(0.75) + (1 - share) * math.log(0.25))
        assert losses["cross_entropy"].item() == pytest.approx(expected, rel=1e-6)


def test_table_and_provenance_for_the_notebook(run):
    finished = run()
    table = finished.table()
    assert list(table.index) == ["paper", "clean", "last"]
    assert table.loc["last", "epoch"] == 2
    assert table.loc["last", "top1"] == pytest.approx(100 * finished.metrics["last/top1"], abs=0.005)  # two decimals
    assert "samples" in finished.provenance().index


def test_progress_and_result_are_strict_json(run):
    folder = run(values=FULL).folder
    for text in [(folder / name).read_text() for name in ("result.json", "progress.json")]:
        json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))
