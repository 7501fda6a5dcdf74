"""A whole run in two stages: what it records, what the second stage starts from, batches, rows, wrong parameters."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from mmlib.data.loader import BatchLoader
from mmlib.errors import BlockedError, DataError, ParameterError
from mmlib.experiments.question_answering import Parameters, questions
from mmlib.experiments.question_answering.experiment import QuestionAnswering
from mmlib.experiments.question_answering.questions import OTHER, load_questions, load_seconds, open_questions
from mmlib.metrics.family import metric
from mmlib.metrics.question_answering import question_metrics
from mmlib.metrics.question_floors import constant_answer, majority_answers
from mmlib.models.avqa import Grounding
from mmlib.training import Group

HEADS = {"unimodal_heads": "attached"}


@pytest.fixture(scope="module")
def run(start):
    return start("whole", iemf=True, **HEADS)


def set_up(parameters, stage="train", carried=None):
    return QuestionAnswering().stage(stage, parameters, torch.device("cpu"), Group(), carried)


class TestRecord:
    def test_losses_of_each_stage_by_name(self, run):
        first, second = run.history[:2], run.history[2:]
        assert [entry["stage"] for entry in run.history] == ["grounding"] * 2 + ["train"] * 2
        for entry in first:
            assert 0 <= entry["train/match_accuracy"] <= 1
            assert entry["validation/match_accuracy"] is not None
            assert "test/match_accuracy" not in entry
        for entry in second:
            terms = ("answer", "match", "unimodal_audio", "unimodal_visual")
            assert sum(entry[f"loss_{name}"] for name in terms) == pytest.approx(entry["train/loss"], rel=1e-4)
            assert entry["iemf_ratio"] > 0
            assert 0 < entry["k_fusion"] < 1.77

    def test_metrics_are_those_of_its_answers(self, run, given):
        test = load_questions(given("whole"))["test"]
        right = run.arrays["clean_logits"].argmax(axis=1) == run.arrays["test_targets"]
        np.testing.assert_array_equal(run.arrays["test_targets"], test.targets)
        expected = question_metrics(right, test.column("modality"), test.column("type"))
        assert {name: run.metrics[f"clean/{name}"] for name in expected} == pytest.approx(expected)
        assert run.arrays["test_type"].tolist() == test.column("type").tolist()
        assert all(metric(name).known for name in run.metrics), run.metrics

    def test_floors_are_learned_on_training_questions(self, run, given):
        splits = load_questions(given("whole"))
        train, test = splits["train"], splits["test"]
        majority = majority_answers(train.column("text"), train.targets, test.column("text"))
        assert run.metrics["clean/accuracy_majority"] == pytest.approx((majority == test.targets).mean())
        constant = constant_answer(train.targets, len(test))
        assert run.metrics["last/accuracy_constant"] == pytest.approx((constant == test.targets).mean())
        kind = test.column("type") == "Existential"
        expected = (majority == test.targets)[kind].mean()
        assert run.metrics["clean/accuracy_majority_audio_visual_existential"] == pytest.approx(expected)

    def test_attention_of_each_test_question(self, run):
        for name in ("audio", "visual"):
            weights = run.arrays[f"clean_attention_{name}"]
            assert weights.shape == (len(run.arrays["test_targets"]), 10)
            np.testing.assert_allclose(weights.sum(axis=1), 1, atol=2e-3)


def test_the_later_of_equally_good_epochs_is_chosen():
    assert QuestionAnswering.protocols["clean"].ties == "last"
    assert "latest of equal ones" in QuestionAnswering.protocols["clean"].rule


class TestStages:
    def test_the_second_starts_from_what_the_first_learned(self, given):
        parameters = given()
        torch.manual_seed(1)
        shapes = {"audio": 8, "visual": 8}
        weights = Grounding(shapes, 8).state_dict()
        setup = set_up(parameters, carried={"weights": weights})
        model = setup.model
        for name, value in weights.items():
            assert torch.equal(model.state_dict()[f"seconds.{name}"], value)
        assert all(parameter.requires_grad for parameter in model.parameters())
        assert any(
            "started from the best epoch" in note for note in set_up(parameters, carried={"weights": weights}).notes
        )

    def test_the_first_is_trained_on_seconds_of_training_clips(self, given):
        parameters = given()
        prepared = open_questions(parameters)
        seconds = load_seconds(parameters, prepared)
        train = np.unique(prepared.index["item"][prepared.rows("train")])
        assert len(seconds["train"]) == 10 * len(train)
        assert set(seconds) == {"train", "validation"}
        batch = seconds["train"][np.arange(10)]
        assert batch.inputs["audio"].shape == (10, 1, 8)
        visual = torch.from_numpy(np.asarray(prepared.arrays["visual"][train[0]]))
        assert torch.equal(batch.inputs["visual"][:, 0], visual)
        others = seconds["validation"][np.arange(len(seconds["validation"]))].inputs[OTHER]
        held = np.unique(prepared.index["item"][prepared.rows("validation")])
        frames = {
            tuple(frame.flatten().tolist()) for frame in torch.from_numpy(prepared.arrays["visual"][held]).flatten(0, 1)
        }
        assert all(tuple(frame.flatten().tolist()) in frames for frame in others[:, 0])

    def test_without_it_the_same_network_begins_elsewhere_only_in_its_grounding(self, given):
        one, two = set_up(given()), set_up(given(pretrain_epochs=0))
        for (name, value), other in zip(one.model.state_dict().items(), two.model.state_dict().values(), strict=True):
            assert torch.equal(value, other), name
        assert QuestionAnswering().stages(given(pretrain_epochs=0)) == {"train": 2}
        assert QuestionAnswering().stages(given(network="baseline")) == {"train": 2}

    def test_only_recorded_clips_are_named_by_digits(self, given):
        with pytest.raises(DataError, match="Set pretrain_clips = 'all'"):
            load_seconds(given(pretrain_clips="recorded"))


@pytest.mark.parametrize("network", ["baseline", "avst"])
def test_answers_are_the_same_at_any_size_of_batch_and_in_the_order_of_the_file(given, network):
    """Published code evaluates one question at a time and pairs answers with the file by their order."""
    setup = set_up(given(network=network, synthetic_clips=60, pretrain_epochs=0))
    setup.model.eval()
    found = {}
    for size in (1, 7, 64):
        loader = BatchLoader(setup.data["test"], batch_size=size, shuffle=False, seed=0)
        found[size] = setup.task.evaluate(setup.model, loader, Group())
    for size in (1, 7):
        assert found[size].metrics == pytest.approx(found[64].metrics)
        logits = found[size].arrays["logits"]
        np.testing.assert_allclose(logits, found[64].arrays["logits"], rtol=1e-4, atol=1e-5)
        assert np.array_equal(logits.argmax(axis=1), found[64].arrays["logits"].argmax(axis=1))
    with torch.no_grad():
        third = setup.model(setup.data["test"][3].inputs).logits[0]
    np.testing.assert_allclose(found[64].arrays["logits"][3], third.numpy(), rtol=1e-4, atol=1e-5)


class TestRows:
    """What the plan's rows differ in."""

    @pytest.mark.parametrize(
        ("changes", "losses", "alone"),
        [
            ({"network": "baseline", "modalities": "none"}, ("answer",), ()),
            ({"network": "baseline", "modalities": "audio"}, ("answer",), ("audio",)),
            ({"network": "baseline", "modalities": "visual"}, ("answer",), ("visual",)),
            ({"network": "baseline", "pooling": "mean"}, ("answer",), ("audio", "visual")),
            ({"network": "baseline", "second_codes": True, **HEADS}, ("answer", "unimodal_audio"), ("audio", "visual")),
            ({"match_weight": 0.0}, ("answer",), ("audio", "visual")),
        ],
    )
    def test_trains_and_records_what_it_has(self, start, changes, losses, alone):
        found = start("row-" + "-".join(f"{name}{value}" for name, value in changes.items()), epochs=1, **changes)
        entry = found.history[-1]
        several = len([name for name in entry if name.startswith("loss_")])
        assert [name for name in losses if several and f"loss_{name}" not in entry] == []
        assert sorted(name for name in entry if name.startswith("test/top1_") and "head" not in name) == [
            f"test/top1_{name}" for name in alone
        ]
        assert found.metrics["clean/top1"] is not None
        assert ("loss_match" in entry) == (changes.get("network") != "baseline" and "match_weight" not in changes)

    def test_joint_and_iemf_differ_in_the_coefficient_alone(self, given):
        joint, iemf = set_up(given(**HEADS)), set_up(given(iemf=True, **HEADS))
        for one, two in zip(joint.model.parameters(), iemf.model.parameters(), strict=True):
            assert torch.equal(one, two)
        (modulation,) = iemf.modulations
        assert joint.modulations == []
        assert [p.shape for p in modulation.groups["fusion"]] == [(8, 16), (8,)]
        assert any(p is iemf.model.fusion.weight for p in modulation.groups["fusion"])

    def test_on_the_learning_rate_no_noise_is_added(self, start):
        found = start("rate", iemf=True, iemf_apply_to="learning_rate", epochs=1, pretrain_epochs=0, **HEADS)
        assert any("no noise is added, as published" in note for note in found.notes)
        assert np.isfinite(found.arrays["k_fusion"]).all()

    def test_scores_of_shares_need_no_heads(self, start):
        found = start("halves", iemf=True, iemf_scores="halves", epochs=1, pretrain_epochs=0)
        assert np.isfinite(found.arrays["iemf_ratio"]).all()


