"""One run of face-voice association: what is written, both settings, both protocols, that it repeats and resumes."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from equal_runs import assert_same_run
from safetensors import safe_open
from safetensors.torch import load_file

from mmlib.data.batch import Batch
from mmlib.data.voxceleb import load_face_voice
from mmlib.errors import BlockedError, NonFiniteLossError, ParameterError
from mmlib.experiments.face_voice import Parameters, finding
from mmlib.experiments.face_voice.experiment import FaceVoiceExperiment
from mmlib.experiments.face_voice.task import FaceVoice, pair_distances, pair_metrics
from mmlib.fusion import SimAM2Options
from mmlib.metrics.family import metric as named
from mmlib.metrics.verification import FOPEvaluation, auc, eer, vr_at_far
from mmlib.models.fop import FOP
from mmlib.record import read_result
from mmlib.training.loop import Trainer
from mmlib.workbook.plan import load_plan

STRATA = ("G", "N", "A", "GNA")
SETTINGS = ("seen_heard", "unseen_unheard")
SIMAM2 = {"simam2": True, "simam2_gate": "simam"}


def test_records_both_settings_under_every_protocol(run):
    finished = run(**SIMAM2)
    result, problem = read_result(finished.folder)
    assert problem is None
    assert result.model_dump() == finished.model_dump()
    everywhere = {f"{p}/{m}" for p in ("paper", "clean", "last") for m in FaceVoiceExperiment.metrics}
    strata = {
        f"clean/{m}_{s}_{stratum}"
        for m in ("eer", "auc", "vr", "eer_fop", "auc_fop")
        for s in SETTINGS
        for stratum in STRATA
    }
    ends = {f"clean/{m}_{s}_{end}" for m in ("eer", "auc") for s in SETTINGS for end in ("low", "high")}
    matching = {f"clean/matching_{n}" for n in range(2, 11)}
    assert set(result.metrics) == everywhere | strata | ends | matching
    assert all(0 <= value <= 1 for value in result.metrics.values())
    for setting in SETTINGS:
        for metric in ("eer", "auc"):
            low, found, high = (result.metrics[f"clean/{metric}_{setting}{end}"] for end in ("_low", "", "_high"))
            assert low < high
            assert low - 0.1 <= found <= high + 0.1
    assert result.splits == {"train": 96, "validation": 50, "seen_heard": 240, "unseen_unheard": 120}
    assert result.coverage == {"train": 12}
    assert result.data_origin == "generated"
    assert result.parameters == Parameters.resolve(result.parameters).model_dump()


def test_arrays_agree_with_the_metrics(run):
    finished = run(**SIMAM2)
    for setting in SETTINGS:
        distance, same = (finished.arrays[f"{setting}_{what}"] for what in ("distance", "same"))
        assert eer(distance, same) == pytest.approx(finished.metrics[f"clean/eer_{setting}"], abs=1e-12)
        assert auc(distance, same) == pytest.approx(finished.metrics[f"clean/auc_{setting}"], abs=1e-12)
        assert vr_at_far(distance, same) == finished.metrics[f"clean/vr_{setting}"]
        curve = finished.arrays[f"{setting}_fpr"], finished.arrays[f"{setting}_tpr"]
        assert np.trapezoid(curve[1], curve[0]) == pytest.approx(auc(distance, same), abs=0.01)
    for name in ("zeta_mean", "zeta_sd", "r", "epoch", "loss"):
        assert finished.arrays[name].shape == (9,), name
        assert np.isfinite(finished.arrays[name]).all(), name
    assert finished.arrays["embedding_face"].shape == finished.arrays["embedding_voice"].shape


def test_saved_weights_are_those_of_the_clean_epoch(run):
    finished = run()
    with safe_open(finished.folder / "model.safetensors", "pt") as stored:
        chosen = {"protocol": "clean", "epoch": finished.selection["clean"].epoch}
        assert json.loads(stored.metadata()["selection"]) == chosen
    model = FOP(24, 12, 12)
    model.load_state_dict(load_file(finished.folder / "model.safetensors"))
    pairs = load_face_voice(Parameters.resolve(finished.parameters).located()).lists["seen_heard_random"]
    with torch.inference_mode():
        np.testing.assert_array_equal(
            pair_distances(model.eval(), pairs).astype(np.float32), finished.arrays["seen_heard_distance"]
        )


def test_protocols_follow_their_rules(run):
    finished = run(epochs=6)
    chosen = {
        "paper": int(np.argmin([entry["unseen_unheard/eer_fop"] for entry in finished.history])),
        "clean": int(np.argmin([entry["validation/eer"] for entry in finished.history])),
        "last": 5,
    }
    assert {name: selection.epoch for name, selection in finished.selection.items()} == chosen
    for protocol, epoch in chosen.items():
        for setting in SETTINGS:
            for metric in ("eer", "auc", "vr", "eer_fop"):
                expected = finished.history[epoch][f"{setting}/{metric}"]
                assert finished.metrics[f"{protocol}/{metric}_{setting}"] == expected


def test_the_latest_of_equal_epochs_as_published(run, monkeypatch):
    """Where FOP's evaluator finds every epoch equal."""
    same = FOPEvaluation(auc=0.7, eer=0.3, threshold=1.0, accuracy=0.7, accuracy_sd=0.0)
    monkeypatch.setattr("mmlib.experiments.face_voice.task.fop_compat", lambda *_: same)
    first, last = run("first"), run("last", select_ties="last")
    assert (first.selection["paper"].epoch, last.selection["paper"].epoch) == (0, 2)
    assert last.selection["paper"].rule.endswith("as upstream code selects, the latest of equal ones")
    assert last.selection["clean"] == first.selection["clean"]


