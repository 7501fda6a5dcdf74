"""Whole runs through three steps of unequal sizes: what is recorded, what goes on to the next, what switches do."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from equal_runs import assert_same_run
from safetensors.torch import load_file

from mmlib.continual.memory import ExemplarMemory
from mmlib.continual.methods import METHODS, Step
from mmlib.continual.methods.ss_il import SSIL
from mmlib.data.prepared import open_prepared
from mmlib.errors import DataError, ParameterError
from mmlib.experiments.continual import Parameters, experiment
from mmlib.experiments.continual import clips as clips_module
from mmlib.experiments.continual.clips import StepLoaders, load_clips
from mmlib.experiments.continual.exemplars import Herding
from mmlib.experiments.continual.experiment import Continual
from mmlib.experiments.continual.step import StepOfRun
from mmlib.metrics.continual import continual_metrics
from mmlib.record import read_result
from mmlib.training.determinism import seed_everything
from mmlib.training.distributed import Group

SIZES = [3, 2, 2]  # classes of each step
IEMF = {"iemf": True, "iemf_start": 1, "iemf_end": 1}


@pytest.fixture(scope="module")
def runs(start):
    """Every method without IEMF, those of the paper with it, in both of its forms."""
    found = {name: start(name, method=name) for name in METHODS}
    found |= {f"{name}-iemf": start(f"{name}-iemf", method=name, **IEMF) for name in METHODS}
    rate = {**IEMF, "iemf_apply_to": "learning_rate"}
    return found | {f"{name}-rate": start(f"{name}-rate", method=name, **rate) for name in ("lwf", "ss_il", "av_cil")}


@pytest.mark.parametrize("name", METHODS)
def test_what_is_recorded(runs, name):
    run = runs[name]
    result, problem = read_result(run.folder)
    assert problem is None
    measured = {"top1", "loss", "memory_bytes", *continual_metrics(np.ones((1, 1)), [1], np.ones((1, 1)))}
    assert set(result.metrics) == {f"{protocol}/{metric}" for protocol in ("clean", "last") for metric in measured}
    assert [stage.name for stage in result.stages] == ["step_0", "step_1", "step_2"]
    assert all(stage.wall_s > 0 for stage in result.stages)
    seen = np.cumsum(SIZES)
    new = seen if name == "joint" else SIZES
    assert [stage.splits["train"] for stage in result.stages] == [14 * classes for classes in new]
    assert [stage.splits["test"] for stage in result.stages] == (5 * seen).tolist()
    assert [stage.coverage["validation"] for stage in result.stages] == seen.tolist()
    assert result.data_origin == "generated"
    assert any(note.startswith("seconds per step: ") for note in result.notes)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("protocol", ["clean", "last"])
def test_the_matrix_holds_what_the_chosen_networks_got_right(runs, name, protocol):
    run = runs[name]
    matrix, clips = run.arrays[f"{protocol}_accuracy_matrix"], run.arrays["task_clips"]
    assert matrix.shape == (3, 3)
    assert (np.isnan(matrix) == np.triu(np.ones((3, 3), dtype=bool), 1)).all()
    assert clips.tolist() == [15, 10, 10]
    for step, stage in enumerate(run.stages):
        overall = (matrix[step, : step + 1] * clips[: step + 1]).sum() / clips[: step + 1].sum()
        assert overall == pytest.approx(stage.metrics[f"{protocol}/top1"])
        of_classes = run.arrays[f"{protocol}_class_accuracy"][step]
        assert np.isnan(of_classes).sum() == sum(SIZES[step + 1 :])
        assert np.nanmean(of_classes[:3]) == pytest.approx(matrix[step, 0])
    right = run.arrays[f"{protocol}_predicted"] == run.arrays["test_targets"]
    task = np.repeat([0, 1, 2], SIZES)[run.arrays["test_targets"]]
    assert [right[task == number].mean() for number in range(3)] == pytest.approx(matrix[2].tolist())
    expected = continual_metrics(matrix, clips, run.arrays[f"{protocol}_class_accuracy"])
    assert {metric: run.metrics[f"{protocol}/{metric}"] for metric in expected} == expected
    confusion = run.arrays[f"{protocol}_task_confusion"]
    assert confusion.shape == (3, 3, 3)
    assert confusion.sum(axis=(1, 2)).tolist() == [15, 25, 35]
    assert confusion[1, 2].sum() == confusion[1, :, 2].sum() == 0


def test_a_network_is_chosen_on_validation_and_the_first_of_equal_ones(runs):
    run = runs["ss_il"]
    for number, stage in enumerate(run.stages):
        entries = [entry for entry in run.history if entry["stage"] == stage.name]
        tops = [entry["validation/top1"] for entry in entries]
        assert stage.selection["clean"].epoch == 3 * number + int(np.argmax(tops))
        assert stage.metrics["clean/top1"] == entries[int(np.argmax(tops))]["test/top1"]
        assert stage.selection["last"].epoch == 3 * number + 2


HELD = {"ss_il": 2, "av_cil": 2, "replay": 2, "icarl_fc": 2, "afc_lsc": 2, "icarl_nme": 3, "afc_nme": 3}


@pytest.mark.parametrize("name", METHODS)
def test_what_is_remembered_is_recorded_clip_by_clip(runs, name):
    """14 clips among 3, 5 and 7 classes: 4, 2 and 2 of each; the last draw is there where it tells the classes."""
    run = runs[name]
    one_clip = 12 * 4 + 2 * 3 * 12 * 2
    if name not in HELD:
        assert "memory_row" not in run.arrays
        old = [0, 42, 70] if name == "joint" else [0, 0, 0]
        assert run.arrays["memory_bytes"].tolist() == [one_clip * clips for clips in old]
        return
    step, label, rank = (run.arrays[f"memory_{what}"] for what in ("step", "class", "rank"))
    assert np.bincount(step).tolist() == [12, 10, 14][: HELD[name]]
    for number, share in enumerate([4, 2, 2][: HELD[name]]):
        held = label[step == number]
        assert np.bincount(held).tolist() == [share] * sum(SIZES[: number + 1])
        assert (rank[step == number].reshape(-1, share) == np.arange(share)).all()
    prepared = open_prepared(next((run.folder.parent / "data").glob("synthetic_incremental-*")))
    rows = run.arrays["memory_row"]
    assert (prepared.labels[rows] == label).all()
    assert (prepared.index["split"][rows] == "train").all()
    assert (prepared.index["id"][rows] == run.arrays["memory_clip"]).all()
    first, later = rows[(step == 0) & (rank < 2)], rows[(step == 1) & (label < 3)]
    assert (np.sort(first) == np.sort(later)).all(), "a shrinking class keeps its first ones"
    assert run.arrays["memory_bytes"].tolist() == [0, 12 * one_clip, 10 * one_clip]
    assert run.metrics["clean/memory_bytes"] == 12 * one_clip


def test_random_exemplars_are_the_same_for_every_method_of_a_seed(runs):
    for name in ("av_cil", "replay", "ss_il-iemf", "ss_il-rate"):
        np.testing.assert_array_equal(runs[name].arrays["memory_row"], runs["ss_il"].arrays["memory_row"])
    assert not np.array_equal(runs["icarl_fc"].arrays["memory_row"], runs["ss_il"].arrays["memory_row"])


def handed_over(given, monkeypatch, name, **changes):
    """What step 0 hands over, and steps 0 and 1 as they are built, with their optimisers."""
    built, handed = [], []
    real_setup, real_over = StepOfRun.setup, StepOfRun.hand_over

    def setup(self):
        built.append((self, real_setup(self)))
        built[-1][0].at_start = {key: value.clone() for key, value in self.model.state_dict().items()}
        return built[-1][1]

    def over(self, outcome):
        handed.append(real_over(self, outcome))
        return handed[-1]

    monkeypatch.setattr(StepOfRun, "setup", setup)
    monkeypatch.setattr(StepOfRun, "hand_over", over)
    run = experiment.run(Parameters.resolve(given(name, **changes)))
    return run, built, handed


def test_a_step_begins_with_the_chosen_network(given, monkeypatch):
    _, built, handed = handed_over(given, monkeypatch, "handed", method="lwf", **IEMF)
    weights = handed[0]["weights"]
    (_, first), (later, second) = built[:2]
    teacher = second.task.teacher
    assert not teacher.training
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    for key, value in weights.items():
        assert torch.equal(teacher.state_dict()[key], value), f"{key}: the teacher is the chosen network, to the end"
        grown = later.at_start[key]
        assert torch.equal(grown[: len(value)] if key.startswith(("classifier", "unimodal")) else grown, value)
    assert len(later.at_start["classifier.weight"]) == 5
    assert second.optimizer is not first.optimizer
    assert second.optimizer.state
    held = {id(parameter) for group in second.optimizer.param_groups for parameter in group["params"]}
    assert held == {id(parameter) for parameter in second.model.parameters()}


def test_joint_begins_anew(given, monkeypatch):
    _, built, handed = handed_over(given, monkeypatch, "anew", method="joint")
    assert handed[0]["weights"] == {}
    seed_everything(0)
    assert len(built[1][0].at_start["classifier.weight"]) == 5
    for key in ("project_audio.weight", "classifier.weight"):
        one, two = (built[step][0].at_start[key] for step in (0, 1))
        assert not torch.equal(one, two[: len(one)])


@pytest.mark.parametrize(("start_at", "taught"), [(0, [True, True]), (3, [False, False])])
def test_heads_that_were_not_trained_when_chosen_are_known(given, monkeypatch, start_at, taught):
    window = {"iemf": True, "iemf_start": start_at, "epochs": 3}
    _, built, handed = handed_over(given, monkeypatch, f"taught-{start_at}", method="lwf", **window)
    assert handed[1]["taught"] == taught
    assert built[2][1].task.unimodal.taught == taught
    published = Parameters.resolve(given("published", method="lwf", iemf_untrained_heads=True, **window))
    later = StepOfRun(published, built[2][0].clips, 2, torch.device("cpu"), Group(), handed[1])
    assert later.unimodal_learning().taught is None


def test_nearest_means_keep_the_draw_of_the_chosen_epoch(given, monkeypatch):
    """Exemplars are drawn with the network of each epoch; what goes on is the draw of the chosen one."""
    draws = []
    real = Herding.draw

    def draw(self, model, memory):
        draws.append((self.step.number, real(self, model, memory)))
        return draws[-1][1]

    monkeypatch.setattr(Herding, "draw", draw)
    run, _, handed = handed_over(given, monkeypatch, "means", method="icarl_nme")
    assert [number for number, _ in draws] == [0] * 3 + [1] * 3 + [2] * 3, "once an epoch"
    for number in range(2):
        chosen = run.stages[number].selection["clean"].epoch
        assert handed[number]["memory"] == draws[chosen][1].state_dict()
    last = draws[run.stages[2].selection["clean"].epoch][1]
    of_last = run.arrays["memory_class"][run.arrays["memory_step"] == 2]
    assert of_last.tolist() == last.labels.tolist()


def test_classifiers_are_followed_by_one_draw_of_the_chosen_network(given, monkeypatch):
    draws = []
    real = Herding.draw

    def draw(self, model, memory):
        draws.append({name: value.clone() for name, value in model.state_dict().items()})
        return real(self, model, memory)

    monkeypatch.setattr(Herding, "draw", draw)
    _, _, handed = handed_over(given, monkeypatch, "after", method="icarl_fc")
    assert len(draws) == 2
    for drawn, carried in zip(draws, handed, strict=True):
        assert all(torch.equal(drawn[name], value) for name, value in carried["weights"].items())


@pytest.mark.parametrize("name", ["lwf", "ss_il", "av_cil", "icarl_fc", "replay", "afc_nme"])
def test_iemf_adds_unimodal_losses_inside_its_window_alone(runs, name):
    run = runs[f"{name}-iemf"]
    inside = run.arrays["epoch"] % 3 == 1
    first = "cross_entropy_audio"
    assert np.isfinite(run.arrays[f"loss_{first}"]).tolist() == inside.tolist()
    coefficient, ratio = run.arrays["k_fusion"], run.arrays["iemf_ratio"]
    assert (coefficient[~inside] == 1).all()
    np.testing.assert_allclose(coefficient[inside], 1 + np.tanh(1 - ratio[inside]), rtol=1e-5)
    later = inside & (run.arrays["epoch"] >= 3)
    kept = name in ("lwf", "ss_il", "av_cil", "icarl_fc")
    assert ("loss_distillation_visual" in run.arrays) == kept
    if kept:
        assert np.isfinite(run.arrays["loss_distillation_visual"][later]).all()


@pytest.mark.parametrize("name", METHODS)
def test_before_its_window_iemf_changes_nothing(runs, name):
    """Heads are drawn after everything else and stay out of the pass: the first epoch is that of the plain run."""
    plain, iemf = ([entry for entry in runs[key].history if entry["epoch"] == 0] for key in (name, f"{name}-iemf"))
    for key in ("train/loss", "validation/top1", "test/top1"):
        assert plain[0][key] == iemf[0][key]
    second = [runs[key].history[1]["train/loss"] for key in (name, f"{name}-iemf")]
    assert second[0] != second[1]


def test_the_learning_rate_is_scaled_without_noise(runs):
    run = runs["av_cil-rate"]
    assert any("no noise is added, as published" in note for note in run.notes)
    assert not np.array_equal(run.arrays["loss"], runs["av_cil-iemf"].arrays["loss"], equal_nan=True)
    assert {entry["lr"] for entry in run.history} == {0.01}


def test_the_last_scaled_rate_stays_where_published(start, given, monkeypatch):
    """After the window the classifier's rate is the last one set in it; a new step begins with the base rate."""
    window = {"iemf": True, "iemf_start": 0, "iemf_end": 1, "iemf_apply_to": "learning_rate", "iemf_keep_rate": True}
    run, built, _ = handed_over(given, monkeypatch, "kept", method="lwf", **window)
    for number, (_, setup) in enumerate(built):
        in_window = (run.arrays["epoch"] >= 3 * number) & (run.arrays["epoch"] <= 3 * number + 1)
        last = run.arrays["k_fusion"][in_window][-1]
        rates = [group["lr"] for group in setup.optimizer.param_groups]
        assert rates == [0.01, pytest.approx(0.01 * last, rel=1e-6)]
    with pytest.raises(ParameterError, match="iemf_apply_to = 'learning_rate'"):
        Parameters.resolve({"iemf": True, "iemf_keep_rate": True})


