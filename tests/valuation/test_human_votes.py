"""People as the model (CREMA-D, no media): the exact figures of the spec, D1."""

from __future__ import annotations

import csv
from fractions import Fraction

import pytest

from mmlib.valuation.csv_file import read_predictions
from mmlib.valuation.resampling import copies_of, resampling_rates, sample_plan

COLUMNS = {"VoiceVote": "voice", "FaceVote": "face", "MultiModalVote": "voice+face"}
EMOTIONS = {"ANG": "A", "DIS": "D", "FEA": "F", "HAP": "H", "NEU": "N", "SAD": "S"}


@pytest.fixture(scope="module")
def people(data_root, tmp_path_factory):
    """Majority votes as predictions of a model; a tie, as "A:D", equals no emotion, so it counts as wrong."""
    path = tmp_path_factory.mktemp("people") / "votes.csv"
    with (
        open(data_root / "cremad_meta" / "summaryTable.csv", newline="") as source,
        open(path, "w", newline="") as target,
    ):
        writer = csv.writer(target)
        writer.writerow(["id", "label", *COLUMNS.values()])
        for row in csv.DictReader(source):
            intended = EMOTIONS[row["FileName"].split("_")[2]]
            writer.writerow([row["FileName"], intended, *(row[name] for name in COLUMNS)])
    return read_predictions(path)


def test_right_votes_and_means(people):
    found = people.contributions
    assert len(found) == 7442
    assert found.correct.sum(axis=0).tolist() == [3099, 4931, 5374]
    means = found.means()
    assert {name: round(float(value), 8) for name, value in means.items()} == {"voice": 0.59903252, "face": 0.8452029}
    assert means["voice"] + means["face"] == 2 * Fraction(5374, 7442)
    assert means["voice"] - means["face"] == Fraction(3099 - 4931, 7442)


def test_histogram_and_patterns(people):
    values, counts = people.contributions.histogram()
    assert values.tolist() == [-0.5, 0, 0.5, 1, 1.5]
    assert counts[:, 0].tolist() == [409, 1483, 2178, 2969, 403]
    assert counts[:, 1].tolist() == [176, 1483, 812, 2969, 2002]
    named = {f"{both:d}{voice:d}{face:d}": n for (voice, face, both), n in people.contributions.patterns().items()}
    assert named == {
        "111": 2442, "101": 2002, "000": 1405, "100": 527, "001": 409, "110": 403, "010": 176, "011": 78
    }  # fmt: skip


def test_resampling(people):
    found = people.contributions
    assert copies_of(found).sum(axis=0).tolist() == [6371, 4306]
    assert len(sample_plan(found)) == 18_119 == 7442 + 4 * 2068 + 2405
    rates = resampling_rates(found.means())
    assert rates["face"] == 0
    assert rates["voice"] == pytest.approx(0.16411359, abs=1e-8)
