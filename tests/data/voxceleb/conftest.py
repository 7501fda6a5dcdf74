"""Generated published files, small: 12 training, 5 validation and 12 unseen people."""

from __future__ import annotations

import shutil

import pytest

SMALL = {
    "train_identities": 12,
    "validation_identities": 5,
    "test_identities": 12,
    "rows": 3,
    "test_rows": 5,
    "face_features": 12,
    "voice_features": 6,
}


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """A data root with the folder `voxceleb1`, feature files as CSV."""
    from mmlib.data.voxceleb.synthetic import write_files

    return write_files(tmp_path_factory.mktemp("faces_voices") / "voxceleb1", SMALL).parent


@pytest.fixture
def copy(published, tmp_path):
    """A copy to damage: its folder `voxceleb1`."""
    return shutil.copytree(published / "voxceleb1", tmp_path / "root" / "voxceleb1")


@pytest.fixture
def prepare(tmp_path):
    """Prepare `voxceleb1` from a root or its folder, with the small widths."""
    from mmlib.data import registry

    def prepare(folder, **options):
        root = folder.parent if folder.name == "voxceleb1" else folder
        widths = {"face_features": SMALL["face_features"], "voice_features": SMALL["voice_features"]}
        return registry.prepare("voxceleb1", data_root=root, store=tmp_path / "store", options=widths | options)

    return prepare
