"""IEMF, MSLR, LFM and unimodal heads, from parameters to files."""

from __future__ import annotations

import numpy as np
import pytest
from equal_runs import assert_same_run

from mmlib.errors import ParameterError
from mmlib.experiments import classification
from mmlib.experiments.classification import Parameters, experiment, figures
from mmlib.losses.lfm import label_weight
from mmlib.training.loop import Trainer

SMALL = {"synthetic_samples": 100, "epochs": 2, "feature_channels": 8, "batch_size": 16, "fusion": "concat"}
HEADS = {"unimodal_heads": "attached"}
IEMF = {**HEADS, "iemf": True}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return str(tmp_path_factory.mktemp("data"))


@pytest.fixture
def run(tmp_path, store):
    """`run("name", **changes)`: a small run below tmp_path."""

    def start(name="run", **changes):
        given = {**SMALL, "data_store": store, "output": str(tmp_path / name), **changes}
        return classification.run(Parameters.resolve(given))

    return start


def way(finished):
    """What the last epoch's network says of the test split: runs that differ anywhere differ here."""
    return finished.arrays["last_logits"].tobytes()


def test_history_traces_and_record_of_iemf(run):
    finished = run(**IEMF, modulation="ogm_ge", iemf_gain=0.5, iemf_end=0)
    heads = {f"{p}/top1_head_{m}" for p in ("paper", "clean", "last") for m in ("audio", "visual")}
    assert heads <= set(finished.metrics)
    assert all(0 <= finished.metrics[name] <= 1 for name in heads)
    traced = ("iemf_ratio", "k_fusion", "k_audio", "k_visual", "loss_unimodal_audio", "loss_unimodal_visual")
    for entry in finished.history:
        assert all(np.isfinite(entry[name]) for name in traced)
        assert all(0 <= entry[f"{split}/top1_head_audio"] <= 1 for split in ("validation", "test"))
    ratio, k, epoch = (finished.arrays[name] for name in ("iemf_ratio", "k_fusion", "epoch"))
    assert len(set(ratio.tolist())) == len(ratio) == 8
    expected = np.where(epoch == 0, 0.5 * (1 + np.tanh(1 - ratio.astype(float))), 1.0)  # the window ends with epoch 0
    np.testing.assert_allclose(k, expected, rtol=1e-5)
    assert finished.table().loc["last", "top1_head_audio"] >= 0


def test_without_heads_nothing_is_said_of_them(run):
    finished = run()
    assert not any("head" in name for name in finished.metrics)
    assert not {"iemf_ratio", "k_fusion"} & set(finished.arrays)


def test_every_switch_of_iemf_changes_what_is_learned(run):
    """Without scaling and noise it is the plain run, and outside its window too; each other choice is another way."""
    same = {
        "plain": HEADS,
        "no part of it": {**IEMF, "iemf_scaling": False, "iemf_noise": False},
        "later": {**IEMF, "iemf_start": 2, "iemf_end": 9},
    }
    others = {
        "all": IEMF,
        "no noise": {**IEMF, "iemf_noise": False},
        "no scaling": {**IEMF, "iemf_scaling": False},
        "gain": {**IEMF, "iemf_gain": 0.5},
        "detached": {**IEMF, "unimodal_heads": "detached"},
        "halves": {**IEMF, "iemf_scores": "halves", "unimodal_heads": "none"},
        "window": {**IEMF, "iemf_start": 1},
        "adam": {**IEMF, "optimizer": "adam", "iemf_apply_to": "learning_rate", "learning_rate": 0.01},
        "adam plain": {**HEADS, "optimizer": "adam", "learning_rate": 0.01},
        "sum": {**IEMF, "fusion": "sum"},
        "sum, all of it": {**IEMF, "fusion": "sum", "iemf_target": "fusion"},
    }
    found = {name: run(name, **changes) for name, changes in {**same, **others}.items()}
    assert len({way(found[name]) for name in same}) == 1
    assert len({way(finished) for finished in found.values()}) == 1 + len(others)
    # Of two steps of equal length, scaling the step and the rate are one and the same.
    step = run("step", **{**others["adam"], "iemf_apply_to": "step"})
    assert way(step) == way(found["adam"]), "the layer shares its parameter group, so its step is scaled"
    assert any("no noise is added, as published" in note for note in step.notes)
    assert not any("noise" in note for note in found["all"].notes)


