"""Published lists: read from every format, labels from the label column, one message for what is malformed."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.data.voxceleb import check, lists
from mmlib.errors import DataError

HEADER = "id,voice-speaker-id,face-speaker-id,label,voice-path,face-path\n"


def write(tmp_path, text, name="veriflist_test_random_unseenunheard.txt"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_pairs_take_the_label_column(tmp_path):
    rows = "1,3,3,1,C/v_0000001.wav,C/v/0000025.jpg\n2,4,4,1,D/a,D/b\n3,3,4,0,C/c,D/d\n"
    pairs = lists.read_pairs(write(tmp_path, HEADER + rows))
    assert pairs.same.tolist() == [True, True, False]  # the parity of the row would say 1, 0, 1
    assert pairs.voice_identity.tolist() == [3, 4, 3]
    assert pairs.face_path[0] == "C/v/0000025.jpg"


def test_pairs_with_windows_line_ends_and_a_byte_order_mark(tmp_path):
    text = ("\ufeff" + HEADER + "1,3,3,1,a,b\n").replace("\n", "\r\n")
    assert len(lists.read_pairs(write(tmp_path, text))) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER.replace("label,", "") + "1,3,3,a,b\n", "line 1: the header lacks label"),
        ("1,3,3,1,a,b\n2,3,4,0,a,b\n", "line 1: the header lacks"),
        (HEADER + "1,3,3,2,a,b\n", "line 2: the label is 2"),
        (HEADER + "1,3,3,1,a,b\n2,3,4,1,a,b\n", "line 3: label 1 contradicts the identities"),
        (HEADER + "1,3,x,1,a,b\n", "line 2: face-speaker-id is 'x'"),
        (HEADER + "1,3,3\n", "line 2: expected 6 fields"),
        (HEADER, "no rows below a header"),
        (b"\x80\x04\x95\xff\xfe", "not a text list"),
    ],
)
def test_malformed_pair_lists(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        lists.read_pairs(write(tmp_path, text))


def test_identities_are_numbered_alphabetically(tmp_path):
    names, codes = lists.read_identities(write(tmp_path, "B_Name 4 \nA.J._Buckley 1 \n"))
    assert names.tolist() == ["A.J._Buckley", "B_Name"]
    assert codes.tolist() == [1, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A 1\nB\n", "line 2: expected a name and a set code"),
        ("A 9\n", "line 1"),
        ("A 1\nA 2\n", "twice"),
        ("", "empty"),
    ],
)
def test_malformed_identity_splits(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        lists.read_identities(write(tmp_path, text))


def test_meta_of_the_published_people(data_root):
    people = lists.read_meta(data_root / "lists" / "voxceleb1" / "vox1_meta.csv")
    assert len(people) == 1251
    assert sum(person["Gender"] == "m" for person in people.values()) == 690
    assert len({person["Nationality"] for person in people.values()}) == 35
    assert people["A.J._Buckley"] == {"Gender": "m", "Nationality": "Ireland"}


def test_report_counts_what_parity_would_get_wrong(published):
    said = check.report(published)
    parity = [line for line in said if "parity" in line]
    assert len(parity) == 1
    assert parity[0].startswith("unseen_unheard_N")
    (gender,) = (line for line in said if line.startswith("seen_heard_G:"))
    assert "share gender in 100.0%" in gender


def test_report_says_what_is_generated(published):
    assert check.STANDIN in check.report(published)


@pytest.mark.parametrize("name", list(lists.PAIR_LISTS))
def test_generated_lists_have_the_published_structure(published, name):
    pairs = lists.read_pairs(published / "voxceleb1" / lists.PAIR_LISTS[name])
    alternating = np.arange(len(pairs)) % 2 == 0
    assert (pairs.same == alternating).all() == (name != "unseen_unheard_N")
    if name.startswith("seen_heard"):  # every voice in four rows, its face of the same video
        assert (pairs.voice_path.reshape(-1, 4) == pairs.voice_path[::4, None]).all()
        videos = [path.rpartition("_")[0] for path in pairs.voice_path[pairs.same]]
        assert videos == [path.rpartition("/")[0] for path in pairs.face_path[pairs.same]]
    else:
        assert len(np.unique(pairs.voice_path)) == len(pairs)
