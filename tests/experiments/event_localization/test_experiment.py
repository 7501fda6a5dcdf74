"""One run of event localisation: what is written, what the protocols choose, that it repeats, what each switch does."""

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
from mmlib.errors import ParameterError
from mmlib.experiments.building import optimizer_and_schedule
from mmlib.experiments.event_localization import Parameters
from mmlib.experiments.event_localization.experiment import EventLocalization
from mmlib.experiments.event_localization.task import Localisation, accuracy_disjoint
from mmlib.experiments.protocols import chosen_protocols
from mmlib.metrics.localisation import accuracy_interval, localisation_metrics
from mmlib.record import read_result
from mmlib.training.loop import Trainer
from mmlib.workbook.plan import load_plan

EVERYTHING = {"fusion": "sum", "simam2": True, "zeta": "learned", "modulation": "decoupling_free"}
METHODS = {"avga": {}, "psp": {"network": "psp", **EVERYTHING, "fusion": "concat"}, "weak": {"supervision": "weak"}}


@pytest.fixture(scope="module")
def runs(start):
    return {name: start(name, **changes) for name, changes in METHODS.items()}


def test_records_every_metric_under_every_protocol(runs):
    finished = runs["psp"]
    result, problem = read_result(finished.folder)
    assert problem is None
    assert result.model_dump() == finished.model_dump()
    protocols = ("paper", "clean", "last")
    expected = {f"{p}/{m}" for p in protocols for m in EventLocalization.metrics}
    assert set(result.metrics) == expected | {f"{p}/accuracy_{end}" for p in protocols for end in ("low", "high")}
    shares = {name: value for name, value in result.metrics.items() if not name.endswith(("loss", "_error"))}
    assert all(value is None or 0 <= value <= 1 for value in shares.values())
    assert sum(result.splits.values()) == 60
    assert result.data_origin == "generated"
    assert result.parameters == Parameters.resolve(result.parameters).model_dump()


@pytest.mark.parametrize("name", METHODS)
def test_arrays_agree_with_the_metrics(runs, name):
    finished = runs[name]
    said, true = finished.arrays["clean_predicted"], finished.arrays["test_targets"]
    assert said.shape == true.shape == (finished.splits["test"], 10)
    for metric, value in localisation_metrics(said, true, background=true.max()).items():
        assert finished.metrics[f"clean/{metric}"] == (value if value is None else pytest.approx(value, abs=1e-12))
    interval = accuracy_interval(said, true)
    assert (finished.metrics["clean/accuracy_low"], finished.metrics["clean/accuracy_high"]) == (
        interval.low,
        interval.high,
    )
    confusion = finished.arrays["clean_confusion"]
    assert np.trace(confusion) / confusion.sum() == pytest.approx(finished.metrics["clean/accuracy"])
    attention = finished.arrays["clean_attention"].astype(float)
    assert attention.shape == (len(true), 10, 9)
    np.testing.assert_allclose(attention.sum(axis=-1), 1, atol=5e-3)


def test_protocols_follow_their_rules(runs):
    finished = runs["avga"]
    scores = {split: [entry[f"{split}/accuracy"] for entry in finished.history] for split in ("test", "validation")}
    chosen = {"paper": int(np.argmax(scores["test"])), "clean": int(np.argmax(scores["validation"])), "last": 2}
    assert {name: selection.epoch for name, selection in finished.selection.items()} == chosen
    for protocol, epoch in chosen.items():
        assert finished.metrics[f"{protocol}/accuracy"] == scores["test"][epoch]
    with safe_open(finished.folder / "model.safetensors", "pt") as stored:
        assert json.loads(stored.metadata()["selection"]) == {"protocol": "clean", "epoch": chosen["clean"]}


def test_traces_hold_ratios_and_coefficients_of_every_step(runs):
    arrays = runs["psp"].arrays
    steps = len(arrays["epoch"])
    for name in ("rho_decoupled", "rho_zeta", "zeta_mean", "zeta_variance", "r"):
        assert arrays[name].shape == (steps,), name
        assert np.isfinite(arrays[name]).all(), name
    late = arrays["epoch"] > 1
    assert late.any()
    coefficients = [arrays[f"k_{modality}"] for modality in ("audio", "visual")]
    assert all((k[late] == 1).all() for k in coefficients), "outside the window nothing is damped"
    assert any((k[~late] < 1).any() for k in coefficients)
    assert np.isnan(runs["avga"].arrays["rho_zeta"]).all(), "there is no ζ without SimAM²"


@pytest.mark.parametrize("name", ["psp", "weak"])
def test_two_runs_are_identical_bit_for_bit(runs, start, name):
    assert_same_run(runs[name], start(f"{name}-again", **METHODS[name]))


