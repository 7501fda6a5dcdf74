"""One function narrows floats: rounding as NumPy does, and nothing becomes infinite without a word."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import mmlib.data
from mmlib.data.ranges import narrowed
from mmlib.errors import DataError


def test_values_in_range_are_rounded_as_numpy_does():
    values = np.random.default_rng(0).normal(size=(3, 4)) * 1e4
    for dtype in (np.float16, "float32", np.float64):
        found = narrowed(values, dtype, "x")
        assert found.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(found, values.astype(dtype))
    assert narrowed([1e-30, -0.0], np.float16, "x").tolist() == [0.0, 0.0]
    assert narrowed(np.zeros((0, 3)), np.float16, "x").shape == (0, 3)
    assert narrowed([65504.0, -65504.0], np.float16, "x").tolist() == [65504.0, -65504.0]


@pytest.mark.parametrize(
    ("values", "dtype", "message"),
    [
        ([1e38, 1.0, -1e5], np.float16, "a.h5 holds 2 values beyond 65504 among 3 .*float16 can store. Convert with"),
        ([65505.0], np.float16, "1 values beyond 65504"),
        ([1e300, 0.0], np.float32, r"1 values beyond 3.40282e\+38 among 2 .*store. Do this."),
        ([np.nan, 0.0], np.float16, "1 values beyond"),
        ([np.inf, -np.inf, np.nan], np.float32, "3 values beyond"),
    ],
)
def test_what_a_type_cannot_hold_is_counted_and_refused(values, dtype, message):
    with pytest.raises(DataError, match=message):
        narrowed(np.array(values), dtype, "a.h5", "Do this." if dtype is np.float32 else "")


def test_nothing_else_in_the_data_package_names_half_precision():
    """Whoever writes `astype(np.float16)` is to use `narrowed`."""
    folder = Path(mmlib.data.__file__).parent
    paths = (path for path in folder.rglob("*.py") if path.name != "ranges.py")
    found = {
        path.relative_to(folder).as_posix() for path in paths if re.search(r"\.float16|\.half\(", path.read_text())
    }
    assert found == {"features/checks.py", "rgb_flow.py"}, "an advice, and an argument of `narrowed`"