SWITCHES = {
    "visual_tokens": ("fine_tuning", "mean"),
    "icarl_double_sigmoid": ("icarl_fc", True),
    "afc_nca": ("afc_lsc", "published"),
    "afc_keep_scale": ("afc_lsc", False),
    "afc_random_importance": ("afc_lsc", True),
    "drop_last": ("ss_il", True),
    "class_average": ("av_cil", "positives"),
    "attention_distillation": ("av_cil", False),
    "activation": ("fine_tuning", "none"),
}


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_switch_changes_something(runs, start, switch):
    method, value = SWITCHES[switch]
    assert getattr(Parameters(), switch) != value
    changed = start(f"switch-{switch}", method=method, **{switch: value})
    assert not np.array_equal(changed.arrays["loss"], runs[method].arrays["loss"], equal_nan=True)


def test_herding_as_published_holds_clips_several_times(start):
    """8 of 14 clips of each class: the published choice leaves what it chose among the candidates."""
    clean, published = (
        start(f"repeats-{switch}", method="icarl_nme", memory_size=56, herding_repeats=switch)
        for switch in (False, True)
    )
    for run, distinct in ((clean, True), (published, False)):
        held = run.arrays["memory_row"][run.arrays["memory_step"] == 2]
        assert (len(np.unique(held)) == len(held) == 56) == distinct
    assert published.metrics["clean/memory_bytes"] < clean.metrics["clean/memory_bytes"], "a clip is stored once"
    assert published.stages[1].splits["exemplars"] == clean.stages[1].splits["exemplars"]