@pytest.mark.parametrize("profile", ["voxceleb1", "voxceleb1_clean"])
def test_published_recipe(project, profile):
    plan = load_plan(project / "notebooks" / "plans" / "table3.yaml")
    published = {
        "epochs": 49,
        "batch_size": 128,
        "optimizer": "adam",
        "learning_rate": 1e-5,
        "momentum": 0.9,
        "weight_decay": 0.01,
        "schedule": "constant",
        "orthogonality": 1.0,
        "negative_weight": 0.7,
        "reshuffle": False,
        "drop_last": True,
        "decay_1d": True,
        "nesterov": False,
        "clip_norm": None,
        "label_smoothing": 0.0,
        "select_every": 1,
        "select_from": 0,
        "select_ties": "last",
        "exclude_seen_heard": profile == "voxceleb1_clean",
    }
    cells = plan.cells(profile)
    assert {cell.row for cell in cells} == {row.id for row in plan.rows}
    for cell in cells:
        given = Parameters.resolve(cell.parameters)
        assert {name: getattr(given, name) for name in published} == published


def test_labels_are_smoothed_in_training_alone():
    """Two identities, scores ln 3 and 0, so shares 3/4 and 1/4; smoothing 0.2 makes the target 0.9 and 0.1."""
    output = SimpleNamespace(logits=torch.tensor([[3.0, 1.0]]).log())
    batch = Batch({}, torch.tensor([0]), torch.tensor([0]))
    for smoothing, share in ((0.0, 1.0), (0.2, 0.9)):
        losses = FaceVoice(orthogonality=0.0, label_smoothing=smoothing).losses(output, batch)
        expected = -(share * math.log(0.75) + (1 - share) * math.log(0.25))
        assert losses["cross_entropy"].item() == pytest.approx(expected, rel=1e-6)


def test_label_smoothing_and_clipping_reach_the_run(run):
    ways = [run(f"way{n}", **given) for n, given in enumerate(({}, {"label_smoothing": 0.1}, {"clip_norm": 1e-3}))]
    losses = [tuple(entry["train/loss"] for entry in way.history) for way in ways]
    assert len(set(losses)) == 3


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_verification_rate_has_a_name(setting):
    found = named(f"clean/vr_{setting}")
    assert found.title == f"VR, {setting.replace('_', '-')}"
    assert (found.better, found.scale) == ("higher", 100.0)


def test_the_seen_heard_tracks_are_trained_on_only_when_asked_for(run):
    clean, published = run("clean"), run("published", exclude_seen_heard=False)
    assert clean.splits["train"] + 12 * 5 == published.splits["train"]
    assert "60 training rows are tracks of the seen-heard test and left out" in clean.notes
    assert not any("left out" in note for note in published.notes)


def test_without_validation_pairs_only_the_papers_protocol_selects(run):
    finished = run(synthetic_validation_identities=0, hold_out_validation=False)
    assert finished.selection["clean"].epoch is None
    assert "there are no validation pairs" in finished.selection["clean"].rule
    assert finished.metrics["clean/eer_seen_heard"] is None
    assert finished.metrics["paper/eer_seen_heard_G"] is not None


def test_fop_evaluator_alone_is_left_out_where_a_fold_holds_one_kind():
    distance = np.random.default_rng(0).random(12)
    found = pair_metrics(distance, np.arange(12) % 4 == 0)
    assert found["eer_fop"] is None
    assert found["auc_fop"] is None
    assert found["auc"] == auc(distance, np.arange(12) % 4 == 0)