def test_a_loss_that_is_not_finite_is_said(given, monkeypatch):
    from mmlib.errors import NonFiniteLossError
    from mmlib.experiments import question_answering

    real = questions.open_questions

    def spoiled(parameters):
        prepared = real(parameters)
        audio = np.array(prepared.arrays["audio"])
        audio[:] = np.nan
        return dataclasses.replace(prepared, arrays={**prepared.arrays, "audio": audio})

    monkeypatch.setattr(questions, "open_questions", spoiled)
    with pytest.raises(NonFiniteLossError, match="not finite"):
        question_answering.run(given("spoiled", network="baseline", epochs=1))


class TestFolders:
    """A prepared folder that does not hold what questions need: one message, with the folder and what to do."""

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"arrays": {"audio": None}}, "array 'audio' must have 3 dimensions, and has no such array"),
            (
                {"arrays": {"visual": np.zeros((30, 10, 8), np.float16)}},
                r"must have 5 dimensions, and has \[30, 10, 8\]",
            ),
            ({"arrays": {"audio": np.zeros((30, 9, 8), np.float16)}}, "differ in clips or seconds"),
            ({"index": {"type": None}}, "lacks type"),
            ({"source": {"vocabulary": None}}, "lacks the vocabulary in its source"),
            ({"index": {"split": np.array(["train"])}}, "has no validation questions"),
        ],
    )
    def test_one_message(self, given, monkeypatch, change, message):
        prepared = questions.open_questions(given())
        parts = {
            "arrays": dict(prepared.arrays),
            "index": dict(prepared.index),
            "source": dict(prepared.manifest["source"]),
        }
        for part, values in change.items():
            for name, value in values.items():
                if value is None:
                    del parts[part][name]
                elif part == "index":
                    parts[part][name] = np.repeat(value, len(prepared))
                else:
                    parts[part][name] = value
        manifest = {**prepared.manifest, "source": parts["source"]}
        other = dataclasses.replace(prepared, arrays=parts["arrays"], index=parts["index"], manifest=manifest)
        monkeypatch.setattr(questions, "open_prepared", lambda folder: other)
        with pytest.raises(DataError, match=message) as caught:
            questions.open_questions(given())
        assert str(prepared.folder) in str(caught.value)
        assert "Prepare the data again." in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"feature_channels": 10, "attention_heads": 4}, "must be a multiple of attention_heads = 4"),
        ({"feature_channels": 6, "attention_heads": 2, "network": "avst"}, "needs a multiple of 4"),
        ({"network": "avst", "modalities": "audio"}, "set modalities = 'both' or network = 'baseline'"),
        ({"iemf": True}, "set unimodal_heads = 'attached'"),
        ({"iemf": True, "unimodal_heads": "attached", "unimodal_weight": 0.0}, "unimodal_weight above 0"),
        ({"iemf": True, "modalities": "audio", "unimodal_heads": "attached"}, "weighs two modalities"),
        ({"unimodal_heads": "attached", "modalities": "none"}, "set unimodal_heads = 'none'"),
        ({"label_smoothing": 0.1}, "set it to 0"),
        ({"network": "avts"}, "did you mean 'avst'"),
        ({"grid_train_questions": 100}, "multiple of 64"),
    ],
)
def test_wrong_parameters_are_told(wrong, message):
    with pytest.raises(ParameterError, match=message):
        Parameters.resolve(wrong)


def test_missing_data_block(given, tmp_path):
    from mmlib.experiments import question_answering

    with pytest.raises(BlockedError, match="music_avqa"):
        question_answering.run(given("none", dataset="music_avqa", data_root=str(tmp_path)))


@pytest.mark.parametrize(
    ("values", "slug"),
    [
        ({}, "synthetic_avqa-baseline-s0"),
        ({"modalities": "none"}, "synthetic_avqa-baseline-question-s0"),
        ({"network": "avst", "pretrain_epochs": 3, "iemf": True, **HEADS}, "synthetic_avqa-avst-pretrained-iemf-s0"),
        ({"pooling": "mean", **HEADS, "seed": 2}, "synthetic_avqa-baseline-mean-attached-s2"),
    ],
)
def test_slug(values, slug):
    assert Parameters.resolve(values).slug() == slug
