"""Dictionaries that numpy pickled: the same values as numpy gives, and nothing of them is ever run."""

from __future__ import annotations

import datetime
import os
import pickle

import numpy as np
import pytest

from mmlib.data.features.pickled import LARGE, Span, read_dictionary, read_pickled
from mmlib.data.features.sources import open_clips
from mmlib.errors import DataError


def save(path, value, protocol=4):
    """As `np.save`, which chooses the protocol itself."""
    outer = np.empty((), object)
    outer[()] = value
    with open(path, "wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": ()})
        pickle.dump(outer, stream, protocol)
    return path


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "vector": rng.standard_normal(768).astype(np.float32),
        "large": rng.standard_normal((40, 768)).astype(np.float32),
        "double": rng.standard_normal((2, 3)),
        "half": rng.standard_normal(5).astype(np.float16),
        "columns": np.asfortranarray(rng.standard_normal((3, 4))),
        "swapped": np.arange(6, dtype=">i4").reshape(2, 3),
        "empty": np.zeros((0, 4), np.float32),
    }


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_are_those_that_numpy_reads(tmp_path, arrays, protocol):
    path = save(tmp_path / "x.npy", arrays, protocol)
    assert arrays["large"].nbytes > LARGE
    expected, found = np.load(path, allow_pickle=True).item(), read_dictionary(path)
    assert list(found) == list(expected)
    assert isinstance(found["vector"].data, Span)  # left in the file
    with open(path, "rb") as stream:
        for name, array in found.items():
            values = array.read(stream)
            assert values.dtype == expected[name].dtype
            np.testing.assert_array_equal(values, expected[name], err_msg=name)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_lists_and_numbers(tmp_path, protocol):
    one = ["x", "y"]
    value = {
        "train": {0: one, 1: one, 300: [], 70_000: ["ü" * 300]},
        "numbers": {"a": 1, "b": -5, "c": 2**40, "d": 0.5, "e": True, "f": None},
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        "scalars": [np.int64(7), np.float32(0.25), np.bool_(True)],
    }
    found = read_dictionary(save(tmp_path / "x.npy", value, protocol))
    assert found == value
    assert all(type(number) in (int, float, bool) for number in found["scalars"])


def test_saved_by_numpy_itself(tmp_path, arrays):
    np.save(tmp_path / "x.npy", {"a": arrays["vector"], 3: ["b"]})
    found = read_dictionary(tmp_path / "x.npy")
    assert found[3] == ["b"]
    assert (found["a"].shape, found["a"].dtype) == ((768,), np.dtype("f4"))


