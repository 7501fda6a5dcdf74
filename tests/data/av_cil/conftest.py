"""Small folders of published AV-CIL files, and parameters that their loading reads."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest

from mmlib.data.av_cil import ave, vggsound100
from mmlib.data.av_cil.standin import write_files


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


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Published files of AVE, a fiftieth of its clips, narrow; to be read only."""
    root = tmp_path_factory.mktemp("av_cil") / "root"
    write_files(root / "av_cil" / "AVE", ave.PUBLISHED, share=0.02, channels=6, positions=2)
    return root


@pytest.fixture(scope="session")
def tiny_vggsound(tmp_path_factory):
    """Published files of VGGSound100 with a clip of every class in each split."""
    root = tmp_path_factory.mktemp("av_cil_vgg") / "root"
    write_files(root / "av_cil" / "VGGSound_100", vggsound100.PUBLISHED, channels=4, positions=1)
    return root


@pytest.fixture
def copy(tiny, tmp_path):
    """A copy of the tiny root to damage."""
    return shutil.copytree(tiny, tmp_path / "root")


@pytest.fixture(scope="session")
def lists(data_root):
    """The published lists of the three sets, as JSON."""
    folder = data_root / "lists" / "av_cil"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder
