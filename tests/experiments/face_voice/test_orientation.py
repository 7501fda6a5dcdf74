"""The finding on Eq. 8: the right direction, only where the interval clears zero, and nothing without records."""

from __future__ import annotations

import pytest
from claims_fakes import PROJECT, fake_record

from mmlib.experiments.face_voice.orientation import orientation
from mmlib.workbook.plan import load_plan
from mmlib.workbook.results import Results, RowResult

PLAN = load_plan(PROJECT / "notebooks" / "plans" / "table3.yaml")
NAMES = ("fop", "fop-simam2", "fop-simam2-inverse", "fop-simam2-neg")
NOISE = (0.000, 0.003, 0.001, 0.004, 0.002)


def results(shifts, seeds=range(5)):
    """Rows whose EERs lie `shifts` (seen-heard, unseen-unheard, in points) above FOP's, with a little noise."""
    rows = {}
    for name in NAMES:
        records = {}
        for seed in seeds:
            own = NOISE[(seed + len(name)) % 5]
            eers = [0.25 + shift / 100 + own for shift in shifts.get(name, (0.0, 0.0))]
            metrics = {"clean/eer_seen_heard": eers[0], "clean/eer_unseen_unheard": eers[1]}
            records[seed] = fake_record(name, seed, metrics=metrics)
        rows[name] = RowResult(name, name, "", list(seeds), records)
    return Results(
        "table3", "embedded", "Table 3", "generated people", "embedded", rows, "runs", comparisons=PLAN.comparisons
    )


def lines(text):
    return [line for line in text.splitlines() if line.startswith("- ")]


@pytest.mark.parametrize("turned", [False, True])
def test_directions_are_those_of_the_numbers(turned):
    sign = -1 if turned else 1
    shifts = {"fop-simam2": (3 * sign, 2 * sign), "fop-simam2-inverse": (-2 * sign, -2 * sign)}
    found = lines(orientation(results(shifts)))
    assert len(found) == len(PLAN.comparisons) == 5
    worse, better = ("lowers", "raises") if turned else ("raises", "lowers")
    assert f"as printed, σ(E*), {worse} the EER of plain FOP" in found[0]
    assert f"σ(1/e_U), it {better} the EER" in found[1]
    assert "does not change the EER beyond the noise of seeds" in found[2]
    assert f"to σ(1/e_U) {better} the EER" in found[3]
    size, word = found[0].partition("seen-heard ")[2].split(" points ", 1)
    assert float(size) == pytest.approx(3, abs=0.2)
    assert word.startswith("better" if turned else "worse")
    assert "5 seeds" in found[0]


def test_one_setting_alone_is_said_to_be_one():
    found = lines(orientation(results({"fop-simam2": (3.0, 0.0)})))
    assert "changes the EER in one setting beyond the noise" in found[0]


@pytest.mark.parametrize("seeds", [(), (0,)])
def test_without_two_common_seeds_nothing_is_claimed(seeds):
    assert "nothing can be said" in orientation(results({}, seeds))


def test_it_names_the_data_and_its_limits():
    text = orientation(results({}))
    assert "generated people, protocol clean" in text
    assert "nothing of other data" in text
