"""Tables: golden renderings of a small one, then the tables of a plan."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from claims_fakes import CLAIMS, MIXED, fake_results, mixed_results

from mmlib.metrics.family import metric
from mmlib.report.render import Column, Table, latex, save_table, to_csv, to_html, to_latex, to_markdown
from mmlib.report.statements import compact_statements, plain_sentence, statements_table
from mmlib.report.tables import plus_minus, problems_table, results_table
from mmlib.statistics import summarise
from mmlib.workbook.claims import load_claims
from mmlib.workbook.results import Problem
from mmlib.workbook.verdicts import judge_statements


@pytest.fixture(scope="module")
def claims():
    return load_claims(CLAIMS)


@pytest.fixture
def small():
    columns = [Column("Method"), Column("Fusion"), Column("Top-1, %", "number"), Column("verdict", "verdict")]
    rows = [
        ["+SimAM²", "a|b", "51.5 ± 0.3 (3)", "within seed noise"],
        ["+SimAM²", "x_y & ζ", "−0.2", "–"],
        ["Base", "<i>", "1", "holds"],
    ]
    data = [{"row": "a", "mean": 51.5, "sd": None, "seeds": [0, 1]}, {"row": "b", "mean": 1 / 3, "more": "c,d"}]
    return Table("t", "Title: 100 %", columns, rows, ["A note, 5 % & more"], data)


def test_markdown(small):
    assert to_markdown(small) == (
        "**Title: 100 %**\n\n"
        "| Method | Fusion | Top-1, % | verdict |\n"
        "| :--- | :--- | ---: | :--- |\n"
        "| +SimAM² | a\\|b | 51.5 ± 0.3 (3) | within seed noise |\n"
        "|  | x_y & ζ | −0.2 | – |\n"
        "| Base | <i> | 1 | holds |\n"
        "\n- A note, 5 % & more\n"
    )


def test_latex(small):
    assert to_latex(small) == (
        "\\begin{table}\n\\centering\\footnotesize\n"
        "\\caption{Title: 100 \\%}\n\\label{tab:t}\n"
        "\\begin{tabular}{llrl}\n\\hline\n"
        "Method & Fusion & Top-1, \\% & verdict \\\\\n\\hline\n"
        "+SimAM$^2$ & a|b & 51.5 $\\pm$ 0.3 (3) & within seed noise \\\\\n"
        " & x\\_y \\& $\\zeta$ & $-$0.2 & -- \\\\\n"
        "\\hline\n"
        "Base & $<$i$>$ & 1 & holds \\\\\n"
        "\\hline\n\\end{tabular}\n\\par A note, 5 \\% \\& more\n\\end{table}\n"
    )


def test_csv_carries_numbers(small):
    assert to_csv(small) == 'row,mean,sd,seeds,more\na,51.5,,0 1,\nb,0.333333,,,"c,d"\n'


def test_html_spans_groups_and_escapes(small):
    page = to_html(small)
    assert '<th scope="rowgroup" rowspan="2">+SimAM²</th>' in page
    assert "<i>" not in page
    assert "&lt;i&gt;" in page
    assert '<span class="verdict within-seed-noise">within seed noise</span>' in page
    assert page.count("<tr") == 4
    assert page.count("<td") == 9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50 % of a_b #1", r"50 \% of a\_b \#1"),
        ("ζ = ½, ρ, SimAM²", r"$\zeta$ = $\frac{1}{2}$, $\rho$, SimAM$^2$"),
        ("{a}$\\~^", r"\{a\}\$\textbackslash{}\textasciitilde{}\textasciicircum{}"),
    ],
)
def test_latex_escaping(text, expected):
    assert latex(text) == expected


def test_small_texts():
    assert plus_minus(None, metric("top1")) == "–"
    assert plus_minus(summarise([62.0, 63.0]), metric("top1")) == "62.5 ± 0.7 (2)"
    assert plus_minus(summarise([0.71, 0.726]), metric("mae"), n=False) == "0.718 ± 0.011"


def test_table_of_embedded_data_hides_printed_numbers(claims):
    table = results_table(fake_results(), claims, also=["top1_audio", "top1_visual"])
    titles = [column.title for column in table.columns]
    assert not any("printed" in title or title == "verdict" for title in titles)
    assert {"Top-1, best on test", "Top-1, clean", "audio alone", "seeds"} <= set(titles)
    assert len(table.rows) == len(table.data) == 16
    assert "51.5" not in to_csv(table)
    assert table.rows[1][titles.index("seeds")] == "0 1 2"
    assert table.frame().shape == (16, len(titles))


def test_table_of_the_papers_data_compares_numbers(claims):
    table = results_table(fake_results(kind="paper", profile="cremad"), claims)
    titles = [column.title for column in table.columns]
    row = dict(zip(titles, table.rows[1], strict=True))
    assert row["Top-1, printed"] == "51.5"
    assert row["verdict"] == "not reproduced"
    facts = next(csv.DictReader(io.StringIO(to_csv(table))))
    assert facts["top1_printed"] == "51.7"
    assert float(facts["top1_difference"]) == pytest.approx(float(facts["paper_top1_mean"]) - 51.7, abs=1e-3)
    assert table.data[-1]["row"] == "ogm_ge-simam2-learned-sum"
    assert "top1_printed" not in table.data[-1]


def test_statements_table(claims):
    results = fake_results()
    family = judge_statements(claims, results)
    table = statements_table(family, results)
    assert len(table.rows) == 19
    first = dict(zip((column.title for column in table.columns), table.rows[0], strict=True))
    assert first["paper’s table"] == "2.8 / 0.2 better"
    assert first["verdict"] == family.verdicts[0].verdict
    assert family.warning in table.notes
    sentence = plain_sentence(family.verdicts[0])
    assert sentence.startswith("SimAM² helps summation: holds. Over 3 common seeds Top-1 is ")
    assert sentence.endswith(" better).")
    error = replace(family.verdicts[0], metric="mae")
    assert " MAE is " in plain_sentence(error)
    assert "points" not in plain_sentence(error)


def test_tables_without_records(claims):
    results = fake_results(seeds=())
    results.source = "none"
    table = results_table(results, claims)
    assert any("mmlib run table1 --profile embedded" in note for note in table.notes)
    assert "–" in table.rows[0]
    family = judge_statements(claims, results)
    assert all(row[-4] == "not run" for row in statements_table(family, results).rows)
    assert "No statement could be tested." in family.warning


def test_problems_are_grouped(claims):
    results = fake_results()
    assert problems_table(results) is None
    results.rows["simam2-sum"].problems = [Problem("simam2-sum", seed, "failed", "E: x") for seed in (0, 2)]
    results.rows["baseline-sum"].problems = [Problem("baseline-sum", 1, "failed", "E: x")]
    assert problems_table(results).rows == [["failed", "3", "baseline-sum (seed 1); simam2-sum (seed 0 2)", "E: x"]]


def test_save_table(small, tmp_path):
    written = save_table(small, tmp_path / "tables")
    assert [path.name for path in written] == ["t.csv", "t.md", "t.tex"]
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {"t.csv", "t.md", "t.tex"}


def test_compact_statements_keep_the_remark_under_its_statement(claims):
    results = fake_results()
    table = statements_table(judge_statements(claims, results), results)
    compact = compact_statements(table)
    assert [column.title for column in compact.columns][:4] == ["Source", "Statement", "verdict", "Metric"]
    assert all(len(row) == len(compact.columns) for row in compact.rows)
    remarks = [(row[-1], short[1]) for row, short in zip(table.rows, compact.rows, strict=True) if row[-1]]
    assert remarks
    assert all(text.endswith(f"({remark})") for remark, text in remarks)
    assert compact.notes[-1] == "“paper’s table”: the same difference in its printed numbers, CREMA-D / VGGSound."


@pytest.fixture
def mixed(tmp_path):
    path = tmp_path / "mixed.yaml"
    path.write_text(MIXED)
    return load_claims(path)


def test_columns_of_several_units(mixed):
    metrics = ["accuracy_2", "mae", "pearson"]
    table = results_table(mixed_results(), mixed, metrics)
    assert [column.title for column in table.columns][2:7] == [
        "accuracy, 2 classes, printed", "accuracy, 2 classes, best on test", "accuracy, 2 classes, clean",
        "ours against printed", "verdict",
    ]  # fmt: skip
    base, ours = table.rows
    assert base[2:6] == ["85.1", "85.0 ± 0.0 (3)", "85.0 ± 0.0 (3)", "0.1 points worse"]
    assert base[7:11] == ["0.718", "0.718 ± 0.001 (3)", "0.718 ± 0.001 (3)", "0.000 different"]
    assert ours[7:11] == ["0.702", "0.698 ± 0.001 (3)", "0.698 ± 0.001 (3)", "0.004 better"]
    assert ours[12:16] == ["0.795", "0.760 ± 0.003 (3)", "0.760 ± 0.003 (3)", "0.035 worse"]
    units = "Percent (accuracy, 2 classes), number (MAE), correlation (Pearson’s r); mean ± sd (n) over seeds."
    assert any(note.startswith(units) for note in table.notes)
    assert "Lower is better: MAE. Higher is better: accuracy, 2 classes; Pearson’s r." in table.notes
    facts = next(csv.DictReader(io.StringIO(to_csv(table))))
    assert (facts["mae_unit"], facts["mae_better"], facts["accuracy_2_unit"]) == ("number", "lower", "percent")
    assert float(facts["clean_mae_mean"]) == pytest.approx(0.718, abs=0.001)
    for text in (to_markdown(table), to_latex(table), to_html(table)):
        assert "0.004 better" in text


def test_metrics_that_no_record_has_are_left_out_of_our_own_data(mixed):
    results, metrics, also = mixed_results("embedded"), ["accuracy_2", "top1"], ["accuracy_7", "pearson"]
    table = results_table(results, mixed, metrics, also)
    assert any("because no record has it: Top-1; accuracy, 7 classes." in note for note in table.notes)
    titles = [column.title for column in table.columns]
    assert titles[2:5] == ["accuracy, 2 classes, best on test", "accuracy, 2 classes, clean", "Pearson’s r"]
    assert titles[5] == "seeds"
    printed = [column.title for column in results_table(mixed_results("paper"), mixed, ["accuracy_2", "mae"]).columns]
    assert "MAE, printed" in printed
    assert results.measured(["map"]) == ["map"]  # an empty table says more than none


def test_statements_are_asked_of_metrics_that_our_own_data_have(mixed):
    results = mixed_results("embedded")
    asked = {verdict.metric for verdict in judge_statements(mixed, results).verdicts}
    for record in results.records:
        record.metrics = {key: value for key, value in record.metrics.items() if not key.endswith("/mae")}
    assert {verdict.metric for verdict in judge_statements(mixed, results).verdicts} == asked - {"mae"} != asked


def test_statements_of_several_units(mixed):
    results = mixed_results()
    table = statements_table(judge_statements(mixed, results), results)
    found = [row[3:6] for row in table.rows]
    assert found[0][:2] == ["0.9 better", "1.0 points better"]
    assert found[1][:2] == ["0.016 better", "0.020 better"]
    assert found[2][:2] == ["0.002 worse", "0.030 worse"]
    assert not any(sign in text for row in found for text in row for sign in "+−")
    csv_rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert [row["difference"] for row in csv_rows] == ["1.0 points better", "0.020 better", "0.030 worse"]
