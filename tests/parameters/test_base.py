"""Parameters: strict types, messages that help, identity and names."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml

from mmlib.errors import ParameterError
from mmlib.experiments.classification import Parameters
from mmlib.parameters.base import ExperimentParameters, resolve_path


def message(**values) -> str:
    with pytest.raises(ParameterError) as caught:
        Parameters.resolve(values)
    assert "\n    at " not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"epoch": 3}, "there is no parameter 'epoch' (did you mean 'epochs'?)"),
        ({"quux": 3}, "the parameters are: data_root, data_store, "),
        ({"epochs": 3.0}, "epochs = 3.0: expected a whole number, got a number (write 3)"),
        ({"epochs": True}, "epochs = True: expected a whole number, got true or false"),
        ({"alpha": True}, "alpha = True: expected a number, got true or false"),
        ({"alpha": "0.8"}, "alpha = '0.8': expected a number, got a text"),
        ({"simam2": 1}, "simam2 = 1: expected true or false, got a whole number"),
        ({"data_root": None}, "data_root = null: expected a text"),
        ({"audio_snr_db": "loud"}, "audio_snr_db = 'loud': expected a number or null, got a text"),
        ({"frames": "x"}, "frames = 'x': expected a whole number or null"),
        ({"fusion": "fiml"}, "did you mean 'film'?"),
        ({"fusion": 3}, "expected one of 'concat', 'sum'"),
        ({"simam2_ddof": 2}, "simam2_ddof = 2: expected one of 0, 1"),
        ({"alpha": float("nan")}, "must be finite"),
        ({"alpha": float("inf")}, "must be finite"),
        ({"learning_rate": 0.0}, "learning_rate = 0.0: must be greater than 0"),
        ({"epochs": 0}, "epochs = 0: must be greater than or equal to 1"),
        ({"simam": True, "simam2": True}, "choose one"),
        ({"zeta": "learned"}, "needs simam2 = true"),
        ({"modulation": "decoupling_free"}, "zeta = 'learned', or fusion = 'weighted_sum'"),
        ({"modulation": "decoupling_free", "simam2": True}, "zeta = 'learned'"),
        ({"modulation_start": 5, "modulation_end": 4}, "lies before modulation_start"),
        ({"precision": "fp16", "device": "cpu"}, "needs device = 'cuda'"),
        ({"audio_snr_db": 1.0}, "grid_words only"),
        ({"split": "speaker"}, "av_digits and cremad"),
        ({"split": "group"}, "data sets of media"),
        ({"feature_channels": 12}, "multiple of 8"),
        ({"image_size": 64}, "image_size = 64 is an option of data sets of media (cremad,"),
        ({"image_size": 8, "dataset": "cremad"}, "image_size = 8: must be greater than or equal to 16"),
        ({"resize": "fast"}, "resize = 'fast' is an option of data sets of media"),
        ({"frozen_copies": 3, "dataset": "av_digits"}, "frozen_copies = 3 is an option of data sets of media"),
        ({"spectrogram": "iemf"}, "spectrogram = 'iemf' is an option of data sets of media"),
        ({"frame_pick": "middle"}, "frame_pick = 'middle' is an option of data sets of media"),
        ({"frame_pick": "middle", "frames": 3, "dataset": "cremad"}, "frames is 3: set frames = 1"),
    ],
)
def test_wrong_parameters_are_told(values, expected):
    assert expected in message(**values)


def test_yaml_reads_1e_3_as_text_and_the_message_says_so():
    values = yaml.safe_load("learning_rate: 1e-3")
    assert "in quotes it is a text: write 0.001" in message(**values)
    assert "write 0.001" in message(**values)


def test_all_wrong_parameters_are_told_at_once():
    text = message(epoch=1, alpha="x", fusion="y")
    assert len(text.splitlines()) == 4


def test_whole_numbers_do_for_numbers():
    parameters = Parameters.resolve({"alpha": 1, "audio_snr_db": -10, "dataset": "grid_words"})
    assert parameters.alpha == 1.0
    assert isinstance(parameters.alpha, float)
    assert Parameters.resolve({"alpha": 1}).identity() == Parameters.resolve({"alpha": 1.0}).identity()


def test_every_parameter_is_described():
    for name, field in Parameters.model_fields.items():
        assert field.description, name
        assert field.default is not None or "null" in field.description, name


def test_identity_leaves_out_where_it_runs():
    plain = Parameters.resolve({})
    elsewhere = Parameters.resolve(
        {"data_root": "/a", "data_store": "b", "device": "cpu", "loader_workers": 2, "output": "c"}
    )
    assert plain.identity() == elsewhere.identity()
    assert json.loads(json.dumps(plain.identity(), allow_nan=False)) == plain.identity()
    assert Parameters.resolve({"seed": 1}).identity() != plain.identity()
    assert set(plain.identity()) == set(Parameters.model_fields) - Parameters.runtime_fields - ADDED_LATER


# Parameters with a neutral value, which leaves cells made before them their ids.
ADDED_LATER = {
    "simam2_kernel",
    "step_unit",
    "most_drops",
    "decay_1d",
    "nesterov",
    "clip_norm",
    "label_smoothing",
    "select_every",
    "select_from",
    "select_ties",
    "modulated_tensors",
    "gate_modality",
    "sum_unimodal_bias",
    "simam2_fold",
    "unimodal_heads",
    "unimodal_weight",
    "lfm",
    "lfm_weight",
    "lfm_direction",
    "mslr_source",
    "mslr_split",
    "mslr_audio",
    "mslr_visual",
    "iemf",
    "iemf_scaling",
    "iemf_noise",
    "iemf_gain",
    "iemf_apply_to",
    "iemf_start",
    "iemf_end",
    "iemf_scores",
    "iemf_target",
    "neuron",
    "time_steps",
    "modalities",
    "finetune_modality",
    "finetune_epochs",
    "image_size",
    "frozen_copies",
    "drop_last",
    "resize",
    "compile_model",
    "valuation",
    "valuation_inputs",
    "resampling",
    "resampling_warmup",
    "resampling_function",
    "resampling_strength",
    "resampling_share",
    "resampling_replace",
    "resampling_count",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("step_unit", "iterations"),
        ("most_drops", 1),
        ("decay_1d", False),
        ("nesterov", True),
        ("clip_norm", 1.0),
        ("label_smoothing", 0.1),
        ("select_every", 5),
        ("select_from", 1),
        ("select_ties", "last"),
        ("drop_last", True),
    ],
)
def test_a_parameter_added_later_counts_where_it_is_used(name, value):
    plain, used = Parameters(), Parameters.resolve({name: value})
    assert name not in plain.identity()
    assert used.identity() == {**plain.identity(), name: value}
    assert Parameters.resolve({name: plain.model_dump()[name]}).identity() == plain.identity()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"nesterov": True, "optimizer": "adam"}, "set optimizer = 'sgd'"),
        ({"nesterov": True, "momentum": 0.0}, "momentum above 0"),
        ({"select_from": 8}, "select_from = 8 leaves protocol paper no epoch to choose: epochs = 8"),
        ({"clip_norm": 0.0}, "clip_norm"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
    ],
)
def test_recipes_that_cannot_run_are_refused(values, expected):
    assert expected in message(**values)


@pytest.mark.parametrize(
    ("values", "slug"),
    [
        ({}, "synthetic-sum-s0"),
        ({"fusion": "concat", "seed": 2, "modulation": "ogm_ge"}, "synthetic-concat-ogm_ge-s2"),
        (
            {"simam2": True, "zeta": "learned", "modulation": "decoupling_free"},
            "synthetic-sum-simam2-learned-decoupling_free-s0",
        ),
    ],
)
def test_slug(values, slug):
    assert Parameters.resolve(values).slug() == slug


def test_from_notebook_takes_the_parameters_and_leaves_the_rest():
    namespace = {"epochs": 3, "result": object(), "In": [], "figure": 1, "__annotations__": {"epochs": int, "_x": int}}
    assert Parameters.from_notebook(namespace) == Parameters.resolve({"epochs": 3})


def test_from_notebook_refuses_an_annotated_variable_that_is_no_parameter():
    namespace = {"epoch": 3, "__annotations__": {"epoch": int}}
    with pytest.raises(ParameterError, match="'epoch' is no parameter of classification.*'epochs'"):
        Parameters.from_notebook(namespace)


def test_paths_start_at_the_project_or_the_outputs(monkeypatch, tmp_path):
    monkeypatch.setenv("MMLIB_PROJECT", str(tmp_path / "project"))
    monkeypatch.setenv("MMLIB_OUTPUTS", str(tmp_path / "elsewhere"))
    assert resolve_path("data") == tmp_path / "project" / "data"
    assert resolve_path("outputs/data") == tmp_path / "elsewhere" / "data"
    assert resolve_path("/absolute") == resolve_path("/absolute").absolute()
    assert Parameters().output_folder().parent == tmp_path / "elsewhere" / "interactive"
    assert Parameters(output="outputs/runs/x").output_folder() == tmp_path / "elsewhere" / "runs" / "x"
    assert Parameters().located().data_store == str(tmp_path / "elsewhere" / "data")


def test_equal_data_have_equal_keys(tmp_path):
    first = Parameters.resolve({"seed": 1, "epochs": 3, "fusion": "film"})
    assert first.data_key() == Parameters().data_key()
    assert first.modules_by_name() == ("mmlib.data.synthetic",)
    changed = {"data_seed": 1, "synthetic_samples": 400, "data_root": "r", "data_store": "elsewhere"}
    keys = {Parameters.resolve({name: value}).data_key() for name, value in changed.items()}
    assert len(keys | {first.data_key()}) == 5
    assert Parameters(dataset="grid_words").data_key() not in keys


def test_missing_data_are_named(tmp_path):
    assert Parameters().missing_data() is None
    assert "cremad" in Parameters(dataset="cremad", data_root=str(tmp_path)).missing_data()
    assert "data root" in Parameters(dataset="grid_words").missing_data()


def test_prepared_data_have_a_hash_that_follows_their_options(tmp_path):
    small = {"synthetic_samples": 40, "data_store": str(tmp_path)}
    first = Parameters.resolve(small).prepare_data()
    assert first == Parameters.resolve({**small, "seed": 3}).prepare_data()
    assert first != Parameters.resolve({**small, "data_seed": 1}).prepare_data()


def test_parameters_are_cheap_to_import():
    code = (
        "import sys; from mmlib.experiments.classification import Parameters; p = Parameters(); p.identity();"
        "heavy = {'torch', 'matplotlib', 'pandas', 'scipy', 'papermill'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_base_defaults():
    class Nothing(ExperimentParameters):
        """An experiment without data."""

    assert Nothing().missing_data() is None
    assert Nothing().prepare_data() is None
    assert Nothing().slug() == "experiment"
