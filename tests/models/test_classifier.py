"""The audio-visual classifier."""

from __future__ import annotations

import pytest
import torch

from mmlib.errors import ParameterError, UsageError
from mmlib.fusion import SimAM2Options
from mmlib.models import Input, build_classifier
from mmlib.models.encoder import MapEncoder

INPUTS = {"audio": torch.randn(3, 1, 33, 32), "visual": torch.randn(3, 3, 2, 16, 16)}


def classifier_of(seed=0, **options):
    torch.manual_seed(seed)
    return build_classifier("small", num_classes=5, feature_channels=8, **options)


@pytest.mark.parametrize("fusion", ["sum", "weighted_sum", "concat", "film", "gated"])
@pytest.mark.parametrize("simam", [False, True])
def test_forward(fusion, simam):
    model = classifier_of(fusion=fusion, simam=simam)
    output = model(INPUTS)
    assert output.logits.shape == (3, 5)
    assert {name: value.shape for name, value in model.unimodal_logits(output).items()} == {
        "visual": (3, 5),
        "audio": (3, 5),
    }


def test_resnet_pair():
    model = build_classifier("resnet18", num_classes=6, fusion="concat")
    assert sum(p.numel() for p in model.parameters()) == 11_170_240 + 11_176_512 + 6_150


def test_modality_parameters_are_the_encoders_own():
    model = classifier_of()
    groups = model.modality_parameters()
    assert set(groups) == {"visual", "audio"}
    for modality, parameters in groups.items():
        assert {id(p) for p in parameters} == {id(p) for p in model.encoders[modality].parameters()}


def test_rows_of_a_table_start_from_the_same_weights():
    plain = classifier_of(fusion="sum").state_dict()
    wrapped = classifier_of(fusion="sum", simam2=SimAM2Options(zeta="learned")).state_dict()
    assert all(torch.equal(value, wrapped[name]) for name, value in plain.items())
    other = classifier_of(fusion="film").state_dict()
    assert all(torch.equal(value, other[name]) for name, value in plain.items() if name.startswith("encoders"))
    again, different = classifier_of(fusion="sum").state_dict(), classifier_of(seed=1, fusion="sum").state_dict()
    assert all(torch.equal(value, again[name]) for name, value in plain.items())
    weight = "encoders.audio.body.0.0.weight"
    assert not torch.equal(plain[weight], different[weight])


def test_frames_of_one_channel():
    model = classifier_of(inputs={"visual": Input("frames", 1), "audio": Input("spectrogram", 1)})
    assert model({**INPUTS, "visual": INPUTS["visual"][:, :1]}).logits.shape == (3, 5)


def test_simam_reaches_both_encoders():
    model = classifier_of(simam=True)
    assert sum(isinstance(m, MapEncoder) for m in model.modules()) == 2
    assert all(type(encoder.attention).__name__ == "SimAM" for encoder in model.encoders.values())


def test_start_epoch_reaches_simam2():
    model = classifier_of(fusion="sum", simam2=SimAM2Options(zeta="learned", var_max="epoch"))
    model(INPUTS)
    assert model.fusion.simam2.correlation.var_max.sum() > 0
    model.start_epoch()
    assert model.fusion.simam2.correlation.var_max.sum() == 0
    classifier_of().start_epoch()


def test_mistakes():
    with pytest.raises(ParameterError, match="encoder is 'vit'.*'resnet18'"):
        build_classifier("vit", num_classes=5)
    with pytest.raises(UsageError, match="no input for audio"):
        classifier_of()({"visual": INPUTS["visual"]})