def test_detached_heads_leave_the_encoders_and_the_fusion_as_they_were(run):
    plain, detached, attached = (run(kind, unimodal_heads=kind) for kind in ("none", "detached", "attached"))
    for protocol in ("paper", "clean", "last"):
        assert detached.metrics[f"{protocol}/top1"] == plain.metrics[f"{protocol}/top1"]
        assert detached.metrics[f"{protocol}/loss"] == plain.metrics[f"{protocol}/loss"]
    assert attached.metrics["last/loss"] != plain.metrics["last/loss"]


CASES = {
    "iemf beside ogm_ge": (2, {**IEMF, "modulation": "ogm_ge", "epochs": 3}),
    "iemf, adam, a window": (1, {**IEMF, "optimizer": "adam", "learning_rate": 0.01, "iemf_start": 1, "epochs": 3}),
    "mslr by heads": (7, {**IEMF, "modulation": "mslr", "mslr_source": "heads", "epochs": 9, "synthetic_samples": 60}),
    "lfm": (1, {"lfm": "features", "lfm_weight": "published", "epochs": 3}),
}


@pytest.mark.parametrize("case", CASES)
def test_resumed_run_equals_one_that_never_stopped(run, monkeypatch, case):
    stop, changes = CASES[case]
    expected = run("whole", **changes)
    real = Trainer._train_epoch

    def stopping(self, epoch, learning_rate):
        if epoch < stop:
            return real(self, epoch, learning_rate)
        self.replica.train()
        self._step(next(iter(self.train_loader)))  # in the middle of an epoch
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_train_epoch", stopping)
    with pytest.raises(KeyboardInterrupt):
        run("stopped", **changes)
    monkeypatch.undo()
    resumed = run("stopped", **changes)
    assert f"resumed at epoch {stop}" in resumed.notes
    assert_same_run(expected, resumed)


@pytest.mark.parametrize(("source", "prefix"), [("halves", "top1"), ("heads", "top1_head")])
@pytest.mark.parametrize("split", ["validation", "test"])
def test_mslr_follows_the_accuracies_of_its_split(run, source, prefix, split):
    changes = {"modulation": "mslr", "mslr_source": source, "mslr_split": split, **HEADS}
    finished = run(**changes, epochs=9, synthetic_samples=60, mslr_audio=0.8)
    for modality, factor in (("audio", 0.8), ("visual", 1.1)):
        accuracies = [entry[f"{split}/{prefix}_{modality}"] for entry in finished.history]
        expected = [factor] * 6
        for epoch in range(6, 9):  # trained with the evaluation before, over the five before that
            past = np.mean(accuracies[epoch - 6 : epoch - 1])
            expected.append(factor * accuracies[epoch - 1] / past if past else factor)
        found = [entry[f"k_{modality}"] for entry in finished.history]
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert any("accuracies on the test split" in note for note in finished.notes) == (split == "test")


def test_mslr_without_validation_is_refused_before_training(run, tmp_path, monkeypatch):
    whole = experiment.load_data
    monkeypatch.setattr(
        experiment, "load_data", lambda given: {s: rows for s, rows in whole(given).items() if s != "validation"}
    )
    with pytest.raises(ParameterError, match="follows the accuracies on validation, and .* above 0, or mslr_split"):
        run(modulation="mslr")
    assert (tmp_path / "run" / "history.jsonl").read_text() == ""
    finished = run(modulation="mslr", mslr_split="test")
    assert finished.epochs_run == 2
    assert finished.metrics["clean/top1"] is None