class Call:
    """Unpickled, it leaves a folder behind."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


class Plain:
    pass


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_call_is_refused_and_not_made(tmp_path, protocol):
    trap = tmp_path / "trap"
    path = save(tmp_path / "x.npy", {"a": {"b": [Call(trap)]}}, protocol)
    with pytest.raises(DataError, match=r"x.npy, a pickle, holds the name \w+.mkdir, which is not opened"):
        read_dictionary(path)
    assert not trap.exists()
    np.load(path, allow_pickle=True)
    assert trap.exists()  # the trap is a real one


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({"a": {1, 2}}, "the instruction EMPTY_SET"),
        ({"a": Plain()}, "the name .*Plain"),
        ({"a": datetime.date(2020, 1, 1)}, "the name datetime.date"),
        ({"a": bytearray(b"x")}, "the name builtins.bytearray"),
        ({(1, 2): "a"}, "a dictionary with keys of the kind tuple"),
        ({1.5: "a"}, "a dictionary with keys of the kind float"),
        ({"a": np.array(["x", None], object)}, "an array of objects"),
        ({"a": np.array(["x", "y"])}, "a call that makes no numeric array"),
        ({"a": np.array("2020", "datetime64[Y]")}, "a call that makes no numeric array"),
        ({"a": np.ma.masked_array([1.0])}, "the name numpy"),
    ],
)
def test_anything_else_is_refused_with_the_way_to_convert(tmp_path, value, what):
    with pytest.raises(DataError, match=what) as raised:
        read_dictionary(save(tmp_path / "x.npy", value))
    assert "convert it once: lists to JSON" in str(raised.value)


def test_names_are_compared_whole_and_arguments_too(tmp_path):
    """Written by hand: what numpy would never write."""
    header = save(tmp_path / "x.npy", {}).read_bytes()[:128]
    assert header.endswith(b"\n")

    def refused(program, what):
        (tmp_path / "y.npy").write_bytes(header + b"\x80\x02" + program + b".")
        with pytest.raises(DataError, match=what):
            read_pickled(tmp_path / "y.npy")

    refused(b"cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n\x85R", "cannot be read|a call")
    refused(b"cnumpy\ndtype\nX\x02\x00\x00\x00O8\x85R", "something else than one object")
    refused(b"cnumpy\nload\n", "the name numpy.load")
    refused(b"cnumpy.core.multiarray\n_reconstruct\ncos\nsystem\nK\x00\x85C\x01b\x87R", "the name os.system")
    refused(b"(lp0\n.", "the instruction LIST")
    refused(b"h\x05", "cannot be read")  # from an empty memo
    refused(b"K\x01K\x02s", "cannot be read|something added")
    refused(b"}", "something else than one object")
    refused(b"X\x01\x00\x00\x00a\x8c\x01bR", "a call that makes no numeric array|cannot be read")
    refused(b"}}b", "an object with a state of its own|cannot be read")


def test_damage_is_said(tmp_path, arrays):
    path = save(tmp_path / "x.npy", arrays)
    whole = path.read_bytes()
    for length in (10, 100, 300, 40_000, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"x.npy cannot be read as a dictionary saved by numpy"):
            read_dictionary(path)
    np.save(path, np.arange(3))
    with pytest.raises(DataError, match=r"x.npy is an array int64 \(3,\), not a dictionary"):
        read_dictionary(path)
    with pytest.raises(DataError, match="holds no dictionary"):
        read_dictionary(save(path, ["a"]))
    with pytest.raises(DataError, match="cannot be read as a dictionary"):
        read_dictionary(tmp_path / "absent.npy")


def test_length_that_lies_is_damage(tmp_path):
    path = save(tmp_path / "x.npy", {"a": np.zeros(100, np.float32)})
    data = path.read_bytes()
    path.write_bytes(data.replace(b"K\x64\x85", b"K\x63\x85"))  # the shape says 99
    with pytest.raises(DataError, match=r"400 bytes are not float32 \(99,\)"):
        read_dictionary(path)


def test_clips_of_a_dictionary_in_the_order_of_a_list(tmp_path):
    clips = {name: np.full((4, 3), row, np.float32) for row, name in enumerate("abcd")}
    place = save(tmp_path / "clips.npy", clips)
    source = open_clips(place, ["d", "a", "c"])
    assert (source.shape, source.dtype) == ((3, 4, 3), np.dtype("f4"))
    pieces = list(source.blocks(step=2))
    assert [piece.shape for piece in pieces] == [(2, 4, 3), (1, 4, 3)]
    np.testing.assert_array_equal(np.concatenate(pieces)[:, 0, 0], [3, 0, 2])
    with pytest.raises(DataError, match=r"clips.npy lacks 1 of 2 clips, the first is e"):
        open_clips(place, ["a", "e"])
    with pytest.raises(DataError, match="'a' is of type str, expected an array of numbers"):
        open_clips(save(tmp_path / "text.npy", {"a": "text"}), ["a"])


def test_rows_in_another_shape(tmp_path):
    place = save(tmp_path / "clips.npy", {name: np.arange(12.0) + 100 * row for row, name in enumerate("ab")})
    source = open_clips(place, ["b", "a"]).reshaped((2, 3, 2))
    assert source.shape == (2, 2, 3, 2)
    values = source.read()
    np.testing.assert_array_equal(values[1, 1], [[6, 7], [8, 9], [10, 11]])
    np.testing.assert_array_equal(next(source.blocks(0, 1)), values[:1])
