"""HDF5 files that cannot be written are errors of the system, with the file."""

from __future__ import annotations

import errno

import h5py
import numpy as np
import pytest

from mmlib.data.hdf5 import new_hdf5


def test_round_trip(tmp_path):
    with new_hdf5(tmp_path / "a.h5") as file:
        file["x"] = np.arange(3)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["x"][:].tolist() == [0, 1, 2]


def full(kind):
    """What h5py raises on a full disk: when a chunk is written (`OSError` without a number) or the file is closed."""
    text = "file write failed: errno = 28, error message = 'No space left on device'"
    return kind(f"Can't decrement id ref count ({text}, buf = 0x1, total write size = 4)")


@pytest.mark.parametrize("kind", [OSError, RuntimeError])
def test_a_full_disk_is_called_one(tmp_path, kind):
    with pytest.raises(OSError, match="No space left on device") as caught, new_hdf5(tmp_path / "a.h5"):
        raise full(kind)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(tmp_path / "a.h5")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, new_hdf5(tmp_path / "not" / "a.h5"):
        pass
    assert caught.value.filename == str(tmp_path / "not" / "a.h5")


def test_another_error_stays_what_it_is(tmp_path):
    with pytest.raises(RuntimeError, match="of its own"), new_hdf5(tmp_path / "a.h5"):
        raise RuntimeError("of its own")