@pytest.mark.parametrize(("order", "same"), [("cycled", True), ("reshuffled", False)])
def test_exemplars_come_again_within_an_epoch(given, order, same):
    """12 exemplars, 6 at a time, beside 28 new clips, 8 at a time: four steps, so that each comes twice."""
    parameters = Parameters.resolve(given(f"order-{order}", batch_size=8, exemplar_order=order))
    clips = load_clips(parameters)
    memory = ExemplarMemory(14)
    memory.hold_random(clips.by_class(clips.new(0)), 3)
    step = Step(clips.tasks, 1)
    loader = StepLoaders(parameters, clips, step, torch.device("cpu"), Group()).train(SSIL(step), memory)
    epochs = []
    for epoch in range(2):
        loader.set_epoch(epoch)
        epochs.append([batch["exemplars"].index.tolist() for batch in loader])
    for one, two, three, four in epochs:
        assert sorted(one + two) == sorted(three + four) == sorted(memory.rows.tolist())
        assert ([one, two] == [three, four]) == same
    assert epochs[0] != epochs[1]


def test_zeros_in_class_means_matter_where_a_class_is_short(start):
    """A class of 14 clips has no padding in a memory of 2 each, and 3 zeros where 17 are asked of it."""
    few, many = 14, 7 * 17
    for size, equal in ((few, True), (many, False)):
        clean, padded = (
            start(f"padding-{size}-{switch}", method="icarl_nme", memory_size=size, herding_padding=switch)
            for switch in (False, True)
        )
        assert np.array_equal(clean.arrays["clean_predicted"], padded.arrays["clean_predicted"]) == equal


