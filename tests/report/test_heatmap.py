"""The map of statements against data sets: which rows and columns, and what a spot says."""

from __future__ import annotations

import re

import pytest
from claims_fakes import CLAIMS, PLAN, fake_results

from mmlib.report.assemble import Assembly
from mmlib.report.heatmap import heat_map, heat_map_html
from mmlib.report.judging import family_of
from mmlib.workbook.claims import load_claims
from mmlib.workbook.plan import load_plan
from mmlib.workbook.verdicts import judge_statements


def assembly(profile: str = "embedded", seeds=range(6)) -> Assembly:
    claims, results = load_claims(CLAIMS), fake_results(profile=profile, seeds=seeds)
    return Assembly(load_plan(PLAN), claims, results, [], judge_statements(claims, results), {})


@pytest.fixture(scope="module")
def found():
    shown = [assembly(), assembly("av_digits"), assembly("cremad", seeds=())]
    return heat_map(shown, family_of(shown, []))


def test_columns_are_data_sets_with_results_and_rows_are_statements(found):
    assert found.profiles == ["embedded", "av_digits"]
    ((_, rows),) = found.plans
    statements = load_claims(CLAIMS).statements_of("table1")
    assert [next(iter(row.values())).text for row in rows] == [one.text for one in statements]
    assert all(set(row) == {"embedded", "av_digits"} for row in rows)


def test_one_spot_for_each_statement_in_its_first_metric(found):
    assert {spot.known.name for spot in found.spots} == {"top1"}
    assert len(found.spots) == 2 * 17
    assert sum(count for _, _, count in found.counts()) == len(found.spots)


def test_a_spot_says_better_or_worse_and_leads_to_its_section(found):
    page = heat_map_html(found)
    said = re.findall(r'<a class="spot [^"]+" href="([^"]+)" title="[^"]+">([^<]+)<', page)
    assert len(said) == len(found.spots)
    assert all(re.fullmatch(r"\d+\.\d (better|worse|different)", text) for _, text in said)
    assert {link for link, _ in said} == {"plan-table1.html#table1-embedded", "plan-table1.html#table1-av_digits"}


def test_hollow_spots_are_those_that_do_not_survive(found):
    page = heat_map_html(found)
    hollow = sum(spot.label.hollow for spot in found.spots)
    assert 0 < hollow < len(found.spots)
    assert page.count('<a class="spot better hollow"') + page.count('<a class="spot worse hollow"') == hollow
    assert page.count(", unadjusted</span>") == hollow


def test_nothing_tested_is_no_map():
    nothing = [assembly(seeds=()), assembly("av_digits", seeds=(0,))]
    assert heat_map_html(heat_map(nothing, family_of(nothing, []))) == ""
