"""The front page: every sentence, spot and count of it is followed to the records on disk, and computed again."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pytest
from claims_fakes import CLAIMS, fake_project, fake_results, write_runs
from scipy import stats

from mmlib.metrics.family import metric
from mmlib.report.answers import answers, conclusions_of
from mmlib.report.assemble import Assembly, assemble
from mmlib.report.judging import family_of
from mmlib.workbook.claims import load_claims
from mmlib.workbook.plan import find_plan, load_plan


def words(value: float, low: float, high: float, name: str = "top1") -> tuple[str, str]:
    """A difference and its interval as the field writes them, put together here once more."""
    unit = metric(name).unit

    def one(number: float) -> str:
        return f"{abs(number):.{unit.digits}f}"

    side = "better" if value > 0 else "worse"
    if low >= 0 or high <= 0:
        near, far = sorted((abs(low), abs(high)))
        return f"{one(value)} points {side}", f"{one(near)} to {one(far)} {side}"
    return f"{one(value)} points {side}", f"{one(low)} worse to {one(high)} better"


def from_records(line: dict, records: dict[str, dict]) -> list[float]:
    """The method's difference for every seed, in percent, from the records that a sentence names."""
    seeds: dict[int, float] = {}
    for source in line["records"]:
        record = records[source["cell"]]
        assert (record["row"], record["seed"]) == (source["row"], source["seed"])
        value = 100 * record["metrics"][f"{line['protocol']}/{line['metric']}"]
        seeds[source["seed"]] = seeds.get(source["seed"], 0.0) + source["weight"] * value
    return list(seeds.values())


def test_every_sentence_is_made_of_the_records_that_it_names(built):
    records, claims, told = built.records(), load_claims(CLAIMS), 0
    for method in built.trace["methods"]:
        declared = next(one for one in claims.methods if one.id == method["method"])
        assert method["sentence"] in built.said
        assert method["sentence"].startswith(f"Against {declared.against}, {declared.name} ")
        for line in method["lines"]:
            differences = from_records(line, records)
            low, high = stats.t.interval(0.95, len(differences) - 1, np.mean(differences), stats.sem(differences))
            assert (line["mean"], line["low"], line["high"]) == pytest.approx((np.mean(differences), low, high))
            assert line["p"] == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
            mean, interval = words(np.mean(differences), low, high)
            many = f"mean of {len(line['statements'])} comparisons" if len(line["statements"]) > 1 else "one comparison"
            assert line["text"].startswith(f"Top-1 {mean} (95 % interval {interval}); {many}")
            assert line["text"].endswith(f", {len(differences)} seeds")
            assert line["text"] in built.said
            if line["label"].startswith(("better", "worse")):
                assert f"Top-1 {mean}" in method["sentence"]
            told += 1
    assert told >= 8  # four methods, two data sets


def test_a_conclusion_is_the_mean_of_its_statements(built):
    claims, records = load_claims(CLAIMS), built.records()
    for method in built.trace["methods"]:
        for line in method["lines"]:
            here = [s for s in claims.statements if s.id in line["statements"]]
            seeds = {source["seed"] for source in line["records"]}
            by_row = {
                (r["row"], r["seed"]): 100 * r["metrics"]["clean/top1"]
                for r in records.values()
                if r["profile"] == line["profile"]
            }
            gains = [
                np.mean([sum(w * by_row[row, seed] for row, w in one.contrast.items()) for seed in seeds])
                for one in here
            ]
            assert line["mean"] == pytest.approx(np.mean(gains))


def test_labels_follow_from_p_adjusted_for_all_tests(built):
    labels = set()
    for line in (line for method in built.trace["methods"] for line in method["lines"]):
        side = "better" if line["mean"] > 0 else "worse"
        equal = "no difference beyond 1.0 points"
        expected = side if line["p"] < 0.05 else equal if line["p_equal"] < 0.05 else "cannot tell"
        assert line["label"].removesuffix(", unadjusted") == expected
        if expected == side:
            assert line["label"].endswith("unadjusted") == (line["p_adjusted"] >= 0.05)
        labels.add(line["label"])
        # Two one-sided tests, each of the hypothesis that the difference lies beyond the margin on one side.
        differences = from_records(line, built.records())
        sides = [
            stats.ttest_1samp(differences, -line["margin"], alternative="greater").pvalue,
            stats.ttest_1samp(differences, line["margin"], alternative="less").pvalue,
        ]
        assert line["p_equal"] == pytest.approx(max(sides))
    assert len(labels) > 1


