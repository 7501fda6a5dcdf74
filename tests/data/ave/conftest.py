"""Small folders of published AVE files, generated once; and the real lists where they are at hand."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import h5py
import pytest

from mmlib.data.ave.synthetic import write_files

TINY = {"clips": 40, "audio_features": 8, "visual_features": 16}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """40 generated clips as published files; to be read only."""
    return write_files(tmp_path_factory.mktemp("ave") / "root" / "ave", TINY)


@pytest.fixture
def copy(tiny, tmp_path):
    """A copy of the tiny folder to damage."""
    return shutil.copytree(tiny, tmp_path / "root" / "ave")


@pytest.fixture(scope="session")
def lists(data_root):
    """The published annotations, orders and label files of AVE."""
    folder = data_root / "lists" / "ave"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder


@pytest.fixture
def settings(tmp_path):
    """Makes the parameters that `load_segments` reads."""

    def make(**values):
        defaults = {
            "dataset": "ave",
            "data_root": "",
            "data_store": str(tmp_path / "store"),
            "data_seed": 0,
            "feature_storage": "float16",
            "supervision": "full",
            "clip_target": "mil",
            "background_clips": True,
        }
        return SimpleNamespace(**(defaults | values))

    return make


@pytest.fixture
def rewrite():
    """Replaces the dataset of an h5 file: `rewrite(path, values, key)`; `values` may be a function of the old ones."""

    def replace(path, values, key="avadataset"):
        with h5py.File(path, "r") as file:
            old = next(iter(file.values()))[...]
        with h5py.File(path, "w") as file:
            file[key] = values(old) if callable(values) else values

    return replace
