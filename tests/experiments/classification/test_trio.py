"""Classification by three modalities (a vector, a sequence, tokens), from parameters to files."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from equal_runs import assert_same_run

from mmlib.data.loading import load_data
from mmlib.errors import ParameterError
from mmlib.experiments import classification
from mmlib.experiments.classification import Parameters, figures
from mmlib.experiments.classification.experiment import vocabularies_of
from mmlib.experiments.classification.model import build_model

TRIO = ("vector", "sequence", "tokens")
SMALL = {
    "dataset": "synthetic_trio",
    "synthetic_samples": 200,
    "epochs": 2,
    "feature_channels": 8,
    "modulated_tensors": "matrices",
    "learning_rate": 0.05,
}
# What joins three modalities, and what holds them in balance.
CASES = {
    "concat": {"fusion": "concat"},
    "sum": {"fusion": "sum"},
    "weighted_sum": {"fusion": "weighted_sum"},
    "gated": {"fusion": "gated"},
    "ogm_ge": {"fusion": "concat", "modulation": "ogm_ge"},
    "heads": {"fusion": "sum", "modulation": "ogm", "unimodal_heads": "attached"},
    "simam2": {"fusion": "sum", "simam2": True, "simam2_fold": True, "zeta": "learned"},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return str(tmp_path_factory.mktemp("data"))


@pytest.fixture
def run(tmp_path, store):
    def start(name="run", **changes):
        return classification.run(
            Parameters.resolve({**SMALL, "data_store": store, "output": str(tmp_path / name), **changes})
        )

    return start


@pytest.mark.parametrize("case", CASES)
def test_trains_and_leaves_a_record_of_its_own_modalities(run, case):
    finished = run(**CASES[case])
    alone = {f"top1_{modality}" for modality in TRIO}
    heads = {f"top1_head_{modality}" for modality in TRIO} if "unimodal_heads" in CASES[case] else set()
    names = {"top1", "map", "macro_f1", "loss"} | alone | heads
    assert set(finished.metrics) == {f"{protocol}/{name}" for protocol in ("paper", "clean", "last") for name in names}
    assert all(value is not None and np.isfinite(value) for value in finished.metrics.values())
    for modality in TRIO:
        ratio = finished.arrays[f"rho_{modality}"]
        assert np.isfinite(ratio).all(), modality
        assert f"test_{modality}_informative" in finished.arrays
    held_back = any((finished.arrays[f"k_{modality}"] < 1).any() for modality in TRIO)
    assert held_back == ("modulation" in CASES[case])
    assert not {"rho_decoupled", "rho_zeta", "zeta_mean"} & set(finished.arrays)


def test_the_notebooks_figures_draw_three_modalities(run, store, tmp_path):
    finished = run(**CASES["ogm_ge"])
    test = load_data(Parameters.resolve({**SMALL, "data_store": store}))["test"]
    samples = figures.samples_figure(test, 3)
    first = [row.get_ylabel().partition("\n")[0] for row in samples.axes]
    assert sorted(first) == sorted(TRIO)
    assert all(axis.has_data() for axis in samples.axes)
    assert figures.sounds(test) == []
    left, right = figures.modulation_figure(finished).axes
    for axis in (left, right):
        assert [text.get_text() for text in axis.get_legend().get_texts()] == first
    drawn = (samples, figures.training_figure(finished), figures.zeta_figure(finished), left.figure)
    for number, figure in enumerate(drawn):
        figure.savefig(tmp_path / f"{number}.png")


def test_three_modalities_tell_more_than_one(run):
    finished = run(synthetic_samples=800, epochs=6, fusion="concat", feature_channels=16)
    found = finished.metrics
    assert found["clean/top1"] > 0.6
    assert found["clean/top1"] > max(found[f"clean/top1_{modality}"] for modality in TRIO)


def test_two_runs_are_identical_bit_for_bit(run):
    changes = {"fusion": "gated", "modulation": "ogm_ge"}
    assert_same_run(run("one", **changes), run("two", **changes))


def test_what_two_modalities_define_is_refused_for_three(run):
    with pytest.raises(ParameterError, match="two modalities"):
        run(fusion="weighted_sum", modulation="decoupling_free")
    with pytest.raises(ParameterError, match="defined for two modalities"):
        run(fusion="film")
    with pytest.raises(ParameterError, match="correlation of two modalities; synthetic_trio has"):
        run(force="paired")
    with pytest.raises(ParameterError, match="correlation of two modalities"):
        run(measure_hgr=True)


def test_no_gradient_reaches_the_encoder_of_a_dropped_modality(store):
    parameters = Parameters.resolve({**SMALL, "data_store": store, "fusion": "concat"})
    train = load_data(parameters)["train"]
    model = build_model(parameters, train.input_shapes, len(train.classes), vocabularies_of(train))
    batch = train[np.arange(8)]
    output = model(batch.inputs, keep={"tokens": torch.zeros(8, dtype=torch.bool)})
    output.logits.sum().backward()
    gradients = {name: [p.grad for p in parameters] for name, parameters in model.modality_parameters().items()}
    assert all(gradient is None or not gradient.any() for gradient in gradients["tokens"])
    assert all(gradient.any() for gradient in gradients["vector"])
