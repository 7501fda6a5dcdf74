"""The share of IEMF's gain that unimodal losses alone give, and what is said where there is none to give."""

from __future__ import annotations

import pytest
from iemf_fakes import iemf_claims, iemf_results

from mmlib.analysis.iemf.printed import SWEEP_DATA, printed_numbers
from mmlib.analysis.iemf.share import printed_shares, share_of, shares

BASE = {0: 60.0, 1: 61.0, 2: 62.0}


def shifted(*differences):
    return {seed: BASE[seed] + difference for seed, difference in enumerate(differences)}


def test_worked_out_by_hand():
    """Gains 4, 5, 6 of IEMF and 1, 2, 3 of the losses: share 2/5, Fieller's interval −0.192 to 0.599."""
    found = share_of("none", "concatenation", BASE, shifted(1, 2, 3), shifted(4, 5, 6))
    assert found.gain.mean == pytest.approx(5)
    assert found.share.value == pytest.approx(0.4)
    assert found.sentence == (
        "IEMF on concatenation: 5.0 points better (2.5 to 7.5 better) than without; unimodal losses alone 2.0 points "
        "better (0.5 worse to 4.5 better). Unimodal losses alone give 40 % (−19 % to 60 %) of the gain."
    )


@pytest.mark.parametrize(
    ("joint", "iemf", "said"),
    [
        (shifted(1, 2, 3), shifted(-2, 4, 1), "The interval of IEMF's gain contains zero, so no share can be given."),
        (shifted(1, 2, 3), shifted(-4, -5, -6), "IEMF gains nothing here, so there is no share to give."),
        ({}, shifted(4, 5, 6), "unimodal losses alone did not run, so no share can be given."),
        (shifted(1, 2, 3), {7: 60.0}, "no seed ran both with and without it, so no share can be given."),
        (shifted(1, 2, 3), {0: 65.0}, "one seed has no interval, so no share can be given."),
        ({0: 61.0}, shifted(4, 5, 6), "The seeds that all three rows ran give no interval of the share."),
    ],
)
def test_no_share_is_given_where_there_is_none(joint, iemf, said):
    found = share_of("none", "concatenation", BASE, joint, iemf)
    assert not found.has_share
    assert found.sentence.endswith(said)
    assert "%" not in found.sentence


def test_pairing_is_by_seed():
    """The same values under other seeds are other pairs: a shared seed effect must cancel."""
    found = share_of("none", "x", {0: 10.0, 1: 90.0}, {0: 11.0, 1: 91.1}, {0: 12.0, 1: 92.1})
    assert found.has_share
    swapped = share_of("none", "x", {0: 10.0, 1: 90.0}, {0: 91.1, 1: 11.0}, {0: 92.1, 1: 12.0})
    assert not swapped.has_share


def test_of_the_plan():
    found = {one.method: one for one in shares(iemf_results())}
    assert set(found) == {"none", "mslr", "ogm_ge", "lfm", "snn-none", "snn-mslr", "snn-ogm_ge", "snn-lfm"}
    for method in ("none", "mslr", "ogm_ge", "lfm"):
        share = found[method].share
        assert share.low < 3.0 / 3.6 < share.high
    assert "did not run" in found["snn-none"].sentence
    assert shares(iemf_results(seeds=())) == []


def test_printed_shares_are_those_of_the_study():
    found = printed_shares(printed_numbers(iemf_claims(), "iemf")[SWEEP_DATA])
    assert {method: round(100 * share) for method, share in found.items()} == {
        "none": 71, "mslr": 91, "ogm_ge": 46, "lfm": 74,
    }  # fmt: skip
    assert printed_shares(printed_numbers(iemf_claims(), "iemf")["CREMA-D"]) == {}
