"""One modality alone, from scratch and as a second stage that starts from the joint model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from equal_runs import assert_same_run
from safetensors.torch import load_file

from mmlib.data.loading import load_data
from mmlib.errors import ParameterError
from mmlib.experiments import classification
from mmlib.experiments.classification import Parameters, experiment, figures, unimodal
from mmlib.experiments.classification.model import build_model
from mmlib.experiments.explorer.runs import finished_runs
from mmlib.training.loop import Trainer
from mmlib.training.run import StageRunner

SMALL = {"synthetic_samples": 100, "epochs": 2, "feature_channels": 8, "batch_size": 16}
FINETUNE = {"finetune_modality": "audio", "finetune_epochs": 2}
HEADS = {"unimodal_heads": "attached"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return str(tmp_path_factory.mktemp("data"))


@pytest.fixture
def run(tmp_path, store):
    def start(name="run", **changes):
        given = {**SMALL, "data_store": store, "output": str(tmp_path / "runs" / name), **changes}
        return classification.run(Parameters.resolve(given))

    return start


@pytest.fixture
def stages(monkeypatch):
    """Tensors of each stage's model when it is built and when it is done, by the stage's name."""
    seen = {"built": {}, "done": {}}

    def kept(trainer):
        return {name: value.clone() for name, value in trainer.model.state_dict().items()}

    fit = Trainer.fit

    def watched(self, first=0):
        seen["built"][self.name] = kept(self)
        fit(self, first)
        seen["done"][self.name] = kept(self)

    monkeypatch.setattr(Trainer, "fit", watched)
    return seen


@pytest.mark.parametrize("modality", ["audio", "visual"])
def test_the_second_stage_starts_exactly_where_the_joint_model_ended(run, stages, modality):
    run(**HEADS, finetune_modality=modality, finetune_epochs=1, modulation="ogm_ge", fusion="film")
    joint, alone = stages["done"]["train"], stages["built"]["finetune"]
    encoder = f"encoders.{modality}."
    own = {name for name in joint if name.startswith(encoder)}
    assert set(alone) == own | {"fusion.classifier.weight", "fusion.classifier.bias"}
    assert any("running_var" in name for name in own), "statistics of the norms belong to the encoder"
    for name in own:
        assert torch.equal(alone[name], joint[name]), name
    for kind in ("weight", "bias"):
        assert torch.equal(alone[f"fusion.classifier.{kind}"], joint[f"unimodal_heads.heads.{modality}.{kind}"])
    after = stages["done"]["finetune"]
    weights = [name for name in alone if name.endswith(("weight", "bias"))]
    assert all(not torch.equal(after[name], alone[name]) for name in weights), "everything of it is trained"


def test_without_unimodal_heads_the_head_starts_anew_and_the_record_says_so(run, stages):
    finished = run(**FINETUNE)
    joint, alone = stages["done"]["train"], stages["built"]["finetune"]
    assert all(torch.equal(alone[name], joint[name]) for name in alone if name.startswith("encoders."))
    assert not alone["fusion.classifier.bias"].any(), "as initialised"
    note = "stage finetune: audio alone, its encoder from the joint model after the last epoch, with "
    (said,) = [text for text in finished.notes if "finetune" in text]
    assert said == note + "a head that starts anew: the joint model has no unimodal heads"
    assert note + "its own head" in run("heads", **FINETUNE, **HEADS).notes


def test_both_stages_are_in_history_and_record_and_the_second_is_what_counts(run):
    finished = run(**{**FINETUNE, **HEADS, "finetune_epochs": 3}, modulation="ogm_ge")
    assert [(stage.name, stage.first_epoch, stage.epochs) for stage in finished.stages] == [
        ("train", 0, 2),
        ("finetune", 2, 3),
    ]
    assert [entry["stage"] for entry in finished.history] == ["train"] * 2 + ["finetune"] * 3
    assert [entry["epoch"] for entry in finished.history] == list(range(5))
    assert all(0 <= entry["test/top1"] <= 1 for entry in finished.history)
    assert finished.metrics["last/top1"] == finished.history[-1]["test/top1"]
    assert finished.metrics["last/top1"] == finished.metrics["last/top1_audio"]
    assert "last/top1_visual" not in finished.metrics
    assert finished.stages[0].metrics["last/top1"] == finished.history[1]["test/top1"]
    assert "last/top1_visual" in finished.stages[0].metrics
    assert finished.selection["clean"].epoch >= 2
    last = finished.arrays["epoch"] >= 2
    assert (finished.arrays["k_audio"][last] == 1).all(), "nothing is modulated"
    assert np.isnan(finished.arrays["rho_decoupled"][last]).all()
    assert np.isfinite(finished.arrays["rho_decoupled"][~last]).all()


def test_iemf_and_lfm_are_off_in_the_second_stage(run):
    method = {"iemf": True, "lfm": "logits", "modulation": "mslr"}
    finished = run(**FINETUNE, **HEADS, **method)
    first, second = finished.history[1], finished.history[-1]
    for name in ("iemf_ratio", "loss_alignment", "k_fusion", "loss_unimodal_audio"):
        assert np.isfinite(first[name]), name
        assert name not in second, name
    assert "top1_head_audio" in {name.split("/")[1] for name in finished.stages[0].metrics}
    assert "last/top1_head_audio" not in finished.metrics
    assert "last/top1_audio" in run("alone", modalities="audio", **HEADS, **method).metrics


def test_the_first_stage_is_the_run_without_a_second(run):
    plain, both = run("plain", **HEADS), run("both", **FINETUNE, **HEADS)
    assert both.stages[0].metrics == plain.metrics
    assert both.history[1]["train/loss"] == plain.history[1]["train/loss"]


def test_the_second_stage_goes_by_the_same_recipe_from_its_beginning(run):
    finished = run(epochs=3, **{**FINETUNE, "finetune_epochs": 3}, step_size=2, gamma=0.1)
    assert [entry["lr"] for entry in finished.history] == pytest.approx([0.1, 0.1, 0.01] * 2)


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_run_killed_in_either_stage_ends_as_if_it_had_never_stopped(run, monkeypatch, stop):
    changes = {**FINETUNE, **HEADS, "modulation": "ogm_ge"}
    expected = run("whole", **changes)
    real = Trainer._train_epoch

    def stopping(self, epoch, learning_rate):
        if self.first_epoch + epoch == stop:
            raise KeyboardInterrupt
        return real(self, epoch, learning_rate)

    monkeypatch.setattr(Trainer, "_train_epoch", stopping)
    with pytest.raises(KeyboardInterrupt):
        run("stopped", **changes)
    monkeypatch.undo()
    resumed = run("stopped", **changes)
    assert f"resumed at epoch {stop}" in resumed.notes
    assert_same_run(expected, resumed)


def test_a_run_killed_before_the_second_stage_repeats_the_handing_over(run, monkeypatch):
    expected = run("whole", **FINETUNE)
    real = StageRunner._one_stage

    def stopping(self, number, state):
        if number == 1:
            raise KeyboardInterrupt
        real(self, number, state)

    monkeypatch.setattr(StageRunner, "_one_stage", stopping)
    with pytest.raises(KeyboardInterrupt):
        run("stopped", **FINETUNE)
    monkeypatch.undo()
    assert_same_run(expected, run("stopped", **FINETUNE))


@pytest.mark.parametrize("modality", ["audio", "visual"])
def test_one_modality_from_scratch_is_an_encoder_and_a_linear_head(run, store, modality):
    finished = run(modalities=modality, simam2=True, zeta="learned", modulation="decoupling_free", **HEADS)
    weights = load_file(finished.folder / "model.safetensors")
    assert {name.split(".")[0] for name in weights} == {"encoders", "fusion"}
    assert {name.split(".")[1] for name in weights if name.startswith("encoders")} == {modality}
    assert {name for name in weights if name.startswith("fusion")} == {
        "fusion.classifier.weight",
        "fusion.classifier.bias",
    }
    assert finished.metrics["clean/top1"] == finished.metrics[f"clean/top1_{modality}"]
    assert [stage.name for stage in finished.stages] == ["train"]
    assert all(np.isfinite(entry["train/loss"]) for entry in finished.history)


def test_saved_weights_are_read_back_by_what_was_trained_last(run):
    for changes in ({"modalities": "audio"}, FINETUNE):
        finished = run("-".join(changes), **changes)
        trained = unimodal.as_trained(Parameters.resolve(finished.parameters))
        data = load_data(trained)
        assert list(data["test"].views) == ["audio"]
        model = build_model(trained, data["test"].input_shapes, 4)
        model.load_state_dict(load_file(finished.folder / "model.safetensors"))
        with torch.inference_mode():
            logits = model.eval()(data["test"][np.arange(25)].inputs).logits.numpy()
        np.testing.assert_allclose(logits, finished.arrays["clean_logits"], atol=1e-5)
    joint = Parameters()
    assert unimodal.as_trained(joint) == joint


def test_one_of_three_modalities_and_its_second_stage(run):
    trio = {"dataset": "synthetic_trio", "synthetic_samples": 200, "learning_rate": 0.05, "fusion": "concat"}
    finished = run(**trio, finetune_modality="tokens", finetune_epochs=1)
    assert "last/top1_tokens" in finished.metrics
    assert "last/top1_sequence" in run("tokens", **trio, modalities="sequence").metrics


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"modalities": "smell"}, "modalities = 'smell': synthetic has audio, visual. Choose one of them, or 'all'"),
        ({**FINETUNE, "finetune_modality": "smell"}, "finetune_modality = 'smell': synthetic has audio, visual"),
        ({"finetune_modality": "audio"}, "a second stage needs both"),
        ({"finetune_epochs": 2}, "a second stage needs both"),
        ({**FINETUNE, "modalities": "audio"}, "set modalities = 'all'"),
        ({**FINETUNE, "epochs": 5, "select_from": 3}, "no epoch of the second stage to choose: finetune_epochs = 2"),
        ({**FINETUNE, "measure_hgr": True}, "where this run has one"),
        ({"modalities": "audio", "force": "paired"}, "where this run has one"),
    ],
)
def test_what_cannot_run_is_said_before_training(run, monkeypatch, changes, expected):
    monkeypatch.setattr(Trainer, "_train_epoch", lambda *_: pytest.fail("it began to train"))
    with pytest.raises(ParameterError, match=expected.replace("(", r"\(")):
        run(**changes)


def test_names_of_runs_say_what_is_trained():
    assert Parameters(modalities="audio").slug() == "synthetic-audio_alone-s0"
    assert Parameters.resolve(FINETUNE).slug() == "synthetic-sum-finetune_audio-s0"


def test_figures_and_explorer_know_runs_of_one_modality(run, tmp_path):
    alone, tuned, joint = run("alone", modalities="audio"), run("tuned", **FINETUNE), run("joint")
    for finished in (alone, tuned):
        drawn = [figures.training_figure(finished), figures.modulation_figure(finished), figures.zeta_figure(finished)]
        shown = Parameters.resolve(finished.parameters)
        drawn.append(figures.samples_figure(load_data(shown)["test"]))
        for number, figure in enumerate(drawn):
            figure.savefig(tmp_path / f"{number}.png")
    for finished, borders in ((alone, []), (tuned, [2.5])):
        (axis, _) = figures.training_figure(finished).axes
        assert [line.get_xdata()[0] for line in axis.get_lines() if line.get_linestyle() == ":"] == borders
    assert [choice.folder for choice in finished_runs(tmp_path)] == [joint.folder]


def test_a_joint_model_of_the_experiment_is_what_hands_over():
    """`part_of` takes one modality's part and nothing else, whatever the fusion has of the same modality's name."""
    parameters = Parameters.resolve({"fusion": "sum", "feature_channels": 8, **HEADS})
    model = build_model(parameters, {"visual": (3, 2, 16, 16), "audio": (1, 32, 32)}, 4)
    taken = unimodal.part_of(model, "visual")
    assert {name.split(".")[1] for name in taken if name.startswith("encoders")} == {"visual"}
    assert taken["fusion.classifier.weight"].shape == (4, 8)
    with torch.no_grad():
        model.unimodal_heads.heads["visual"].weight.zero_()
    assert taken["fusion.classifier.weight"].any(), "a copy: later changes do not reach it"
    assert experiment.ClassificationExperiment().stages(parameters) == {"train": 8}