@pytest.mark.parametrize("gate", ["paper", "neg", "simam"])
def test_scores_at_equal_weights_do_not_see_simam2(run, gate):
    """Trained under SimAM², then verified with it and without it: bit-identical."""
    finished = run(simam2=True, simam2_gate=gate)
    weights = load_file(finished.folder / "model.safetensors")
    data = load_face_voice(Parameters.resolve(finished.parameters).located())
    plain, fused = FOP(24, 12, 12), FOP(24, 12, 12, simam2=SimAM2Options(gate=gate))
    fused.load_state_dict(weights)
    plain.load_state_dict({name: value for name, value in weights.items() if not name.startswith("simam2.")})
    with torch.inference_mode():
        for pairs in data.lists.values():
            np.testing.assert_array_equal(*(pair_distances(model.eval(), pairs) for model in (plain, fused)))
    said = finding.scores_with_and_without_simam2(finished, Parameters.resolve(finished.parameters))
    assert "120 unseen-unheard pairs" in said
    assert "are bit-identical" in said


def test_simam2_changes_training(run):
    weights = [load_file(run(name, **changes).folder / "model.safetensors") for name, changes in METHODS.items()]
    faces = [found["branches.face.linear.weight"] for found in weights]
    assert all(not torch.equal(one, two) for i, one in enumerate(faces) for two in faces[:i])


METHODS = {"fop": {}, "printed": {"simam2": True}, "inverse": SIMAM2, "linear": {"fusion": "linear"}}


@pytest.mark.parametrize("name", METHODS)
def test_two_runs_are_identical_bit_for_bit(run, name):
    assert_same_run(run("one", **METHODS[name]), run("two", **METHODS[name]))


@pytest.mark.parametrize("stop", [1, 2])
def test_resumed_run_equals_one_that_never_stopped(run, monkeypatch, stop):
    expected = run("whole", **SIMAM2)
    real = Trainer._train_epoch

    def stopping(self, epoch, learning_rate):
        if epoch == stop:
            raise KeyboardInterrupt
        return real(self, epoch, learning_rate)

    monkeypatch.setattr(Trainer, "_train_epoch", stopping)
    with pytest.raises(KeyboardInterrupt):
        run("stopped", **SIMAM2)
    monkeypatch.undo()
    resumed = run("stopped", **SIMAM2)
    assert f"resumed at epoch {stop}" in resumed.notes
    assert_same_run(expected, resumed)


def test_simam2_needs_the_gate():
    with pytest.raises(ParameterError, match="takes its ζ from FOP's gate: set fusion = 'gated'"):
        Parameters.resolve({"simam2": True, "fusion": "linear"})


def test_missing_features_are_blocked(run, tmp_path):
    with pytest.raises(BlockedError, match="identity_splits.txt is missing"):
        run(dataset="voxceleb1", data_root=str(tmp_path))


def test_a_diverging_run_stops_and_leaves_no_result(run, tmp_path):
    with pytest.raises(NonFiniteLossError, match="Lower learning_rate"):
        run(learning_rate=1e30)
    assert not (tmp_path / "run" / "result.json").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"orthogonality": 0.0, "reshuffle": True, "drop_last": False},
        {"simam2": True, "simam2_gate": "inv", "simam2_ddof": 0, "simam2_var_max": "epoch"},
        {"precision": "bf16", "simam2": True, "schedule": "cosine"},
        {"bootstrap_draws": 0, "synthetic_video_offset": 0.5},
    ],
    ids=lambda changes: "-".join(str(value) for value in changes.values()),
)
def test_options_run(run, changes):
    finished = run(epochs=1, **changes)
    assert np.isfinite(finished.history[-1]["train/loss"])
    assert finished.metrics["last/eer_unseen_unheard"] is not None
    assert ("clean/eer_seen_heard_low" in finished.metrics) == (changes.get("bootstrap_draws") != 0)


def test_tables_of_the_notebook_say_what_the_record_says(run):
    finished = run()
    protocols = finding.protocols_table(finished)
    assert list(protocols.index) == ["paper", "clean", "last"]
    shown = protocols.loc["clean", ("unseen-unheard", "EER")]
    assert shown == pytest.approx(100 * finished.metrics["clean/eer_unseen_unheard"], abs=0.051)
    rate = protocols.loc["clean", ("unseen-unheard", "VR (FAR 0.1 %)")]
    assert rate == pytest.approx(100 * finished.metrics["clean/vr_unseen_unheard"], abs=0.051)
    lists = finding.lists_table(finished)
    assert len(lists) == 10
    assert " to " in lists.loc[("seen-heard", "random"), "EER 95 %"]
    assert lists.loc[("seen-heard", "G"), "EER 95 %"] != lists.loc[("seen-heard", "random"), "EER 95 %"]
