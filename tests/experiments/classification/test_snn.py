"""Our SNN from parameters to files: it learns, every layer fires, and the record says what it cost."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from equal_runs import assert_same_run
from torch import nn

from mmlib.errors import ParameterError
from mmlib.experiments import classification
from mmlib.experiments.classification import Parameters, figures
from mmlib.experiments.classification import model as building
from mmlib.figures import caption_of
from mmlib.metrics.family import metric

SNN = {"neuron": "lif"}
SMALL = {"synthetic_samples": 100, "epochs": 2, "feature_channels": 8, "batch_size": 16, **SNN}
LOW, HIGH = 0.01, 0.60  # a layer outside of this says next to nothing


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return str(tmp_path_factory.mktemp("data"))


@pytest.fixture
def run(tmp_path, store):
    def start(name="run", values=SMALL, **changes):
        given = {**values, "data_store": store, "output": str(tmp_path / name), **changes}
        return classification.run(Parameters.resolve(given))

    return start


def layer_rates(finished, protocol="last"):
    """{"audio body.0.2": rate} of all layers of neurons."""
    return {
        f"{modality} {name}": float(rate)
        for modality in ("visual", "audio")
        for name, rate in zip(
            finished.arrays[f"neurons_{modality}"], finished.arrays[f"{protocol}_firing_rate_{modality}"], strict=True
        )
    }


def dead_layers(finished):
    """Layers that are silent or always on."""
    return {name: rate for name, rate in layer_rates(finished).items() if not LOW < rate < HIGH}


def majority(targets):
    return np.bincount(targets).max() / len(targets)


def test_learns_with_every_layer_alive(run):
    """The embedded profile's data; three of its eight epochs are enough."""
    finished = run(values=SNN, epochs=3, step_size=2, modulation_end=1)
    assert not dead_layers(finished), layer_rates(finished)
    assert len(layer_rates(finished)) == 6
    assert finished.metrics["last/top1"] > majority(finished.arrays["test_targets"]) + 0.20


def test_learns_spoken_digits_and_their_images(run, data_root):
    """Real data, speakers held out: the profile's first four epochs."""
    digits = {"dataset": "av_digits", "data_root": str(data_root), "split": "speaker", "batch_size": 64}
    finished = run(values={**SNN, **digits}, epochs=4, step_size=3)
    assert not dead_layers(finished), layer_rates(finished)
    assert finished.metrics["last/top1"] > majority(finished.arrays["test_targets"]) + 0.20


@pytest.mark.parametrize(("bias", "rate"), [(-20.0, 0.0), (20.0, 1.0)])
def test_a_dead_layer_would_be_noticed(run, monkeypatch, bias, rate):
    """One layer's currents are shifted far below or above the threshold, where no gradient brings them back."""
    build = building.build_classifier

    def dying(*given, **options):
        model = build(*given, **options)
        nn.init.constant_(model.encoders["audio"].body[1][1].bias, bias)
        return model

    monkeypatch.setattr(building, "build_classifier", dying)
    finished = run(epochs=1)
    assert dead_layers(finished)["audio body.1.2"] == pytest.approx(rate, abs=1e-3)


def test_the_record_says_what_it_did_and_cost(run):
    finished = run()
    arrays = finished.arrays
    for protocol in ("paper", "clean", "last"):
        found = {name.partition("/")[2]: value for name, value in finished.metrics.items() if name.startswith(protocol)}
        for modality in ("audio", "visual"):
            assert 0 < found[f"firing_rate_{modality}"] < 1
            assert len(arrays[f"{protocol}_firing_rate_{modality}"]) == len(arrays[f"neurons_{modality}"]) == 3
            assert len(arrays[f"{protocol}_operations_{modality}"]) == len(arrays[f"convolutions_{modality}"]) == 3
        both = [(arrays[f"{protocol}_operations_{m}"], arrays[f"{protocol}_macs_{m}"]) for m in ("audio", "visual")]
        assert found["synaptic_operations"] == pytest.approx(sum(spiking[1:].sum() for spiking, _ in both))
        assert found["input_macs"] == sum(spiking[0] for spiking, _ in both) == sum(macs[0] for _, macs in both)
        assert found["macs"] == sum(macs.sum() for _, macs in both)
        assert 0 < found["synaptic_operations"] < 4 * found["macs"]
    last = finished.history[-1]
    assert last["test/firing_rate_audio"] == finished.metrics["last/firing_rate_audio"]
    assert last["test/synaptic_operations"] == finished.metrics["last/synaptic_operations"]
    for name, value in finished.metrics.items():
        assert metric(name).known, name
        assert metric(name).check(value, name) == value
    assert {"firing_rate_audio", "synaptic_operations", "macs"} <= set(finished.table().columns)
    assert "-snn-" in Parameters.resolve(finished.parameters).slug()