def test_the_mean_of_all_tokens_is_a_vector(start, runs):
    """Without attention the network has two linear layers before its head; AV-CIL has none to keep."""
    run = start("mean", method="av_cil", visual_tokens="mean")
    assert run.parameter_count == 2 * 13 * 8 + 9 * 7
    assert runs["av_cil"].parameter_count == run.parameter_count + 2 * 13 * 12
    assert "loss_attention" not in run.arrays
    assert np.isfinite(runs["av_cil"].arrays["loss_attention"][runs["av_cil"].arrays["epoch"] >= 3]).all()
    assert run.arrays["memory_bytes"][1] == 12 * (12 * 4 + 12 * 2)


def test_the_last_network_goes_on_where_asked(given, monkeypatch):
    run, built, handed = handed_over(given, monkeypatch, "goes-on", method="icarl_nme", goes_on="last")
    assert any(stage.selection["clean"].epoch != stage.selection["last"].epoch for stage in run.stages[:2])
    for number in range(2):
        state = built[number][1].model.state_dict()
        assert all(torch.equal(state[name], value) for name, value in handed[number]["weights"].items())
    weights = load_file(run.folder / "model.safetensors")
    assert all(torch.equal(built[2][1].model.state_dict()[name], value) for name, value in weights.items())


def test_repeats_and_other_seeds(start, runs):
    again = start("again", method="av_cil", **IEMF)
    assert_same_run(again, runs["av_cil-iemf"])
    other = start("other", method="av_cil", seed=1, **IEMF)
    assert not np.array_equal(other.arrays["loss"], again.arrays["loss"], equal_nan=True)


