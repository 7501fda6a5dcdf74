"""Settings that experiments share: data sets and their options."""

from __future__ import annotations

from typing import get_args

import pytest

from mmlib.data.registry import find_dataset
from mmlib.experiments import classification, continual, event_localization, face_voice, sentiment

TASKS = [classification, continual, event_localization, face_voice, sentiment]
OFFERED = [
    (task, name) for task in TASKS for name in get_args(task.Parameters.model_fields["dataset"].annotation) if name
]


@pytest.mark.parametrize(("task", "dataset"), OFFERED, ids=[f"{task.__name__}-{name}" for task, name in OFFERED])
def test_every_option_of_a_data_set_is_a_parameter_of_the_same_type(task, dataset):
    """Else the first cell on that data set, or the first table that misses it, ends in a traceback."""
    info = find_dataset(dataset)
    fields = task.Parameters.model_fields
    assert {info.parameter(option) for option in info.options} <= set(fields)
    assert all(type(fields[info.parameter(option)].default) is type(value) for option, value in info.options.items())
