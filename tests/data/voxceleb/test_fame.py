"""FAME: splits, truth and score files survive a round trip; the four error rates; what is malformed."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.data.voxceleb import fame
from mmlib.errors import DataError, UsageError
from mmlib.metrics.verification import eer

LINES = """ab12cd34 voices/English/00001.wav faces/English/00007.jpg
zz99yy88 voices/English/00002.wav faces/English/00003.jpg
"""


def test_scores_round_trip(tmp_path):
    (tmp_path / "split.txt").write_text(LINES)
    split = fame.read_split(tmp_path / "split.txt")
    path = fame.write_scores(tmp_path / fame.score_name("v1", "English", True), split.key, np.array([0.5, 1.23456789]))
    assert path.name == "sub_score_v1_English_unheard.txt"
    assert path.read_text() == "ab12cd34 0.500000\nzz99yy88 1.234568\n"
    np.testing.assert_allclose(fame.read_scores(path, split.key), [0.5, 1.234568])
    with pytest.raises(DataError, match="line 1: the key is 'ab12cd34', the split has 'zz99yy88' there"):
        fame.read_scores(path, split.key[::-1])


@pytest.mark.parametrize("text", ["k1 1\nk2 0\n", "1\n0\n"])
def test_truth_in_either_form(tmp_path, text):
    (tmp_path / "truth.txt").write_text(text)
    assert fame.read_truth(tmp_path / "truth.txt").tolist() == [True, False]


def test_overall_is_the_mean_of_the_error_rates():
    rng = np.random.default_rng(0)
    truth = {name: rng.random(200) < 0.5 for name in "abcd"}
    scores = {name: rng.normal(1, 0.3, 200) - 0.2 * same for name, same in truth.items()}
    found = fame.evaluate(scores, truth)
    assert found["a"] == eer(scores["a"], truth["a"])
    assert found["overall"] == pytest.approx(np.mean([found[name] for name in "abcd"]))


def test_features_of_both_languages_under_either_name(tmp_path):
    for name in ("English_faces_train", "English_voices_train"):
        (tmp_path / f"{name}.csv").write_text("1,2,A\n3,4,B\n")
    for name in ("English_faces_test", "English_voices_test", "Urdu_faces_unheard_test", "Urdu_voices_test"):
        (tmp_path / f"{name}.csv").write_text("1,2\n")
    train = fame.features(tmp_path, "English")
    assert train["face"].labels.tolist() == ["A", "B"]
    assert fame.features(tmp_path, "English", "Urdu")["face"].path.name == "Urdu_faces_unheard_test.csv"
    assert fame.features(tmp_path, "English", "English")["voice"].rows == 1
    (tmp_path / "English_voices_train.csv").write_text("1,2,B\n3,4,A\n")
    with pytest.raises(DataError, match="not aligned: row 1 is 'A' in one and 'B' in the other"):
        fame.features(tmp_path, "English")
    with pytest.raises(DataError, match="Urdu_faces_train.csv is missing"):
        fame.features(tmp_path, "Urdu")


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (fame.read_split, "k voices/a\n", "line 1: 2 fields, expected 3"),
        (fame.read_split, "k faces/a voices/b\n", "line 1: expected 'key voices"),
        (fame.read_split, LINES + LINES, "a key twice"),
        (fame.read_split, "", "is empty"),
        (fame.read_truth, "k 2\n", "line 1: the label is '2'"),
        (lambda path: fame.read_scores(path, np.array(["k"])), "k x\n", "the score 'x' is not a number"),
        (lambda path: fame.read_scores(path, np.array(["k", "l"])), "k 1\n", "1 scores, the split has 2"),
    ],
)
def test_malformed(tmp_path, read, text, message):
    (tmp_path / "f.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "f.txt")


def test_scores_that_do_not_fit(tmp_path):
    with pytest.raises(UsageError, match="1 distances"):
        fame.write_scores(tmp_path / "s.txt", np.array(["a", "b"]), np.array([0.1]))
    with pytest.raises(DataError, match="is missing"):
        fame.read_split(tmp_path / "none.txt")
