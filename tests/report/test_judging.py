"""One family of tests: every p adjusted for the number of tests of the report, each comparison counted once."""

from __future__ import annotations

import pytest
from claims_fakes import CLAIMS, PLAN, fake_results

from mmlib.report.assemble import Assembly
from mmlib.report.judging import conclusion_key, family_of, statement_key
from mmlib.statistics import holm
from mmlib.workbook.claims import load_claims
from mmlib.workbook.conclusions import conclude
from mmlib.workbook.plan import load_plan
from mmlib.workbook.verdicts import CONTRADICTED, HOLDS, NOISE, judge_statements


@pytest.fixture(scope="module")
def assembly():
    claims, results = load_claims(CLAIMS), fake_results(seeds=range(6))
    return Assembly(load_plan(PLAN), claims, results, [], judge_statements(claims, results), {})


@pytest.fixture(scope="module")
def conclusions(assembly):
    return conclude(assembly.claims, assembly.results)


def test_statements_and_conclusions_are_one_family(assembly, conclusions):
    family = family_of([assembly], conclusions)
    verdicts = assembly.statements.verdicts
    # Four conclusions: three of one comparison each repeat a statement's test or its mean; each adds one of equality.
    distinct = {statement_key(one, "table1", "embedded") for one in verdicts} | {conclusion_key(c) for c in conclusions}
    assert family.size == len(distinct) + len(conclusions)
    expected = holm(list(family.raw.values()))
    assert list(family.adjusted.values()) == expected
    assert all(family.adjusted[key] >= p for key, p in family.raw.items())


def test_the_papers_mean_gain_and_the_conclusion_are_one_test(assembly, conclusions):
    statement = next(v for v in assembly.statements.verdicts if v.statement.id == "simam2-average-gain")
    found = next(one for one in conclusions if one.method.id == "simam2")
    assert conclusion_key(found) == statement_key(statement, "table1", "embedded")
    assert found.difference.p == pytest.approx(statement.p)
    assert found.difference.mean == pytest.approx(statement.difference.mean)


def test_a_verdict_that_holds_only_unadjusted_is_hollow_and_says_so(assembly, conclusions):
    family = family_of([assembly], conclusions)
    labels = [(one, family.statement(one, "table1", "embedded")) for one in assembly.statements.verdicts]
    for verdict, label in labels:
        adjusted = family.p(statement_key(verdict, "table1", "embedded"))
        if verdict.verdict in (HOLDS, CONTRADICTED):
            assert label.hollow == (adjusted >= 0.05)
            assert label.text == verdict.verdict + (", unadjusted" if label.hollow else "")
            assert label.kind == ("better" if verdict.verdict == HOLDS else "worse")
        else:
            assert (label.text, label.kind, label.hollow) == (verdict.verdict, "open", False)
    assert {label.hollow for verdict, label in labels if verdict.verdict != NOISE} == {True, False}


def test_more_tests_leave_fewer_standing(assembly, conclusions):
    alone = family_of([assembly], conclusions)
    other = Assembly(assembly.plan, assembly.claims, fake_results(profile="av_digits", seeds=range(6)), [], None, {})
    other.statements = judge_statements(assembly.claims, other.results)
    both = family_of([assembly, other], conclusions)
    assert both.size > alone.size
    assert all(both.adjusted[key] >= p for key, p in alone.adjusted.items())
    assert both.counts[1] <= both.counts[0]


def test_nothing_tested_is_an_empty_family():
    assert family_of([], []).size == 0
    assert family_of([], []).counts == (0, 0)