def test_weights_are_those_of_the_last_steps_chosen_epoch(runs):
    run = runs["lwf"]
    weights = load_file(run.folder / "model.safetensors")
    assert weights["classifier.weight"].shape == (7, 8)
    assert run.parameter_count == sum(value.numel() for value in weights.values())


def test_a_memory_too_small_is_refused(start):
    with pytest.raises(ParameterError, match="memory_size = 6 cannot hold an exemplar of each of 7 classes"):
        start("small", method="ss_il", memory_size=6)
    start("none-needed", method="lwf", memory_size=6, epochs=1)


def test_more_proxies_than_a_class_has_clips_are_refused_before_training(start):
    """Clusters are made of the clips of classes that arrive later; at the first step proxies are drawn."""
    with pytest.raises(ParameterError, match=r"afc_proxies = 15 .* 'class \d' has 14 training clips: give at most 14"):
        start("proxies", method="afc_lsc", afc_proxies=15)
    assert start("first-step", method="afc_lsc", afc_proxies=15, synthetic_steps=1, epochs=1).epochs_run == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda index, source: index["split"].__setitem__(index["label"] == 4, "test"), "no clip of class 'class 4'"),
        (lambda index, source: source["tasks"].pop(), "its tasks hold 5 classes, it has 7"),
        (lambda index, source: index["split"].__setitem__(index["label"] > 4, "train"), "validation has no clip of ta"),
    ],
    ids=["untaught", "tasks", "unseen"],
)
def test_data_that_cannot_be_learned_in_steps_are_refused(start, given, monkeypatch, change, message):
    """Before anything is trained, and by what is wrong with them."""
    parameters = Parameters.resolve(given())
    prepared = load_clips(parameters).splits["train"].prepared
    index = {name: np.array(values) for name, values in prepared.index.items()}
    source = json.loads(json.dumps(prepared.manifest["source"]))
    change(index, source)
    changed = replace(prepared, index=index, manifest={**prepared.manifest, "source": source})
    monkeypatch.setattr(clips_module, "open_prepared", lambda folder: changed)
    with pytest.raises(DataError, match=message):
        start("refused")


