"""Numbers that nobody has published: not available, until a CSV file beside the claims gives them."""

from __future__ import annotations

import shutil

import pytest
from claims_fakes import PROJECT
from continual_fakes import continual_claims, continual_plan, continual_results

from mmlib.errors import UsageError
from mmlib.report.tables import NOT_AVAILABLE, number_verdicts, results_table
from mmlib.workbook.claim_values import values_files
from mmlib.workbook.claims import load_claims
from mmlib.workbook.verdicts import judge_statements

METRICS = ["mean_task_acc", "forgetting"]


@pytest.fixture
def own(tmp_path):
    """The claims file in a folder of its own; call with the text of the CSV file."""
    path = tmp_path / "iemf.yaml"
    shutil.copy(PROJECT / "notebooks" / "claims" / "iemf.yaml", path)

    def with_values(text):
        (tmp_path / "iemf-continual.csv").write_text(text)
        return path

    return with_values


def table(claims, profile="ave"):
    results = continual_results(profile=profile, seeds=(0, 2025, 3917))
    return results_table(results, claims, METRICS, protocols=continual_plan().protocols)


def test_without_a_file_they_are_not_available():
    claims = continual_claims()
    assert claims.claims("continual") == []
    assert claims.not_available("continual", "ave") == {
        (method + suffix, name) for method in ("lwf", "ss_il", "av_cil") for suffix in ("", "-iemf") for name in METRICS
    }
    shown = table(claims)
    titles = [column.title for column in shown.columns]
    assert titles[2:5] == ["mean task accuracy, printed", "mean task accuracy, clean", "mean task accuracy, last epoch"]
    by_row = {entry["row"]: row for entry, row in zip(shown.data, shown.rows, strict=True)}
    assert by_row["lwf"][2] == by_row["av_cil-iemf"][2] == NOT_AVAILABLE
    assert by_row["replay"][2] == "–"  # not in the paper at all
    assert any(NOT_AVAILABLE in note for note in shown.notes)


def test_other_data_have_no_printed_column():
    results = continual_results(seeds=(0,))
    shown = results_table(results, continual_claims(), METRICS, protocols=continual_plan().protocols)
    assert not any("printed" in column.title for column in shown.columns)


def test_a_file_fills_them_and_they_are_judged(own):
    path = own("row,column,value\nlwf, ave_acc, 55.25\nlwf-iemf,ave_acc,57.5\nlwf,ave_forgetting,21.0\n")
    claims = load_claims(path)
    assert [claim.id for claim in claims.claims("continual")] == [
        "continual/ave_acc/lwf", "continual/ave_forgetting/lwf", "continual/ave_acc/lwf-iemf",
    ]  # fmt: skip
    assert ("lwf", "mean_task_acc") not in claims.not_available("continual", "ave")
    assert ("lwf-iemf", "forgetting") in claims.not_available("continual", "ave")
    results = continual_results(profile="ave", seeds=(0, 2025, 3917), classes=28)
    verdicts = {verdict.claim.id: verdict.verdict for verdict in number_verdicts(results, claims)}
    assert verdicts["continual/ave_acc/lwf"] == "not reproduced"
    assert table(claims).rows[2][2] == "55.25"[:4]
    (helped, forgot, *_) = judge_statements(claims, results).verdicts
    assert helped.printed_gain == {"AVE average accuracy": pytest.approx(2.25)}
    assert forgot.printed_gain == {}  # one of the two numbers is missing


def test_the_file_counts_as_a_source_of_the_summaries(own):
    path = own("row,column,value\n")
    assert values_files(path) == [path.with_name("iemf-continual.csv")]
    path.with_name("iemf-continual.csv").unlink()
    assert values_files(path) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lwf,ave_acc,55\n", "must begin with the line 'row,column,value'"),
        ("row,column,value\nlfw,ave_acc,55\n", "line 2: the table has no row 'lfw' (did you mean 'lwf'?)"),
        ("row,column,value\nlwf,ave,55\n", "line 2: the table has no column 'ave'"),
        ("row,column,value\nlwf,ave_acc,high\n", "line 2: value 'high' is not a number"),
        ("row,column,value\nlwf,ave_acc\n", "line 2: give a row, a column and a value"),
        ("row,column,value\nlwf,ave_acc,55,1\n", "line 2: give a row, a column and a value"),
        ("row,column,value\nlwf,ave_acc,55\nlwf,ave_acc,56\n", "line 3: lwf, ave_acc has a value already"),
        ("row,column,value\nlwf,ave_acc,155\n", "cannot be 155"),
    ],
)
def test_mistakes_in_the_file_are_one_message(own, text, said):
    with pytest.raises(UsageError, match="iemf"):
        load_claims(own(text))
    with pytest.raises(UsageError) as error:
        load_claims(own(text))
    assert said in str(error.value)
