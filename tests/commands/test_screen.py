"""Text that keeps to a terminal's width."""

from __future__ import annotations

from mmlib.commands import screen


def test_output_to_a_pipe_is_not_wrapped(monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert screen.width() is None
    assert screen.paragraph("word " * 100, None) == ["word " * 100]
    monkeypatch.setenv("COLUMNS", "60")
    assert screen.width() == 60


def test_a_listing_names_what_fits_and_counts_the_rest():
    rows = [f"row-{i}" for i in range(40)]
    assert screen.listing(rows, None) == [", ".join(rows)]
    lines = screen.listing(rows, 50, indent="  ", what="rows")
    assert len(lines) == 2
    assert max(map(len, lines)) <= 50
    text = " ".join(" ".join(lines).split())
    named, _, rest = text.partition(" and ")
    assert len(named.split(", ")) + int(rest.split()[0]) == 40
    assert rest.endswith("more rows")


def test_a_table_wider_than_the_terminal_goes_on_below_with_its_rows():
    heads, rows = ["row", "a\nb", "loss", "n"], [["one", "1.0 ± 0.1", "2.5", "3"], ["another", "–", "12.5", "3"]]
    assert screen.table(heads, rows, None) == [
        "                   a",
        "  row              b  loss  n",
        "  one      1.0 ± 0.1   2.5  3",
        "  another          –  12.5  3",
    ]
    narrow = screen.table(heads, rows, 24)
    assert max(map(len, narrow)) <= 24
    assert [line.split() for line in narrow if line.startswith("  another")] == [
        ["another", "–"],
        ["another", "12.5", "3"],
    ]