def test_every_spot_of_the_map_is_a_difference_of_the_records(built):
    claims, records, seen = load_claims(CLAIMS), built.records(), 0
    values = {
        (r["profile"], r["row"], r["seed"]): 100 * r["metrics"]["clean/top1"] for r in records.values()
    }  # fmt: skip
    columns = {"generated data": "embedded", "av digits": "av_digits"}
    body = built.front[built.front.index('<table class="heat">') :]
    for line in re.findall(r'<tr><th scope="row">(.*?)</tr>', body[: body.index("</table>")]):
        text = unescape(line.partition(" <small>")[0])
        (statement,) = (one for one in claims.statements if one.text == text)
        for name, shown in re.findall(r'data-label="([^"]+)"><a class="spot[^>]*>([^<]+)<', line):
            means = []
            for weights in statement.contrasts:
                ran = [{s for p, r, s in values if (p, r) == (columns[name], row)} for row in weights]
                for_seeds = [
                    sum(weight * values[columns[name], row, seed] for row, weight in weights.items())
                    for seed in set.intersection(*ran)
                ]
                means.append(np.mean(for_seeds))
            written = {f"{abs(mean):.1f} {'better' if mean > 0 else 'worse'}" for mean in means}
            assert shown in written | {"0.0 different"}, (text, name)
            seen += 1
    assert seen > 20


def test_one_count_of_cells_everywhere(built):
    states = {}
    for path in built.outputs.glob("runs/*/record.json"):
        status = path.read_text()
        states[path.parent.name] = '"status": "done"' in status
    done, failed = sum(states.values()), sum(not state for state in states.values())
    assert (done, failed) == (42 + 48, 3)
    plan = load_plan(built.project / "notebooks" / "plans" / "table1.yaml")
    wanted = sum(len(profile.seeds) * len(profile.only or plan.rows) for profile in plan.profiles.values())
    blocked = wanted - 96  # all other data are missing here
    counted = f"{done} of {wanted} cells finished here, {failed} failed, {blocked} blocked"
    assert f"{counted}." in built.said
    assert f"{counted}." in unescape(built.table1)
    assert "42 of 48 cells finished here, 3 failed (3 seeds (0, 1, 2))" in built.table1
    overview = built.front[built.front.index('id="overview"') :]
    finished = re.findall(r'data-label="cells finished">(\d+) / (\d+)<', overview)
    assert finished == [("42", "48"), ("48", "48"), (str(done), str(wanted))]


def test_the_sentence_changes_with_a_record(tmp_path, monkeypatch):
    project = fake_project(tmp_path / "project")
    monkeypatch.setenv("MMLIB_PROJECT", str(project))
    plan = find_plan("table1")
    write_runs(plan, "embedded", project / "outputs")

    def sentence() -> str:
        found = conclusions_of([assemble(plan, "embedded", project / "outputs", project)], "clean")
        told = answers(found, family_of([found[0][0]], [one for _, one in found]))
        return next(one.sentence + one.lines[0].text for one in told if one.id == "ogm_ge")

    before = sentence()
    for path in project.glob("outputs/runs/*/record.json"):
        text = path.read_text()
        if '"row": "ogm_ge-sum"' in text:
            path.write_text(re.sub(r'("clean/top1": )[\d.]+', r"\g<1>0.31", text))
    assert "better" in before
    assert sentence() != before


def made_up(adjust=None) -> Assembly:
    claims, results = load_claims(CLAIMS), fake_results()
    if adjust:
        adjust(results)
    return Assembly(find_plan(str(CLAIMS.parents[1] / "plans" / "table1.yaml")), claims, results, [], None, {})


def told_of(assembly: Assembly) -> dict:
    found = conclusions_of([assembly], "clean")
    return {one.id: one for one in answers(found, family_of([assembly], [one for _, one in found]))}


def test_a_method_whose_rows_did_not_run_is_not_told_of():
    def without(results):
        for row in results.rows.values():
            if "learned" in row.id or "decoupling" in row.id:
                row.records = {}

    assert set(told_of(made_up(without))) == {"simam2", "ogm_ge"}
    assert set(told_of(made_up())) == {"simam2", "ogm_ge", "decoupling_free", "learned_zeta"}


def test_what_did_not_run_is_said_beside_the_mean_of_the_rest():
    def without(results):
        results.rows["ogm_ge-film"].records = {}

    (line,) = told_of(made_up(without))["ogm_ge"].lines
    assert "mean of 2 comparisons (1 more did not run), 3 seeds" in line.text


def test_one_seed_says_nothing():
    def one(results):
        for row in results.rows.values():
            row.records = {0: row.records[0]}

    answer = told_of(made_up(one))["simam2"]
    assert answer.sentence.endswith("SimAM² cannot be judged on generated audio-visual data.")
    assert answer.lines[0].label.text == "one seed: undecided"
