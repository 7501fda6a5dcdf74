"""Predictions from a CSV: read as they are meant, one message for each file that cannot be."""

from __future__ import annotations

import pytest

from mmlib.errors import DataError
from mmlib.valuation.csv_file import read_predictions

HEAD = "id,label,audio,visual,audio+visual\n"
GOOD = HEAD + "one,dog,dog,cat,dog\ntwo, cat ,dog,cat,dog\n"


def write(tmp_path, text):
    path = tmp_path / "predictions.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_contributions_of_a_file(tmp_path):
    found = read_predictions(write(tmp_path, GOOD))
    assert found.ids.tolist() == ["one", "two"]
    assert found.labels.tolist() == ["dog", "cat"]
    assert found.contributions.modalities == ("audio", "visual")
    assert found.contributions.values.tolist() == [[1.5, 0.5], [-0.5, 0.5]]


def test_order_of_columns_and_a_mark_in_front_do_not_matter(tmp_path):
    text = "\ufeffvisual + audio,visual,label,audio,id\r\ndog,cat,dog,dog,one\r\n\r\n"
    found = read_predictions(write(tmp_path, text))
    assert found.contributions.modalities == ("visual", "audio")
    assert found.contributions.values.tolist() == [[0.5, 1.5]]


def test_three_modalities(tmp_path):
    text = "id,label,a,b,c,a+b,c+a,b+c,a+b+c\n1,0,0,1,0,0,0,0,0\n"
    found = read_predictions(write(tmp_path, text))
    assert (6 * found.contributions.values).round().astype(int).tolist() == [[7, 4, 7]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty. Give a CSV"),
        (HEAD, "a head and no samples"),
        (b"id,label\xff\n", "cannot be read"),
        (HEAD + '1,"dog,dog,cat,dog\n', "cannot be read"),
        ("label,audio,visual,audio+visual\n", "has no column 'id'; it has label, audio"),
        ("id,audio,visual,audio+visual\n", "has no column 'label'"),
        ("id,label,audio\n1,2,3\n", "from audio alone; contributions are of 2 to 12"),
        ("id,label,audio,visual\n1,2,3,4\n", r"has no column 'audio\+visual': each of the 3 subsets"),
        ("id,label,audio,visual,audio+visal\n1,2,3,4,5\n", r"column 'audio\+visal' is no subset of audio, visual"),
        ("id,label,audio,visual,audio,audio+visual\n", "column 'audio' has no name, stands there twice"),
        ("id,label,audio,visual,audio+visual,visual+audio\n", r"column 'visual\+audio' has no name, stands"),
        ("id,label,id,audio,visual,audio+visual\n", "column 'id' has no name, stands there twice"),
        ("id,label,,audio,visual,audio+visual\n", "column '' has no name"),
        (HEAD + "one,dog,dog,cat\n", "line 2: 4 cells, the head has 5"),
        (HEAD + "one,dog,dog,cat,dog,\n", "line 2: 6 cells"),
        (HEAD + "one,dog,dog,cat,dog\ntwo,dog,,cat,dog\n", "line 3: audio is empty"),
        (GOOD + "one,dog,dog,cat,dog\n", "id 'one' stands in 2 rows"),
    ],
)
def test_files_that_cannot_be_meant(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        read_predictions(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(DataError, match="none.csv cannot be read"):
        read_predictions(tmp_path / "none.csv")
