"""Conclusions: a method's comparisons averaged seed by seed, and what a claims file may not say of a method."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from claims_fakes import CLAIMS, MIXED, fake_record, fake_results, mixed_results

from mmlib.errors import UsageError
from mmlib.workbook.claims import load_claims
from mmlib.workbook.conclusions import averaged, conclude
from mmlib.workbook.statement import Method
from mmlib.workbook.verdicts import judge_statements

METHOD = {"id": "ours", "name": "ours", "against": "the base", "statements": ["helps"], "margin": 1.0}
METHOD |= {"margin_reason": "one point"}


@pytest.fixture(scope="module")
def claims():
    return load_claims(CLAIMS)


def claims_with(tmp_path, method=(), **statement):
    content = yaml.safe_load(MIXED)
    content["statements"][0] |= statement
    content["methods"] = [METHOD | dict(method)]
    path = tmp_path / "mixed.yaml"
    path.write_text(yaml.safe_dump(content))
    return load_claims(path)


def values(rows: dict[str, tuple[float, ...]]):
    """Results whose rows have these accuracies (percent, clean) by seed; other rows are empty."""
    results = fake_results()
    for row in results.rows.values():
        row.records = {
            seed: fake_record(row.id, seed, metrics={"clean/top1": value / 100})
            for seed, value in enumerate(rows.get(row.id, ()))
        }
    return results


def one_of(claims, results, method):
    (found,) = (one for one in conclude(claims, results) if one.method.id == method)
    return found


def test_comparisons_are_averaged_seed_by_seed(claims):
    rows = {"baseline-sum": (60.0, 61.0, 62.0), "simam2-sum": (62.0, 62.5, 64.0)}
    rows |= {"baseline-film": (50.0, 52.0, 51.0), "simam2-film": (50.0, 53.0, 53.0)}
    found = one_of(claims, values(rows), "simam2")
    assert found.statements == ("simam2-helps-sum", "simam2-helps-film")
    assert found.missing == ("simam2-on-ogm_ge-sum", "simam2-on-ogm_ge-film")
    assert found.difference.differences == pytest.approx((1.0, 1.25, 2.0))  # means of (2, 0), (1.5, 1), (2, 2)
    assert found.difference.mean == pytest.approx(17 / 12)
    assert {source.row for source in found.sources} == set(rows)
    assert sum(source.weight for source in found.sources) == pytest.approx(0)
    assert len(found.sources) == 12


def test_comparisons_may_be_of_different_splits_but_not_their_rows(claims):
    results = values(dict.fromkeys(("baseline-sum", "baseline-film"), (60.0, 61.0, 62.5)))
    for row in ("simam2-sum", "simam2-film"):
        results.rows[row].records = values({row: (61.0, 63.0, 64.0)}).rows[row].records
    for row in ("baseline-film", "simam2-film"):
        records = results.rows[row].records
        for seed, record in records.items():
            records[seed] = record.model_copy(update={"splits": {"train": 1}})
    assert one_of(claims, results, "simam2").difference.n == 3
    results.rows["simam2-film"].records = results.rows["simam2-sum"].records
    assert "different split sizes" in one_of(claims, results, "simam2").reason


def test_only_seeds_that_all_rows_ran_count(claims):
    found = one_of(claims, values({"baseline-sum": (60.0, 61.0, 62.0), "simam2-sum": (62.0, 62.5)}), "simam2")
    assert found.difference.seeds == (0, 1)
    assert {source.seed for source in found.sources} == {0, 1}


@pytest.mark.parametrize(
    ("treated", "equal"),
    [((60.1, 61.0, 61.9), True), ((61.0, 62.1, 62.9), False), ((57.0, 61.0, 65.0), False), ((60.1,), None)],
)
def test_a_difference_within_the_margin_is_shown_by_two_one_sided_tests(claims, treated, equal):
    found = one_of(claims, values({"baseline-sum": (60.0, 61.0, 62.0), "simam2-sum": treated}), "simam2")
    assert (None if found.p_equal is None else found.p_equal < 0.05) is equal


def test_what_cannot_be_compared_says_why(claims):
    results = values({"baseline-sum": (60.0, 61.0), "simam2-sum": (62.0, 62.5)})
    assert one_of(claims, results, "ogm_ge").reason == "not run"
    other = {0: fake_record("simam2-sum", 0, metrics={"clean/top1": 0.6}, data="e" * 64)}
    results.rows["simam2-sum"] = replace(results.rows["simam2-sum"], records=other)
    found = one_of(claims, results, "simam2")
    assert found.difference is None
    assert "different data manifests" in found.reason


def test_lower_is_better_is_turned(tmp_path):
    claims = claims_with(tmp_path, metrics=["mae"])
    (found,) = conclude(claims, mixed_results())
    assert found.metric == "mae"
    assert found.difference.mean == pytest.approx(0.0198, abs=1e-3)  # the error falls: better


def test_rows_that_cancel_are_left_out(claims):
    statements = {one.id: one for one in claims.statements}
    weights = averaged([statements["simam2-helps-sum"], statements["ogm_ge-helps-sum"]])
    assert weights == {"simam2-sum": 0.5, "baseline-sum": -1.0, "ogm_ge-sum": 0.5}
    chained = averaged([statements["learned-zeta-helps"], statements["decoupling_free-isolated"]])
    assert set(chained) == {"ogm_ge-simam2-sum", "decoupling_free-simam2-sum"}


@pytest.mark.parametrize(
    ("method", "statement", "message"),
    [
        ({"statements": ["hlps"]}, {}, "method 'ours' names unknown statements \\['hlps'\\]"),
        ({"margin": 0.0}, {}, "greater than 0"),
        ({"margin_reason": ""}, {}, "at least 1 character"),
        ({"colour": "red"}, {}, "Extra inputs"),
        ({}, {"contrast": None, "best": "ours", "better_than": ["base"]}, "'helps'\\] cannot be averaged"),
        ({}, {"margin": 1.0}, "metrics of one unit"),
    ],
)
def test_what_a_claims_file_may_not_say_of_a_method(tmp_path, method, statement, message):
    with pytest.raises(UsageError, match=message):
        claims_with(tmp_path, method, **statement)


@pytest.mark.parametrize(
    ("margin", "verdict", "told"),
    [
        (0.1, "holds", "within the margin of 0.1 (TOST)"),
        (0.021, "within seed noise", "the 90 % interval reaches beyond the margin of 0.021 (TOST)"),
        (0.0195, "within seed noise", "larger than the margin of 0.0195, not reliably"),
        (0.005, "contradicted", "larger than the margin of 0.005"),
    ],
)
def test_a_statement_of_equality_has_a_margin(tmp_path, margin, verdict, told):
    content = yaml.safe_load(MIXED)
    content["statements"][0] |= {"margin": margin, "metrics": ["mae"]}
    path = tmp_path / "mixed.yaml"
    path.write_text(yaml.safe_dump(content))
    (found,) = judge_statements(load_claims(path), mixed_results()).verdicts
    assert found.verdict == verdict, found.reason
    assert told in found.reason
    assert (found.p < 0.05) == (verdict in ("holds", "contradicted"))


def test_the_example_of_the_documentation_is_a_method():
    text = (CLAIMS.parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    block = text.partition("```yaml")[2].partition("```")[0]
    (method,) = (Method.model_validate(entry) for entry in yaml.safe_load(block)["methods"])
    assert method.margin == 1.0
    assert len(method.statements) == 2
