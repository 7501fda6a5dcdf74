"""Datasets that the tests of loading share."""

import pytest
from loading_settings import loading_parameters

from mmlib.data.loading import load_data
from mmlib.data.standins import write_standin


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def data(store):
    """Synthetic with noise on the sound: the training sound is random, everything else is not."""
    return load_data(loading_parameters(store))


@pytest.fixture(scope="session")
def standin(tmp_path_factory):
    root = tmp_path_factory.mktemp("standin")
    write_standin("cremad", root / "cremad", samples=32, side=64)
    changes = {"dataset": "cremad", "data_root": str(root), "audio_snr_db": None, "frames": 2}
    return load_data(loading_parameters(root / "store", **changes))
