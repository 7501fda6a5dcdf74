"""Small published files of MUSIC-AVQA, generated, and parameters that their loading reads."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import pytest

from mmlib.data.avqa import music_avqa
from mmlib.data.avqa.standin import write_files

SIZES = {"audio_features": 8, "visual_features": 8, "map": 3, "questions": 3}
CLIPS = 24


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A data root with 24 narrow clips of 60 seconds; to be read only."""
    root = tmp_path_factory.mktemp("avqa") / "root"
    write_files(root / "music_avqa", music_avqa.PUBLISHED, clips=CLIPS, sizes=SIZES)
    return root


@pytest.fixture
def copy(tiny, tmp_path):
    """A copy of the tiny root to damage."""
    return shutil.copytree(tiny, tmp_path / "root")


@pytest.fixture
def edit(copy):
    """`edit(split, change)`: the records of a file of the copy, changed in place and written back."""

    def edit(split, change):
        path = copy / "music_avqa" / "json" / f"avqa-{split}.json"
        records = json.loads(path.read_text())
        change(records)
        path.write_text(json.dumps(records))
        return path

    return edit


@pytest.fixture
def settings(tmp_path):
    """Makes parameters for `load_data`."""

    def make(**values):
        defaults = {"data_root": "", "data_store": str(tmp_path / "store"), "data_seed": 0, "split": "official"}
        return SimpleNamespace(**(defaults | {"feature_storage": "float16", "question_tokens": "published"} | values))

    return make