SWITCHES = {
    "avga": {},
    "fusion": {"fusion": "sum"},
    "projected": {"fusion": "projected_sum", "simam2": True},
    "dmrn": {"fusion": "dmrn"},
    "dmrn of two blocks": {"fusion": "dmrn", "dmrn_blocks": 2},
    "loss": {"loss": "mlsm_softmax"},
    "order": {"order": "file"},
    "drop_last": {"drop_last": True},
    "axis": {"audio_bias_axis": "unit"},
    "audio": {"modalities": "audio"},
    "visual": {"modalities": "visual"},
    "ogm_ge": {"modulation": "ogm_ge"},
    "no attention": {"modulation": "ogm_ge", "attention_group": "none"},
    "split": {"modulation": "ogm_ge", "attention_group": "split"},
    "step": {"modulation": "ogm_ge", "apply_to": "step"},
    "events": {"modulation": "ogm_ge", "ratio_segments": "event"},
    "simam2": {"fusion": "sum", "simam2": True},
    "time": {"fusion": "sum", "simam2": True, "simam2_stat_axis": "time"},
    "both": {"fusion": "sum", "simam2": True, "simam2_stat_axis": "both"},
    "decay": {"weight_decay": 0.1},
    "decay of matrices": {"weight_decay": 0.1, "decay_1d": False},
    "clipping": {"clip_norm": 0.01},
    "smoothing": {"label_smoothing": 0.2},
    "sgd": {"optimizer": "sgd"},
    "nesterov": {"optimizer": "sgd", "nesterov": True},
    "iterations": {"schedule": "step", "step_size": 2, "step_unit": "iterations"},
}
PSP_SWITCHES = {
    "psp": {},
    "stale": {"avps_target": "stale"},
    "no similarity": {"similarity_weight": 0.0},
    "threshold": {"psp_threshold": 0.2},
    "dropout": {"psp_dropout": 0.4},
    "pre_psp": {"modulation": "ogm_ge"},
    "all": {"modulation": "ogm_ge", "scope": "all"},
    "schedule": {"schedule": "step", "step_size": 1, "gamma": 0.1, "most_drops": 1},
    "every drop": {"schedule": "step", "step_size": 1, "gamma": 0.1},
}
WEAK_SWITCHES = {
    "weak": {},
    "mean": {"mil_pool": "mean"},
    "smoothing": {"label_smoothing": 0.2},
    "weak mlsm": {"loss": "mlsm_softmax"},
    "weak bce": {"loss": "bce", "clip_target": "prob"},
    "no background clips": {"background_clips": False},
    "weak psp": {"network": "psp", "loss": "bce", "clip_target": "prob"},
}


@pytest.mark.parametrize(
    ("always", "switches"),
    [({}, SWITCHES), ({"network": "psp"}, PSP_SWITCHES), ({"supervision": "weak"}, WEAK_SWITCHES)],
    ids=["avga", "psp", "weak"],
)
def test_every_switch_changes_what_is_learned(start, always, switches):
    """Each alternative trains, and goes another way than the default and than every other alternative."""
    runs = {name: start(name, **always, **changes) for name, changes in switches.items()}
    losses = {name: tuple(entry["train/loss"] for entry in run.history) for name, run in runs.items()}
    assert all(np.isfinite(values).all() for values in losses.values())
    ways = {name: (losses[name], *(entry["test/loss"] for entry in runs[name].history)) for name in runs}
    same = [(one, two) for i, one in enumerate(ways) for two in list(ways)[:i] if ways[one] == ways[two]]
    assert not same, "these switches do the same"


def test_clips_that_share_a_video_with_train_can_be_left_out():
    class Loader:
        class dataset:
            class prepared:
                index = {"leaky": None}

            @staticmethod
            def column(name):
                return np.array([False, True, False])

    true = np.zeros((3, 10), int)
    predicted = true.copy()
    predicted[1] = 1  # the leaky clip is all wrong
    predicted[2, :5] = 1
    assert accuracy_disjoint(predicted, true, Loader) == 0.75
    assert accuracy_disjoint(predicted, true, [None]) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"modulation": "decoupling_free"}, "set simam2 = true and zeta = 'learned'"),
        ({"loss": "bce"}, "'bce' is for supervision = 'weak'"),
        ({"simam2_stat_axis": "spatial"}, "segments have 'feature', 'time' and 'both'"),
        ({"network": "pps"}, "did you mean 'psp'"),
    ],
)
def test_combinations_that_mean_nothing_are_refused(given, message):
    with pytest.raises(ParameterError, match=message):
        Parameters.resolve(given)


def published(project, row):
    """Parameters of a row of Table 2 on AVE."""
    plan = load_plan(project / "notebooks" / "plans" / "table2.yaml")
    (cell,) = [cell for cell in plan.cells("ave") if cell.row == row and cell.seed == 0]
    return Parameters.resolve(cell.parameters)


@pytest.mark.parametrize(
    ("row", "rates", "batches"),
    [
        ("baseline-avga", {0: 1e-3, 14_999: 1e-3, 15_000: 1e-4, 15_599: 1e-4}, 52),
        ("decoupling_free-simam2-avga", {14_999: 1e-3, 15_000: 1e-4}, 52),
        ("baseline-psp", {0: 1e-3, 1559: 1e-3, 1560: 8e-4, 3119: 8e-4, 3120: 6.4e-4, 7799: 6.4e-4}, 26),
        ("decoupling_free-simam2-psp", {3119: 8e-4, 3120: 6.4e-4, 4680: 6.4e-4}, 26),
    ],
)
def test_published_schedules(project, row, rates, batches):
    """Rates of steps, counted from 0. AVGA's falls in epoch 288, PSP's after epochs 59 and 119; both lose 11 clips."""
    given = published(project, row)
    assert given.drop_last
    assert 3339 // given.batch_size == batches
    assert 3339 % given.batch_size == 11
    optimizer, scheduler = optimizer_and_schedule(given, torch.nn.Linear(1, 1))
    found = []
    for _ in range(given.epochs):
        for _ in range(batches):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
        scheduler.step()
    assert len(found) == 300 * batches
    assert {step: found[step] for step in rates} == pytest.approx(rates)


PUBLISHED = {
    "avga": {"optimizer": "adam", "weight_decay": 0.0, "batch_size": 64, "hidden": 128, "head_width": 64,
             "avps_target": "clean", "select_every": 5, "select_from": 0, "select_ties": "first"},
    "psp": {"optimizer": "adam", "weight_decay": 0.0, "batch_size": 128, "hidden": 128, "head_width": 64,
            "avps_target": "stale", "select_every": 5, "select_from": 5, "select_ties": "last"},
}  # fmt: skip


@pytest.mark.parametrize("method", ["baseline", "simam2", "ogm_ge", "decoupling_free-simam2", "ogm_ge-simam2-learned"])
@pytest.mark.parametrize(("network", "candidates"), [("avga", 60), ("psp", 59)])
def test_published_recipes(project, method, network, candidates):
    given = published(project, f"{method}-{network}")
    assert {name: getattr(given, name) for name in PUBLISHED[network]} == PUBLISHED[network]
    assert (given.decay_1d, given.nesterov, given.clip_norm, given.label_smoothing) == (True, False, None, 0.0)
    protocols = chosen_protocols(given, EventLocalization.protocols)
    assert sum(protocols["paper"].considers(epoch) for epoch in range(given.epochs)) == candidates
    assert protocols["clean"] == EventLocalization.protocols["clean"]
    assert protocols["last"] == EventLocalization.protocols["last"]


def test_paper_chooses_among_its_candidates_alone(start):
    plain = start("all", epochs=6)
    scores = [entry["test/accuracy"] for entry in plain.history]
    few = start("few", epochs=6, select_every=2, select_from=1)
    assert [entry["test/accuracy"] for entry in few.history] == scores, "every epoch is evaluated all the same"
    candidates = [1, 3, 5]
    chosen = max(candidates, key=lambda epoch: scores[epoch])
    assert few.selection["paper"].epoch == chosen
    assert few.metrics["paper/accuracy"] == scores[chosen]
    assert few.selection["paper"].rule.endswith("as PSP's code, among epochs 1, 3, 5, … (counted from 0)")
    for protocol in ("clean", "last"):
        assert few.selection[protocol] == plain.selection[protocol]


def test_a_run_with_stale_targets_resumes_bit_for_bit(start, monkeypatch):
    """What earlier batches left in the targets is part of the checkpoint; the rate falls in the middle of an epoch."""
    recipe = {
        "network": "psp",
        "avps_target": "stale",
        "schedule": "step",
        "step_unit": "iterations",
        "step_size": 4,
        "most_drops": 1,
    }
    whole = start("whole", **recipe)
    real = Trainer._train_epoch

    def stop_in_the_second(trainer, epoch, learning_rate):
        if epoch == 1:
            raise KeyboardInterrupt
        return real(trainer, epoch, learning_rate)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_train_epoch", stop_in_the_second)
        with pytest.raises(KeyboardInterrupt):
            start("stopped", **recipe)
    resumed = start("stopped", **recipe)
    assert any("resumed at epoch 1" in note for note in resumed.notes)
    assert [entry["train/loss"] for entry in resumed.history] == [entry["train/loss"] for entry in whole.history]
    assert resumed.metrics == whole.metrics


def test_labels_are_smoothed_by_hand():
    """Two classes, scores ln 3 and 0, so shares 3/4 and 1/4; smoothing 0.2 makes the target 0.9 and 0.1."""
    scores = torch.tensor([[[3.0, 1.0]]]).log()
    output, batch = SimpleNamespace(logits=scores, similarity=None), Batch({}, torch.tensor([[0]]), torch.tensor([0]))
    for smoothing, share in ((0.0, 1.0), (0.2, 0.9)):
        task = Localisation(None, Parameters(label_smoothing=smoothing), classes=2)
        expected = -(share * math.log(0.75) + (1 - share) * math.log(0.25))
        assert task.losses(output, batch)["segments"].item() == pytest.approx(expected, rel=1e-6)