def test_a_class_without_validation_or_test_clips_is_learned(start, given, monkeypatch):
    """It is taught and chosen among; it has no accuracy of its own."""
    prepared = load_clips(Parameters.resolve(given())).splits["train"].prepared
    index = {name: np.array(values) for name, values in prepared.index.items()}
    index["split"][(index["label"] == 1)] = "train"
    monkeypatch.setattr(clips_module, "open_prepared", lambda folder: replace(prepared, index=index))
    run = start("unasked", method="icarl_nme", **IEMF)
    of_classes = run.arrays["clean_class_accuracy"]
    unit = int(np.flatnonzero(run.arrays["unit_class"] == 1)[0])
    assert np.isnan(of_classes[:, unit]).all()
    assert np.isfinite(np.delete(of_classes[2], unit)).all()
    assert all(value is None or np.isfinite(value) for value in run.metrics.values())


@pytest.mark.parametrize("name", METHODS)
def test_tasks_of_one_class_train(start, name):
    """There is nothing to tell apart in such a step, whose losses and scores must stay finite."""
    run = start(f"one-{name}", method=name, synthetic_steps=7, memory_size=7, epochs=1, iemf=True)
    assert len(run.stages) == 7
    assert np.isfinite(run.arrays["loss"]).all()
    assert np.isfinite(run.arrays["k_fusion"]).all()
    assert all(value is None or np.isfinite(value) for value in run.metrics.values())


@pytest.mark.parametrize("name", ["av_cil", "afc_nme"])
def test_bfloat16_takes_tokens_stored_in_float16(start, name):
    run = start(f"bf16-{name}", method=name, precision="bf16", epochs=1, iemf=True)
    assert np.isfinite(run.arrays["loss"]).all()


def test_a_window_that_never_opens_is_noted(start):
    run = start("late", method="lwf", iemf=True, iemf_start=3, epochs=1)
    assert any("window begins after the last epoch" in note for note in run.notes)


def test_steps_with_fewer_clips_than_a_batch_train(start):
    run = start("large-batch", method="fine_tuning", batch_size=256, drop_last=True, epochs=1)
    assert run.epochs_run == 3
    assert np.isfinite(run.arrays["loss"]).all()


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ({"method": "icarl"}, "did you mean 'icarl_"),
        ({"label_smoothing": 0.1}, "label_smoothing"),
        ({"iemf": True, "unimodal_weight": 0.0}, "unimodal_weight = 0"),
        ({"synthetic_steps": 13}, "more than there are classes"),
    ],
)
def test_mistakes_are_said(mistake, message):
    with pytest.raises(ParameterError, match=message):
        Parameters.resolve(mistake)


def test_names_of_stages_come_from_the_data(given):
    parameters = Parameters.resolve(given(synthetic_steps=4))
    assert Continual().stages(parameters) == {f"step_{number}": 3 for number in range(4)}
    assert json.loads(json.dumps(parameters.identity()))["method"] == "av_cil"
