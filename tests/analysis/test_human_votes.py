"""Votes of people turned into IEMF's r and I: the published file's values, and a small one worked out by hand."""

from __future__ import annotations

import math

import pytest

from mmlib.analysis.human_votes import EMOTIONS, FILE, human_votes, read_votes
from mmlib.errors import DataError

HEAD = ["", "A", "D", "F", "H", "N", "S", "fileName", "numResponses"]
# r and I over all clips and by emotion, of the published votes.
GOLDEN = {
    "all": (0.77033458, 1.22571084),
    "ANG": (0.840362, 1.158296),
    "DIS": (0.683546, 1.306297),
    "FEA": (0.667980, 1.320334),
    "HAP": (0.682918, 1.306866),
    "NEU": (0.937471, 1.062448),
    "SAD": (0.851618, 1.147303),
}


@pytest.fixture
def votes(tmp_path):
    """A file with two clips of anger and one of every other emotion; `edit` changes its rows."""

    def write(edit=lambda rows: None):
        rows = []
        for shown, matching in ((1, (1, 2)), (2, (3, 2)), (3, (4, 4))):
            for number, hits in enumerate(matching, 1):  # of five votes each; the rest are for neutral
                rows.append([f"{shown}{number:05d}", hits, 0, 0, 0, 5 - hits, 0, f"1001_IEO_ANG_{number}", 5])
            for number, (code, letter) in enumerate(EMOTIONS.items(), 3):
                if code == "ANG":
                    continue
                counts = dict.fromkeys(EMOTIONS.values(), 0)
                counts[letter] += {1: 2, 2: 1, 3: 3}[shown]
                counts["A"] += 1
                rows.append([f"{shown}{number:05d}", *counts.values(), f"1001_IEO_{code}_XX", 0])
        edit(rows)
        path = tmp_path / "votes.csv"
        path.write_text("\n".join(",".join(map(str, row)) for row in [HEAD, *rows]) + "\n")
        return path

    return write


def test_shares_and_coefficient_by_hand(votes):
    """Anger: voice 3 of 10, face 5 of 10, both 8 of 10, so r = 0.4 / 0.8 = 1/2 and I = 1 + tanh(1/2) = 1.462117."""
    whole, anger, *others = human_votes(votes())
    assert (anger.voice, anger.face, anger.both) == pytest.approx((0.3, 0.5, 0.8))
    assert anger.ratio == pytest.approx(0.5)
    assert anger.coefficient == pytest.approx(1.462117, abs=1e-6)
    assert anger.votes == 30
    assert [each.emotion for each in (anger, *others)] == list(EMOTIONS)
    for each in others:  # voice 2 of 3, face 1 of 2, both 3 of 4
        assert each.ratio == pytest.approx((2 / 3 + 1 / 2) / 2 / (3 / 4))
        assert each.coefficient == pytest.approx(1 + math.tanh(1 - each.ratio))
    # Every clip counts the same: two of anger with five votes each, five others with three (voice) and four (both).
    assert (whole.voice, whole.both) == (pytest.approx((0.6 + 5 * 2 / 3) / 7), pytest.approx((1.6 + 5 * 3 / 4) / 7))
    assert whole.votes == 30 + 5 * (3 + 2 + 4)


def test_counts_are_those_of_the_file(votes):
    by = read_votes(votes())["ANG"]
    assert {shown: counts.tolist() for shown, counts in by.items()} == {
        "voice": [[1, 5], [2, 5]],
        "face": [[3, 5], [2, 5]],
        "both": [[4, 5], [4, 5]],
    }


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda rows: rows[0].__setitem__(0, "900001"), "line 2: no rating of a clip"),
        (lambda rows: rows[3].__setitem__(1, "many"), "line 5: no rating of a clip"),
        (lambda rows: rows[3].__setitem__(1, -1), "a count below 0"),
        (lambda rows: rows[3].__setitem__(slice(1, 7), [0] * 6), "line 5.* no vote"),
        (lambda rows: rows[0].__setitem__(7, "1001_IEO_JOY_XX"), "line 2: no rating of a clip"),
        (lambda rows: rows.__delitem__(slice(-7, None)), "all has no votes by both"),
        (lambda rows: rows.append(["1"]), "no rating of a clip"),
    ],
)
def test_what_is_no_vote_is_said_with_its_line(votes, edit, expected):
    with pytest.raises(DataError, match=expected):
        human_votes(votes(edit))


def test_a_missing_file_or_column_is_said(votes, tmp_path):
    with pytest.raises(DataError, match=r"Put tabulatedVotes\.csv of the CREMA-D repository there"):
        human_votes(tmp_path / "nowhere.csv")
    path = votes()
    path.write_text(path.read_text().replace("fileName", "clip"))
    with pytest.raises(DataError, match="the columns 'fileName' are missing"):
        human_votes(path)


def test_the_published_votes(data_root):
    path = data_root / FILE
    if not path.is_file():
        pytest.skip(f"the votes of CREMA-D are not at {path}")
    found = {each.emotion: each for each in human_votes(path)}
    assert set(found) == set(GOLDEN)
    for emotion, (ratio, coefficient) in GOLDEN.items():
        assert found[emotion].ratio == pytest.approx(ratio, abs=1e-6), emotion
        assert found[emotion].coefficient == pytest.approx(coefficient, abs=1e-6), emotion
    whole = found["all"]
    assert (whole.voice, whole.face, whole.both) == pytest.approx((0.396846, 0.572240, 0.629003), abs=1e-6)
    assert whole.votes == sum(found[emotion].votes for emotion in EMOTIONS)
