"""What the paper's own numbers say of themselves: whole counts, and differences against its own statements."""

from __future__ import annotations

from claims_fakes import CLAIMS
from iemf_fakes import iemf_claims

from mmlib.report.printed import agreement_sentences, counts_table, printed_gains
from mmlib.workbook.claims import load_claims


def test_counts_table_of_iemf():
    table = counts_table(iemf_claims(), "iemf")
    lines = {(row[0].split(":")[0], row[1]): row[2:] for row in table.rows}
    assert lines["Figure 2(b)", "CREMA-D"] == ["744", "0.134", "8", "7", "1", "0", "7%"]
    assert lines["Figure 2(a)", "UrbanSound8K-AV"][2:] == ["8", "8", "0", "0", "26%"]
    assert len(table.data) == 57
    assert table.notes[0] == (
        "All 57 printed numbers are whole counts over the test set: 55 rounded, 2 truncated (63.70 = 474/744; "
        "53.19 = 1380/2594)."
    )


def test_differences_against_its_own_statements_are_counted_in_samples():
    told = agreement_sentences(iemf_claims(), "iemf")
    assert told[0] == (
        "Figure 2(a): accuracy without and with IEMF, ANN: 2 of its 12 differences go against its own statement "
        "(“IEMF helps plain concatenation” on UrbanSound8K-AV Top-1: −0.04, 1 sample; "
        "“IEMF helps LFM” on CREMA-D Top-1: −0.13, 1 sample)."
    )
    assert "−1.88, 14 samples" in told[1]
    assert "none of its 4 differences go against" in told[2]
    assert sum(one.gain < 0 for one in printed_gains(iemf_claims())) == 4


def test_claims_without_sizes_have_no_such_table():
    assert counts_table(load_claims(CLAIMS)) is None
