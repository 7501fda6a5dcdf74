"""Two finished runs are the same, bit for bit, but for the time they took."""

from __future__ import annotations

import numpy as np


def untimed(history):
    timings = ("seconds", "samples_per_s", "valuation/seconds")
    timings = ("seconds", "samples_per_s", "valuation/seconds")
    return [{name: value for name, value in entry.items() if name not in timings} for entry in history]


def assert_same_run(one, two):
    assert one.metrics == two.metrics
    assert one.selection == two.selection
    assert untimed(one.history) == untimed(two.history)
    assert one.arrays.keys() == two.arrays.keys()
    for name, value in one.arrays.items():
        np.testing.assert_array_equal(value, two.arrays[name], err_msg=name)
    weights = [(run.folder / "model.safetensors").read_bytes() for run in (one, two)]
    assert weights[0] == weights[1]
