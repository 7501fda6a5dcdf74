"""Parameters that the loading of incremental data sets reads."""

from __future__ import annotations

from types import SimpleNamespace

import pytest


@pytest.fixture
def settings(tmp_path):
    """Makes parameters for `load_data` of a data set that needs no options."""

    def make(**values):
        defaults = {
            "data_root": "",
            "data_store": str(tmp_path / "store"),
            "data_seed": 0,
            "split": "official",
            "feature_storage": "float16",
        }
        return SimpleNamespace(**(defaults | values))

    return make
