"""One conversion for every feature set: the rows asked for, in order, in range, and going on after a kill."""

from __future__ import annotations

import re

import h5py
import numpy as np
import pytest

from mmlib.data.features import conversion
from mmlib.data.features.checks import check_aligned, check_shape, check_storage
from mmlib.data.features.conversion import FeatureSet, Part, convert
from mmlib.data.features.layout import find_features, first_missing
from mmlib.data.features.resumable import ResumableArray
from mmlib.data.features.sources import open_clips, open_source
from mmlib.data.features.standin import write_new_folder
from mmlib.data.prepared import check_prepared, open_prepared
from mmlib.errors import DataError, OutputsError, ParameterError, UsageError


@pytest.fixture
def values():
    return np.random.default_rng(0).normal(size=(12, 3))


@pytest.fixture
def clips(tmp_path, values):
    """A set of nine rows: six of an HDF5 file that has twelve, and three that are kept one by one."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["features"] = values
    (tmp_path / "one").mkdir()
    for row in range(3):
        np.save(tmp_path / "one" / f"clip{row}.npy", values[row] + 100)
    return [
        Part(open_source(tmp_path / "x.h5"), np.array([0, 1, 2, 6, 10, 11])),
        Part(open_clips(tmp_path / "one", ["clip2", "clip0", "clip1"])),
    ]


@pytest.fixture
def expected(values):
    return np.concatenate([values[[0, 1, 2, 6, 10, 11]], values[[2, 0, 1]] + 100])


def feature_set(parts, rows=9, storage="float16"):
    index = {
        "id": [f"clip{row}" for row in range(rows)],
        "label": np.arange(rows) % 2,
        "split": np.where(np.arange(rows) < 6, "train", "test"),
        "group": [f"video{row}" for row in range(rows)],
    }
    return FeatureSet(
        "toy", ["no", "yes"], index, {"x": parts}, {"x": storage}, manifest={"source": {"set": "toy"}}, unit="clips"
    )


@pytest.mark.parametrize("step", [1, 4, 100])
@pytest.mark.parametrize("storage", ["float16", "float32"])
def test_rows_are_those_asked_for(tmp_path, monkeypatch, clips, expected, step, storage):
    monkeypatch.setattr(conversion, "PIECE_BYTES", step * 3 * 8)
    folder = convert(tmp_path / "out", feature_set(clips, storage=storage))
    assert check_prepared(folder) == []
    np.testing.assert_array_equal(open_prepared(folder).arrays["x"], expected.astype(storage))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "out", "x.h5"]


class Killed(BaseException):
    """What a kill looks like from inside: nothing catches it."""


@pytest.mark.parametrize("survived", range(6))
def test_a_killed_conversion_goes_on(tmp_path, monkeypatch, capsys, clips, expected, survived):
    monkeypatch.setattr(conversion, "PIECE_BYTES", 2 * 3 * 8)
    append, calls = ResumableArray.append, []

    def stop(self, rows):
        if len(calls) == survived:
            raise Killed
        calls.append(rows)
        append(self, rows)

    monkeypatch.setattr(ResumableArray, "append", stop)
    with pytest.raises(Killed):
        convert(tmp_path / "out", feature_set(clips))
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(ResumableArray, "append", append)
    convert(tmp_path / "out", feature_set(clips))
    np.testing.assert_array_equal(open_prepared(tmp_path / "out", verify=True).arrays["x"], expected.astype("float16"))
    assert ("going on after" in capsys.readouterr().out) == (survived > 0)


def test_values_beyond_the_stored_type_are_counted(tmp_path, clips):
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file["features"][1, :2] = 70_000, -1e38
        file["features"][3, 0] = np.nan  # a row that nobody asks for
    with pytest.raises(DataError, match=r"x.h5 holds 2 values beyond 65504 .*float16.*--set storage=float32"):
        convert(tmp_path / "out", feature_set(clips))
    found = open_prepared(convert(tmp_path / "out", feature_set(clips, storage="float32")))
    assert found.arrays["x"][1, 1] == np.float32(-1e38)
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file["features"][6, 1] = np.nan
    with pytest.raises(DataError, match="x.h5: row 6 holds a NaN or an infinity"):
        convert(tmp_path / "out2", feature_set(clips, storage="float32"))


def test_parts_that_do_not_make_up_the_index(tmp_path, clips):
    with pytest.raises(DataError, match=r"x.h5: 9 rows \(3,\) of x features for 8 of the index"):
        convert(tmp_path / "out", feature_set(clips, rows=8))
    np.save(tmp_path / "wide.npy", np.zeros((3, 4)))
    with pytest.raises(DataError, match=r"wide.npy has rows of \(4,\), x.h5 of \(3,\)"):
        convert(tmp_path / "out", feature_set([clips[0], Part(open_source(tmp_path / "wide.npy"))]))


@pytest.mark.parametrize("rows", [[2, 1], [1, 1], [-1, 3], [0, 12]])
def test_rows_of_a_part_ascend_within_its_source(tmp_path, clips, rows):
    with pytest.raises(ValueError, match="must ascend within 0 to 11"):
        Part(clips[0].source, np.array(rows))


@pytest.mark.parametrize(
    ("column", "row", "value", "message"),
    [
        ("id", 7, "clip2", "ids are not unique: 'clip2' stands 2 times, in test and train (1 such ids)"),
        ("label", 3, -1, "'clip3' has -1, expected a label from 0 to 1 (1 such ids)"),
        ("label", 3, 2, "'clip3' has 2, expected a label"),
        ("split", 4, "val", "'clip4' has 'val', expected a split among train, validation, test"),
    ],
)
def test_an_index_is_refused_before_anything_is_converted(tmp_path, clips, column, row, value, message):
    wrong = feature_set(clips)
    values = list(wrong.index[column])
    values[row] = value
    wrong.index[column] = values
    with pytest.raises(DataError, match=re.escape(f"toy: {message}")):
        convert(tmp_path / "out", wrong)
    wrong.index[column] = values[1:]
    with pytest.raises(DataError, match="Get the lists again"):
        convert(tmp_path / "out", wrong)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "x.h5"]


def test_alignment_of_modalities(tmp_path):
    for name, rows in (("a", 3), ("b", 2)):
        np.savez(tmp_path / f"{name}.npz", features=np.zeros((rows, 2)), labels=["p", "q", "r"][:rows])
    np.savez(tmp_path / "c.npz", features=np.zeros((3, 2)), labels=["p", "r", "q"])
    a, b, c = (open_source(tmp_path / f"{name}.npz", labelled=True) for name in "abc")
    check_aligned(a, a, "clip")
    with pytest.raises(DataError, match="a.npz has 3 rows, b.npz 2: row i of both must be one clip"):
        check_aligned(a, b, "clip")
    with pytest.raises(DataError, match=r"not aligned: row 2 is 'q' in one and 'r' in the other \(2 rows differ\)"):
        check_aligned(a, c, "clip")
    with pytest.raises(DataError, match=r"is float64 \(3, 2\), expected numbers of shape \(3, any, 2\): maps"):
        check_shape(a, 3, (None, 2), "maps")
    with pytest.raises(ParameterError, match="toy: storage is 'int8'"):
        check_storage("toy", "int8")


def test_where_published_files_lie(tmp_path):
    assert first_missing(tmp_path, {"a.h5": "the audio", "b.h5": "the maps"}) == (
        f"{tmp_path / 'a.h5'} is missing: the audio (1 more: b.h5)."
    )
    (tmp_path / "below").mkdir()
    (tmp_path / "x.pkl").write_bytes(b"")
    with pytest.raises(DataError, match="x.pkl is a pickle, which can run code when it is opened, so it is not"):
        find_features(tmp_path, "x", ["below"])
    (tmp_path / "below" / "x.csv").write_text("1,2\n")
    assert find_features(tmp_path, "x", ["below"]) == tmp_path / "below" / "x.csv"
    assert find_features(tmp_path, "y") is None


def test_a_generated_folder_appears_whole_or_not_at_all(tmp_path):
    def half(folder):
        (folder / "first").write_text("")
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputsError, match="cannot write .*new: No space left on device"):
        write_new_folder(tmp_path / "new", half)
    assert list(tmp_path.iterdir()) == []
    write_new_folder(tmp_path / "new", lambda folder: (folder / "first").write_text(""))
    with pytest.raises(UsageError, match="already exists"):
        write_new_folder(tmp_path / "new", half)
