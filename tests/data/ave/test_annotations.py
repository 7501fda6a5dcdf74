"""Annotations.txt: both published forms, and one message for every malformed line."""

import numpy as np
import pytest

from mmlib.data.ave.annotations import read_annotations, write_annotations
from mmlib.errors import DataError

GOOD = "Fixed-wing aircraft, airplane&-a_bcdefghij&good&2&5\nFrying (food)&RUhOCu3LNXM&good&0&10\n"


@pytest.fixture
def write(tmp_path):
    def make(text):
        path = tmp_path / "Annotations.txt"
        path.write_text(text)
        return path

    return make


@pytest.mark.parametrize("head", ["", "Category&VideoID&Quality&StartTime&EndTime\n", "\ufeff", "\n"])
def test_header_or_none(write, head):
    found = read_annotations(write(head + GOOD))
    np.testing.assert_array_equal(found.label, [3, 10])
    assert found.video.tolist() == ["-a_bcdefghij", "RUhOCu3LNXM"]
    np.testing.assert_array_equal(found.segments[0], [28, 28, 3, 3, 3, 28, 28, 28, 28, 28])
    np.testing.assert_array_equal(found.segments[1], [10] * 10)


def test_written_and_read_again(write, tmp_path):
    first = read_annotations(write(GOOD))
    write_annotations(tmp_path / "copy.txt", first)
    assert (tmp_path / "copy.txt").read_text() == GOOD


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Bark&abc&good&1", r"line 3: 4 fields, expected 5 \(category&video id&quality&onset&offset\)"),
        ("Barking&abc&good&1&2", "line 3: category 'Barking' is none of AVE's 28 events"),
        ("Bark&&good&1&2", "line 3: the video id is empty"),
        ("Bark&abc&good&1.5&2", "line 3: onset '1.5' and offset '2' must be whole seconds"),
        ("Bark&abc&good&x&2", "line 3: onset 'x'"),
        ("Bark&abc&good&-1&2", "line 3: onset '-1'"),
        ("Bark&abc&good&3&2", "line 3: the event from 3 to 2 s does not lie within 0 to 10 s"),
        ("Bark&abc&good&3&11", "line 3: the event from 3 to 11 s"),
    ],
)
def test_malformed_line(write, line, message):
    with pytest.raises(DataError, match=message):
        read_annotations(write(GOOD + line + "\n"))


def test_no_lines_and_no_text(write, tmp_path):
    with pytest.raises(DataError, match="has no lines"):
        read_annotations(write("Category&VideoID&Quality&StartTime&EndTime\n"))
    (tmp_path / "Annotations.txt").write_bytes(b"\x89HDF\xff\xfe")
    with pytest.raises(DataError, match="cannot be read"):
        read_annotations(tmp_path / "Annotations.txt")
    with pytest.raises(DataError, match="cannot be read"):
        read_annotations(tmp_path / "nowhere.txt")


def test_published_file(lists):
    found = read_annotations(lists / "Annotations.txt")
    assert len(found) == 4143
    assert len(np.unique(found.video)) == 4097
    duration = np.bincount(found.offset - found.onset, minlength=11)
    assert duration.tolist() == [1, 0, 214, 220, 217, 196, 200, 139, 111, 95, 2750]
    assert np.bincount(found.onset).tolist() == [3250, 124, 110, 128, 117, 122, 114, 102, 76]
    assert np.flatnonzero(duration[found.offset - found.onset] == 1).tolist() == [26]
    _, first = np.unique(found.label, return_index=True)
    assert found.label[np.sort(first)].tolist() == list(range(28))  # numbers are the order of first appearance
