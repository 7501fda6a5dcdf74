"""Published files to the prepared format: every row where it belongs, resumed after a kill, and what is refused."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest

from mmlib.data.features import conversion as converting
from mmlib.data.features.resumable import ResumableArray
from mmlib.data.prepared import check_prepared, open_prepared
from mmlib.data.registry import missing, notes
from mmlib.data.voxceleb import lists
from mmlib.errors import BlockedError, DataError


def read_csv(path, width):
    rows = [line.split(",") for line in path.read_text().splitlines()]
    return np.array([row[:width] for row in rows], np.float32), [row[-1] for row in rows]


def test_rows_are_those_of_the_files(published, prepare):
    folder = prepare(published)
    prepared, source = open_prepared(folder), published / "voxceleb1"
    assert check_prepared(folder) == []
    index, names = prepared.index, np.array(prepared.classes)
    faces, labels = read_csv(source / "features" / "faceTrain.csv", 12)
    voices, _ = read_csv(source / "features" / "voiceTrain.csv", 6)
    train = index["list"] == "train"
    np.testing.assert_array_equal(prepared.arrays["face"][train], faces)
    np.testing.assert_array_equal(prepared.arrays["voice"][train], voices)
    assert names[prepared.labels[train]].tolist() == labels
    for name, file in lists.ALL_LISTS.items():
        rows = index["list"] == name
        pairs = lists.read_pairs(source / file)
        np.testing.assert_array_equal(index["same"][rows], pairs.same)
        np.testing.assert_array_equal(index["face_identity"][rows], pairs.face_identity - 1)
        who = [path.partition("/")[0] for path in pairs.voice_path]
        assert names[index["voice_identity"][rows]].tolist() == who
        found, _ = read_csv(source / "features" / f"voice_{file.removesuffix('.txt')}.csv", 6)
        np.testing.assert_array_equal(prepared.arrays["voice"][rows], found)
    assert prepared.origin == "stand-in"
    assert "12 identities" in notes(folder)[0]


def test_seen_heard_tracks_are_known_by_the_set_codes(published, prepare):
    prepared = open_prepared(prepare(published))
    train = prepared.index["list"] == "train"
    assert np.sum(prepared.index["set_code"][train] == lists.SEEN_HEARD) == 12 * 5
    assert set(prepared.labels[train]) == set(np.flatnonzero(np.array(prepared.manifest["source"]["set_codes"]) == 1))


def test_csv_and_npz_give_the_same_folder(tmp_path):
    from mmlib.data.voxceleb.conversion import convert
    from mmlib.data.voxceleb.generator import OPTIONS
    from mmlib.data.voxceleb.synthetic import write_files

    sizes = {"train_identities": 4, "validation_identities": 3, "test_identities": 4, "rows": 2, "test_rows": 3}
    options = OPTIONS | sizes | {"face_features": 5, "voice_features": 4}
    hashes = []
    for ending in (".csv", ".npz"):
        source = write_files(tmp_path / ending[1:], options, (ending,))
        folder = convert(tmp_path / f"out{ending[1:]}", source, "voxceleb1", {"face": 5, "voice": 0}, {}, {})
        manifest = open_prepared(folder).manifest
        hashes.append([manifest["arrays"], manifest["index"]])
    assert hashes[0] == hashes[1]


def test_an_interrupted_conversion_goes_on(published, prepare, monkeypatch, capsys):
    expected = open_prepared(prepare(published)).manifest
    monkeypatch.setattr(converting, "PIECE_BYTES", 7 * 6 * 4)
    monkeypatch.setattr("mmlib.data.registry._problem", lambda folder: "")  # prepare again
    append, calls = ResumableArray.append, []

    def stop(self, rows):
        calls.append(len(rows))
        if len(calls) == 40:
            raise KeyboardInterrupt
        append(self, rows)

    monkeypatch.setattr(ResumableArray, "append", stop)
    with pytest.raises(KeyboardInterrupt):
        prepare(published)
    monkeypatch.setattr(ResumableArray, "append", append)
    found = open_prepared(prepare(published)).manifest
    assert "going on after" in capsys.readouterr().out
    assert found["arrays"] == expected["arrays"]
    assert found["index"] == expected["index"]


def edit(path, change):
    lines = path.read_text().splitlines()
    path.write_text("\n".join(change(lines)) + "\n")


def swapped(lines):
    return [lines[-1], *lines[1:-1], lines[0]]


def cut(lines):
    return lines[:-1]


def unlabelled(lines):
    return [line.rpartition(",")[0] for line in lines]


UU = "veriflist_test_random_unseenunheard"


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("features/voiceTrain.csv", swapped, "are not aligned: row 1 is 'Person_"),
        ("features/voiceTrain.csv", cut, "row i of both must be one training example"),
        ("features/faceTrain.csv", unlabelled, "is the label missing"),
        (f"features/face_{UU}.csv", cut, "row i belongs to pair i"),
        (f"features/face_{UU}.csv", unlabelled, "has 11 columns, expected 12 features"),
        (f"{UU}.txt", cut, "row i belongs to pair i"),
        (f"{UU}.txt", lambda lines: [line.replace("label,", "truth,") for line in lines], "the header lacks label"),
        ("identity_splits.txt", cut, "is not one of the 28|is no identity|is not in"),
        ("features/voice_matching_10.csv", swapped, "are not aligned"),
    ],
)
def test_files_that_do_not_belong_together(copy, prepare, file, change, message):
    edit(copy / file, change)
    with pytest.raises(DataError, match=message):
        prepare(copy)


def test_widths_are_parameters(copy, prepare):
    with pytest.raises(DataError, match=r"12 features and a label, expected 4096.*parameters face_features"):
        prepare(copy, face_features=4096)


def test_a_list_without_features_is_left_out_and_named(copy, prepare):
    (copy / "features" / "voice_veriflist_test_G_seenheard.csv").unlink()
    folder = prepare(copy)
    prepared = open_prepared(folder)
    assert "seen_heard_G" not in prepared.manifest["source"]["lists"]
    assert prepared.manifest["skipped"] == [{"id": "veriflist_test_G_seenheard.txt", "reason": "no voice features"}]
    assert any("left out, no voice features" in note for note in notes(folder))


def test_features_without_their_list_have_no_labels(copy, prepare):
    (copy / f"{UU}.txt").unlink()
    with pytest.raises(DataError, match="label column says which pairs are of one person"):
        prepare(copy)


class Bomb:
    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return (open, (str(self.trace), "w"))


def test_a_pickle_is_named_and_not_opened(copy, prepare, tmp_path):
    (copy / "features" / "faceTrain.csv").unlink()
    (copy / "features" / "faceTrain.pkl").write_bytes(pickle.dumps(Bomb(tmp_path / "executed")))
    with pytest.raises(BlockedError, match="is a pickle, which can run code"):
        prepare(copy)
    assert not (tmp_path / "executed").exists()


def test_numbers_as_labels_are_the_training_identities_in_order(copy, published, prepare):
    expected = open_prepared(prepare(published)).labels
    for name in ("faceTrain", "voiceTrain"):
        path = copy / "features" / f"{name}.csv"
        people = {
            who: i for i, who in enumerate(sorted({line.rpartition(",")[2] for line in path.read_text().split()}))
        }
        edit(
            path, lambda lines, people=people: [re.sub(r"Person_\d+", lambda m: str(people[m[0]]), li) for li in lines]
        )
    np.testing.assert_array_equal(open_prepared(prepare(copy)).labels, expected)


def test_labels_of_held_out_people_are_refused(copy, prepare):
    names, codes = lists.read_identities(copy / "identity_splits.txt")
    trained, stranger = names[codes == 1][0], names[codes == 4][0]
    for name in ("faceTrain", "voiceTrain"):
        edit(copy / "features" / f"{name}.csv", lambda lines: [line.replace(trained, stranger) for line in lines])
    with pytest.raises(DataError, match=f"{stranger} is not a training identity"):
        prepare(copy)


def test_what_is_missing_is_said(tmp_path, copy):
    assert "identity_splits.txt is missing" in missing("voxceleb1", tmp_path)
    (copy / "features" / "voiceTrain.csv").unlink()
    assert "voiceTrain.csv is missing: the voice features and labels" in missing("voxceleb1", copy.parent)
