"""Training that starts from another run's attention and LSTMs."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from mmlib.errors import ParameterError, UsageError
from mmlib.experiments.event_localization import Parameters
from mmlib.experiments.event_localization.experiment import WARM_START
from mmlib.experiments.event_localization.model import ENCODERS
from mmlib.experiments.warm_start import warm_start
from mmlib.models.avga import AVGA


@pytest.fixture(scope="module")
def trained(start):
    return start("trained")


def take_over(model, folder):
    return warm_start(model, folder, ENCODERS, **WARM_START)


def small(**changes):
    return AVGA(6, 8, 9, 29, **{"hidden": 6, "head": 8, "attention": 8, "fusion": "dmrn"} | changes)


def test_encoders_are_the_other_runs_and_the_rest_is_not(trained):
    torch.manual_seed(0)
    model = small()
    fresh = {name: value.clone() for name, value in model.state_dict().items()}
    note = take_over(model, trained.folder)
    saved = load_file(trained.folder / "model.safetensors")
    for name, value in model.state_dict().items():
        encoder = name.startswith(ENCODERS)
        assert torch.equal(value, saved[name] if encoder else fresh[name]), name
    assert sum(name.startswith(ENCODERS) for name in fresh) >= 16
    assert str(trained.folder) in note


def test_a_run_starts_from_it_and_says_so(start, trained):
    finished = start("warm", fusion="dmrn", init=str(trained.folder), learning_rate=1e-9, epochs=1)
    assert any("started from" in note for note in finished.notes)
    before, after = (load_file(run.folder / "model.safetensors") for run in (trained, finished))
    torch.testing.assert_close(after["audio_lstm.weight_hh_l0"], before["audio_lstm.weight_hh_l0"], rtol=0, atol=1e-6)


def test_a_first_stage_of_the_same_run_hands_its_encoders_over(start):
    finished = start("pretrained", fusion="dmrn", pretrain_epochs=2, epochs=1, learning_rate=1e-9)
    assert [(stage.name, stage.epochs) for stage in finished.stages] == [("pretrain", 2), ("train", 1)]
    assert [(line["stage"], line["epoch"]) for line in finished.history] == [
        ("pretrain", 0),
        ("pretrain", 1),
        ("train", 2),
    ]
    assert "attention and LSTMs started from stage pretrain" in finished.notes
    alone = start("alone", epochs=2, learning_rate=1e-9)  # the first stage is a run of the plain network
    assert finished.stages[0].metrics == {name: alone.metrics[name] for name in finished.stages[0].metrics}
    before, after = (load_file(run.folder / "model.safetensors") for run in (alone, finished))
    torch.testing.assert_close(after["audio_lstm.weight_hh_l0"], before["audio_lstm.weight_hh_l0"], rtol=0, atol=1e-6)


def test_where_training_starts_is_said_once():
    with pytest.raises(ParameterError, match="init and pretrain_epochs"):
        Parameters.resolve({"init": "somewhere", "pretrain_epochs": 2})


def test_what_does_not_fit_is_said(trained, tmp_path):
    with pytest.raises(UsageError, match="there is no .*nowhere"):
        take_over(small(), tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"has the shape .* this network needs .*Give a run with the same data"):
        take_over(small(hidden=7), trained.folder)
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x04cos\nsystem\n.")
    with pytest.raises(UsageError, match="cannot be read"):
        take_over(small(), tmp_path)


def test_weights_that_were_changed_are_not_taken(trained, tmp_path):
    whole = (trained.folder / "model.safetensors").read_bytes()
    (tmp_path / "result.json").write_bytes((trained.folder / "result.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(whole)
    take_over(small(), tmp_path)
    (tmp_path / "model.safetensors").write_bytes(whole[:-5] + bytes([whole[-5] ^ 64]) + whole[-4:])
    load_file(tmp_path / "model.safetensors")  # which sees nothing
    with pytest.raises(UsageError, match="model.safetensors was changed after the run .*Run that cell again"):
        take_over(small(), tmp_path)
