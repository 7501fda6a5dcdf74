"""Feature files: equal numbers from CSV and .npz in pieces of any size, and nothing unpickled."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

from mmlib.data.voxceleb import tables
from mmlib.data.voxceleb.tables import look_through
from mmlib.errors import DataError


def write_csv(path, values, labels=None):
    rows = [",".join(f"{x:.9g}" for x in row) for row in values]
    if labels is not None:
        rows = [f"{row},{label}" for row, label in zip(rows, labels, strict=True)]
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def values():
    return np.random.default_rng(0).normal(size=(23, 4)).astype(np.float32)


LABELS = [f"P{i % 3}" for i in range(23)]


@pytest.mark.parametrize("ending", [".csv", ".npz"])
@pytest.mark.parametrize("skip", [0, 9])
def test_pieces_hold_every_row(tmp_path, monkeypatch, values, ending, skip):
    monkeypatch.setattr(tables, "PIECE_BYTES", 5 * 16)
    path = tmp_path / f"faceTrain{ending}"
    write_csv(path, values, LABELS) if ending == ".csv" else np.savez(path, features=values, labels=LABELS)
    table = look_through(path, 4, labelled=True)
    assert (table.rows, table.width) == (23, 4)
    assert table.labels.tolist() == LABELS
    pieces = list(table.pieces(skip))
    assert max(map(len, pieces)) == 5
    np.testing.assert_array_equal(np.concatenate(pieces), values[skip:])


def test_unlabelled_files_may_be_wider(tmp_path, values):
    table = look_through(write_csv(tmp_path / "x.csv", values), 3, labelled=False)
    np.testing.assert_array_equal(np.concatenate(list(table.pieces())), values[:, :3])
    assert look_through(write_csv(tmp_path / "y.csv", values, LABELS), None, labelled=True).width == 4


class Bomb:
    """Runs code when it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return (open, (str(self.trace), "w"))


def npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"1,2,3,4,A\n1,2,3,4\n", "row 2: 4 columns, the rows before have 5"),
        ("a.csv", b"1,2,3,4\n1,2,3,4\n", "is the label missing"),
        ("a.csv", b"1,2,3,A\n", "3 features and a label, expected 4"),
        ("a.csv", b"1,2,3,4,5,A\n", "5 features and a label, expected 4"),
        ("a.csv", b"1,2,3,4,\n", "row 1: the label"),
        ("a.csv", b"1,2,x,4,A\n", "is not a number"),
        ("a.csv", b"1,2,3,4,A\n1,2,,4,A\n", "row 2: a number is missing"),
        ("a.csv", b"1,2,nan,4,A\n", "row 1: a number is missing or not finite"),
        ("a.csv", b"", "holds 0 rows"),
        ("a.csv", pickle.dumps(list(range(5000))), "not a line of numbers"),
        ("a.npz", b"no zip", "not a sound .npz"),
        ("a.npz", npz(other=np.zeros(3)), "not a sound .npz"),
        ("a.npz", npz(features=np.zeros((3, 4)), labels=np.array(["a"])), "1 labels for 3 rows"),
        ("a.npz", npz(features=np.zeros(3), labels=np.array(["a"])), "expected plain numbers"),
        ("a.npz", npz(features=np.asfortranarray(np.zeros((3, 4))), labels=np.array(["a"] * 3)), "stored by columns"),
    ],
)
def test_malformed(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        list(look_through(path, 4, labelled=True).pieces())
    assert str(path) in str(error.value)


@pytest.mark.parametrize("where", ["features", "labels"])
def test_objects_in_an_npz_are_not_unpickled(tmp_path, where):
    trace = tmp_path / "executed"
    arrays = {"features": np.zeros((2, 4), np.float32), "labels": np.array(["a", "b"])}
    arrays[where] = np.array([Bomb(trace), Bomb(trace)], dtype=object)
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match="pickled objects, which can run code and are not opened"):
        look_through(tmp_path / "a.npz", 4, labelled=True)
    assert not trace.exists()


def test_a_truncated_npz(tmp_path, values):
    path = tmp_path / "a.npz"
    np.savez(path, features=values, labels=LABELS)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match="not a sound"):
        look_through(path, 4, labelled=True)
