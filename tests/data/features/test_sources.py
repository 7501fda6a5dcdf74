"""Feature files of every form: equal numbers in blocks of any size, one message for damage, nothing unpickled."""

from __future__ import annotations

import io
import pickle

import h5py
import numpy as np
import pytest

from mmlib.data.features.checks import check_finite, check_width
from mmlib.data.features.sources import open_clips, open_source
from mmlib.data.features.standin import write_array
from mmlib.errors import DataError


def look_through(path, width, labelled):
    """A table of that width, as a conversion opens it."""
    return check_width(open_source(path, labelled=labelled), width, "Is it the right file?")


def read(source):
    for values in source.blocks():
        check_finite(source, values, np.arange(len(values)))


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
def test_pieces_hold_every_row(tmp_path, values, ending, skip):
    path = tmp_path / f"faceTrain{ending}"
    write_csv(path, values, LABELS) if ending == ".csv" else np.savez(path, features=values, labels=LABELS)
    table = look_through(path, 4, labelled=True)
    assert table.shape == (23, 4)
    assert table.labels.tolist() == LABELS
    pieces = list(table.blocks(skip, step=5))
    assert max(map(len, pieces)) == 5
    np.testing.assert_array_equal(np.concatenate(pieces), values[skip:])


def test_unlabelled_files_may_be_wider(tmp_path, values):
    table = look_through(write_csv(tmp_path / "x.csv", values), 3, labelled=False)
    np.testing.assert_array_equal(table.read(), values[:, :3])
    assert look_through(write_csv(tmp_path / "y.csv", values, LABELS), None, labelled=True).shape == (23, 4)


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
        ("a.csv", b"1,2,3,4,A\n1,2,,4,A\n", "row 2 holds a NaN or an infinity, or a number is missing"),
        ("a.csv", b"1,2,nan,4,A\n", "row 1 holds a NaN"),
        ("a.csv", b"", "holds 0 rows"),
        ("a.csv", pickle.dumps(list(range(5000))), "not a line of numbers"),
        ("a.npz", b"no zip", "cannot be read as .npz"),
        ("a.npz", npz(other=np.zeros((3, 4))), "no array 'labels'"),
        ("a.npz", npz(some=np.zeros(3), other=np.zeros(3)), "holds 'some', 'other'; expected a dataset 'features'"),
        ("a.npz", npz(features=np.zeros((3, 4)), labels=np.array(["a"])), "1 labels for 3 rows"),
        ("a.npz", npz(features=np.zeros(3), labels=np.array(["a"] * 3)), "expected plain numbers"),
        ("a.npz", npz(features=np.asfortranarray(np.zeros((3, 4))), labels=np.array(["a"] * 3)), "stored by columns"),
    ],
)
def test_malformed(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        read(look_through(path, 4, labelled=True))
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
    with pytest.raises(DataError, match="cannot be read as .npz"):
        look_through(path, 4, labelled=True)


@pytest.mark.parametrize("ending", [".h5", ".npy", ".npz"])
@pytest.mark.parametrize("first", [0, 4])
def test_arrays_of_any_form_are_read_in_blocks(tmp_path, ending, first):
    values = np.random.default_rng(0).normal(size=(11, 3, 2))
    source = open_source(write_array(tmp_path / f"x{ending}", values))
    assert (source.shape, source.dtype, source.labels) == ((11, 3, 2), np.float64, None)
    blocks = list(source.blocks(first, 10, step=4))
    assert [len(block) for block in blocks] == ([4, 4, 2] if first == 0 else [4, 2])
    np.testing.assert_array_equal(np.concatenate(blocks), values[first:10])
    np.testing.assert_array_equal(source.read(), values)


@pytest.mark.parametrize("ending", [".h5", ".npy", ".npz"])
@pytest.mark.parametrize("keep", [0, 9, 0.5])
def test_a_truncated_array(tmp_path, ending, keep):
    path = write_array(tmp_path / f"x{ending}", np.arange(400.0).reshape(40, 10))
    content = path.read_bytes()
    path.write_bytes(content[: keep if keep in (0, 9) else int(keep * len(content))])
    with pytest.raises(DataError, match=f"x{ending} cannot be read as .*copy or download it again"):
        open_source(path).read()


def test_a_published_dictionary_of_clips_is_a_pickle(tmp_path):
    """AV-CIL's `audio_pretrained_feature_dict.npy`: numpy would have to unpickle it."""
    trace = tmp_path / "executed"
    np.save(tmp_path / "features.npy", {"clip": Bomb(trace)}, allow_pickle=True)
    with pytest.raises(
        DataError, match="features.npy: it holds pickled objects, which can run code and are not opened"
    ):
        open_source(tmp_path / "features.npy")
    (tmp_path / "mosi.pkl").write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(DataError, match="mosi.pkl is a pickle, which can run code"):
        open_source(tmp_path / "mosi.pkl")
    with pytest.raises(DataError, match="x.mat has an unknown ending. Export it as one of .npz, .csv"):
        open_source(tmp_path / "x.mat")
    assert not trace.exists()


CLIPS = {"b": 1.0, "a": 2.0, "-9_c": 3.0, "e": 4.0, "f": 5.0}


@pytest.fixture(params=["folder of .npy", "folder of .h5", "one .h5", "one .npz"])
def clips(request, tmp_path):
    """Five clips of (4, 2) and one that nobody asks for, in every form."""
    kept = {name: np.full((4, 2), value) for name, value in (CLIPS | {"more": 9.0}).items()}
    form, _, ending = request.param.rpartition(" ")
    if form == "one":
        place = tmp_path / f"clips{ending}"
        if ending == ".npz":
            np.savez(place, **kept)
        else:
            with h5py.File(place, "w") as file:
                for name, values in kept.items():
                    file[name] = values
        return place
    (tmp_path / "clips").mkdir()
    for name, values in kept.items():
        write_array(tmp_path / "clips" / f"{name}{ending}", values)
    return tmp_path / "clips"


def test_clips_kept_one_by_one(clips):
    source = open_clips(clips, list(CLIPS))
    assert (source.shape, source.dtype) == ((5, 4, 2), np.float64)
    np.testing.assert_array_equal(source.read()[:, 0, 0], list(CLIPS.values()))
    blocks = list(source.blocks(1, 5, step=3))
    assert [len(block) for block in blocks] == [3, 1]
    np.testing.assert_array_equal(np.concatenate(blocks)[:, 3, 1], [2, 3, 4, 5])
    with pytest.raises(DataError, match=f"{clips} lacks 2 of 3 clips, the first is nowhere"):
        open_clips(clips, ["nowhere", "a", "neither"])


def test_clips_of_another_shape_or_pickled(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((60, 8)))
    np.save(tmp_path / "b.npy", np.zeros((59, 8)))
    np.save(tmp_path / "c.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(DataError, match=r"clip b is \(59, 8\), clip a \(60, 8\)"):
        open_clips(tmp_path, ["a", "b"])
    with pytest.raises(DataError, match="c.npy: it holds pickled objects"):
        open_clips(tmp_path, ["a", "c"])
