"""From settings to objects: SimAM²'s options and the settings that hold them agree."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args, get_type_hints

import pytest

from mmlib.experiments import classification, event_localization, face_voice
from mmlib.experiments.building import simam2_options, simam2_setting
from mmlib.experiments.settings import FusionSettings, SimAM2Settings
from mmlib.fusion import SimAM2Options

OPTIONS = {option.name: option.default for option in fields(SimAM2Options)}
# Read by no experiment: a borrower's options.
UNSET = {"zeta_map", "zeta_hidden", "zeta_tanh", "scale"}


DEFAULT_HERE = {"kernel": "plain"}
"""What experiments choose otherwise than the module: the arithmetic that the committed records were made with."""


def test_every_setting_of_simam2_holds_an_option_and_every_option_has_a_setting():
    held = {simam2_setting(option, classification.Parameters) for option in OPTIONS} - {None}
    named = {name for name in classification.Parameters.model_fields if name.startswith("simam2_")}
    own = set(FusionSettings.model_fields) - set(SimAM2Settings.model_fields)
    assert held == named | own
    assert {option for option in OPTIONS if simam2_setting(option, classification.Parameters) is None} == UNSET


@pytest.mark.parametrize("task", [classification, event_localization, face_voice], ids=lambda task: task.__name__)
def test_choices_and_defaults_agree(task):
    settings = task.Parameters
    kinds = get_type_hints(SimAM2Options)
    compared = {option: name for option in OPTIONS if (name := simam2_setting(option, settings))}
    assert len(compared) > 8
    for option, name in compared.items():
        field = settings.model_fields[name]
        assert field.default == DEFAULT_HERE.get(option, OPTIONS[option]), option
        assert set(get_args(field.annotation)) == set(get_args(kinds[option])), option  # none for plain types


def test_values_reach_the_options():
    given = {"simam2": True, "zeta": "learned", "zeta_norm": "layer", "simam2_lambda": 0.5, "simam2_gate": "neg"}
    options = simam2_options(classification.Parameters.resolve(given))
    expected = {"zeta": "learned", "zeta_norm": "layer", "lambda_u": 0.5, "gate": "neg"}
    assert options == SimAM2Options(**expected, **DEFAULT_HERE)
    options = simam2_options(face_voice.Parameters.resolve({"simam2": True, "simam2_s": 3.0, "simam2_kernel": "fused"}))
    assert options == SimAM2Options(s=3.0)
    assert simam2_options(classification.Parameters()) is None