def test_an_ann_says_nothing_of_spikes(run):
    finished = run(neuron="relu", time_steps=2)
    assert not any("rate" in name or "macs" in name for name in [*finished.metrics, *finished.history[-1]])
    assert not any(name.startswith("neurons_") for name in finished.arrays)
    assert figures.spiking_figures(finished) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"modulation": "ogm_ge"},
        {"precision": "bf16"},
        {"channels_last": True},
        {"time_steps": 1},
        {"fusion": "concat", "unimodal_heads": "attached"},
        {"encoder": "preact_resnet18", "time_steps": 2, "synthetic_samples": 20},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_options_run(run, changes):
    finished = run(epochs=1, **changes)
    assert np.isfinite(finished.history[-1]["train/loss"])
    assert 0 <= finished.metrics["last/firing_rate_visual"] < 1  # one step from the start a layer may be silent


def test_channels_last_learns_the_same(run):
    """Up to rounding: one step from the same weights."""
    plain, other = run("plain", epochs=1), run("other", epochs=1, channels_last=True)
    assert other.arrays["loss"][0] == pytest.approx(plain.arrays["loss"][0], rel=1e-4)


def test_two_runs_are_identical_bit_for_bit(run):
    assert_same_run(run("one", modulation="ogm_ge"), run("two", modulation="ogm_ge"))


def test_ogm_changes_its_convolutions(run):
    """With a strong α the gradient of the leading modality all but vanishes, so another network is learned."""
    plain, held = run("plain"), run("held", modulation="ogm", alpha=5.0)
    assert min(held.arrays["k_visual"].min(), held.arrays["k_audio"].min()) < 0.01
    assert plain.arrays["loss"][0] == held.arrays["loss"][0]
    assert plain.arrays["loss"][-1] != held.arrays["loss"][-1]


def test_what_has_no_spiking_form_is_told():
    with pytest.raises(ParameterError, match="'small' or 'preact_resnet18'; resnet18 never spikes"):
        Parameters.resolve({**SNN, "encoder": "resnet18"})


def test_modalities_without_a_spiking_encoder_are_told(run):
    with pytest.raises(ParameterError, match="encoder of a sequence has no spiking form"):
        run(dataset="synthetic_trio", modulated_tensors="matrices", fusion="sum")


def test_the_figure_shows_rates_and_operations(run, tmp_path):
    finished = run()
    (figure,) = figures.spiking_figures(finished)
    left, right = figure.axes
    drawn = {line.get_label(): line.get_ydata() for line in left.lines}
    for modality in ("audio", "visual"):
        np.testing.assert_allclose(drawn[modality], 100 * finished.arrays[f"clean_firing_rate_{modality}"])
    heights = [bar.get_height() for bar in right.patches]
    assert sum(heights[:2]) == pytest.approx(1e-6 * finished.metrics["clean/macs"])
    assert sum(heights[4:]) == pytest.approx(1e-6 * finished.metrics["clean/synaptic_operations"])
    assert "generated" in caption_of(figure)
    figure.savefig(tmp_path / "figure.png")


def test_spikes_carry_gradients_to_the_first_convolution(run, store):
    parameters = Parameters.resolve({**SMALL, "data_store": store})
    torch.manual_seed(0)
    shapes = {"visual": (3, 2, 16, 16), "audio": (1, 33, 32)}
    model = building.build_model(parameters, shapes, 4)
    output = model({name: torch.randn(4, *shape) for name, shape in shapes.items()})
    nn.functional.cross_entropy(output.logits, torch.arange(4)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    assert model.encoders["audio"].body[0][0].weight.grad.abs().max() > 0