def test_mslr_changes_all_tensors_of_the_encoders_from_the_first_step(run):
    plain, mslr = run("plain"), run("mslr", modulation="mslr")
    neutral = run("neutral", modulation="mslr", mslr_audio=1.0, mslr_visual=1.0)
    assert way(plain) == way(neutral)
    assert way(plain) != way(mslr)


def test_lfm_adds_its_loss_and_weighs_as_asked(run):
    one, published = run("one", lfm="features"), run("published", lfm="features", lfm_weight="published")
    usual = run("usual", lfm="features", lfm_direction="jensen_shannon")
    logits = run("logits", lfm="logits", **HEADS)
    assert len({way(finished) for finished in (one, published, usual, logits)}) == 4
    for finished in (one, published, usual, logits):
        losses = [name for name in finished.arrays if name.startswith("loss_")]
        assert "loss_alignment" in losses
        total = sum(finished.arrays[name].astype(float) for name in losses)
        np.testing.assert_allclose(total, finished.arrays["loss"], rtol=1e-5)
    first = {name: finished.arrays for name, finished in (("one", one), ("published", published))}
    label = label_weight(0)
    for loss, factor in (("loss_cross_entropy", 2 * label), ("loss_alignment", 2 * (1 - label))):
        assert first["published"][loss][0] == pytest.approx(factor * first["one"][loss][0], rel=1e-5)


def test_three_modalities(run):
    trio = {"dataset": "synthetic_trio", "synthetic_samples": 120, "modulated_tensors": "matrices"}
    finished = run(**trio, **IEMF, modulation="mslr", lfm="features", mslr_source="heads")
    names = ("vector", "sequence", "tokens")
    assert {f"last/top1_head_{name}" for name in names} <= set(finished.metrics)
    assert {f"loss_unimodal_{name}" for name in names} | {"loss_alignment", "k_fusion"} <= set(finished.arrays)
    expected = 1 + np.tanh(1 - finished.arrays["iemf_ratio"].astype(float))
    np.testing.assert_allclose(finished.arrays["k_fusion"], expected, rtol=1e-5)
    assert all(entry[f"k_{name}"] == 1 for entry in finished.history for name in names), "no factor is named for them"


def test_a_coefficient_above_one_is_inside_the_figure(run, tmp_path):
    finished = run(**IEMF, modulation="mslr")
    right = figures.modulation_figure(finished).axes[1]
    assert right.get_ylim()[1] > max(finished.arrays["k_fusion"].max(), 1.1)
    assert {text.get_text() for text in right.get_legend().get_texts()} == {"audio", "visual", "fusion"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"iemf": True}, "set unimodal_heads = 'attached'"),
        ({"iemf": True, "unimodal_heads": "attached", "unimodal_weight": 0.0}, "unimodal_weight above 0"),
        ({"iemf_start": 5, "iemf_end": 4}, "lies before iemf_start"),
        ({"modulation": "mslr", "mslr_source": "heads"}, "mslr_source = 'heads' needs heads"),
        ({"lfm": "logits"}, "or lfm = 'features'"),
        ({"lfm": "logits", "unimodal_heads": "detached"}, "unimodal_heads = 'attached'"),
        ({"iemf_gain": -1.0}, "iemf_gain = -1.0: must be greater than or equal to 0"),
        ({"mslr_audio": -1.0}, "mslr_audio = -1.0: must be greater than or equal to 0"),
    ],
)
def test_what_cannot_be_is_refused(values, expected):
    with pytest.raises(ParameterError) as caught:
        Parameters.resolve(values)
    assert expected in str(caught.value)


def test_names_of_runs():
    assert Parameters.resolve({**IEMF, "modulation": "ogm_ge"}).slug() == "synthetic-sum-ogm_ge-iemf-s0"
    assert Parameters.resolve({"lfm": "features", "modulation": "mslr"}).slug() == "synthetic-sum-mslr-lfm-s0"
    neutral = {"iemf": False, "iemf_scaling": True, "iemf_gain": 1.0, "lfm": "none", "mslr_visual": 1.1}
    assert Parameters.resolve(neutral).identity() == Parameters().identity()
