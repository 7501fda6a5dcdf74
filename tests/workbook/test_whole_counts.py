"""A printed accuracy is a whole count over its test set, or it is no accuracy on it."""

from __future__ import annotations

import pytest
from iemf_fakes import iemf_claims

from mmlib.workbook.whole_counts import chance, printed_decimals, whole_count, whole_counts


@pytest.mark.parametrize(
    ("value", "samples", "expected"),
    [
        (62.63, 744, (466, "rounded")),  # 466 / 744 = .626344
        (63.70, 744, (474, "truncated")),  # 474 / 744 = .637097 rounds to 63.71
        (53.19, 2594, (1380, "truncated")),  # .531997
        (99.24, 2620, (2600, "rounded")),
        (62.70, 744, (None, "impossible")),  # between 466 and 467, 62.634 and 62.769
        (100.0, 744, (744, "rounded")),
        (0.0, 744, (0, "rounded")),
        (99.99, 744, (None, "impossible")),
    ],
)
def test_counts_worked_out_by_hand(value, samples, expected):
    assert whole_count(value, samples, 0.005) == expected


def test_more_decimals_than_samples_leave_little_to_chance():
    assert chance(2, 0.5) == 3 / 101  # 0, 50, 100 of 0..100
    assert chance(1000, 0.5) == 1
    assert chance(744, 0.005) == pytest.approx(745 / 10001)
    assert chance(2594, 0.005) == pytest.approx(0.2595, abs=1e-3)


def test_decimals_follow_the_rounding():
    assert [printed_decimals(rounding) for rounding in (0.5, 0.05, 0.005)] == [0, 1, 2]


def test_every_number_of_iemf_is_a_whole_count():
    found = whole_counts(iemf_claims())
    assert len(found) == 24 + 24 + 5 + 4  # each once: ψ = 1 and "no IEMF" are OGM-GE's, two thirds of 2(c2) are 2(a)'s
    assert {one.how for one in found} == {"rounded", "truncated"}
    truncated = {one.claim.id: one.text for one in found if one.how == "truncated"}
    assert truncated == {
        "figure2b/cremad_top1/snn-mslr": "63.70 = 474/744, truncated",
        "figure2b/ks_top1/snn-mslr": "53.19 = 1380/2594, truncated",
    }


def test_a_number_of_another_test_set_is_found_out():
    claims = iemf_claims()
    table = claims.tables[0]
    columns = [column.model_copy(update={"samples": 700}) for column in table.columns]
    other = claims.model_copy(update={"tables": [table.model_copy(update={"columns": columns})]})
    assert sum(one.count is None for one in whole_counts(other)) > 12
