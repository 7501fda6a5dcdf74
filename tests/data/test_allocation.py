"""Array files have their place on the disk before they are mapped, and are otherwise numpy's own."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from mmlib.data import allocation
from mmlib.data.allocation import allocated
from mmlib.data.features.resumable import ResumableArray
from mmlib.data.prepared import PreparedWriter
from mmlib.errors import OutputsError

SHAPE = (50, 3, 1000)


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("reserves", [True, False])
@pytest.mark.parametrize("shape", [SHAPE, (0, 4), ()])
def test_the_file_is_numpys_own_and_not_sparse(tmp_path, monkeypatch, reserves, shape):
    if not reserves:
        monkeypatch.setattr(os, "posix_fallocate", unsupported, raising=False)
    expected = np.lib.format.open_memmap(tmp_path / "numpy.npy", mode="w+", dtype="<f4", shape=shape)
    made = allocated(tmp_path / "ours.npy", "<f4", shape)
    for array in (expected, made):
        array[...] = 3
        array.flush()
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "numpy.npy").read_bytes()
    assert os.stat(tmp_path / "ours.npy").st_blocks * 512 >= made.nbytes


def unsupported(*_: object) -> None:
    raise OSError(errno.EOPNOTSUPP, "Operation not supported")


def test_blocks_are_there_before_anything_is_written(tmp_path):
    made = allocated(tmp_path / "ours.npy", np.uint8, (1 << 20,))
    assert os.stat(tmp_path / "ours.npy").st_blocks * 512 >= made.nbytes


def test_a_full_disk_is_an_error_of_the_call_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match=r"No space left on device \(the disk mounted at / "):
        allocated(tmp_path / "x.npy", "<f4", SHAPE)
    with (
        pytest.raises(OutputsError, match=r"cannot write .*the disk mounted at .* MB left.*Free space"),
        PreparedWriter(tmp_path / "set", dataset="d", classes=["a"]) as writer,
    ):
        writer.array("x", SHAPE, "<f4")
    with pytest.raises(OSError, match="No space left"):
        ResumableArray(tmp_path / "parts", "x", SHAPE, "<f4")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_reserves_by_writing_writes_all_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", unsupported, raising=False)
    monkeypatch.setattr(allocation, "CHUNK", 1000)
    with open(tmp_path / "x", "wb+") as stream:
        stream.write(b"head")
        stream.flush()
        allocation.reserve(stream.fileno(), 4, 2500)
    assert (tmp_path / "x").read_bytes() == b"head" + bytes(2500)
