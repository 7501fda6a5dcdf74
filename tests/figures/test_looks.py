"""One look per method in all figures: distinct, told apart by colour-blind readers, and known for every plan's rows."""

from __future__ import annotations

from dataclasses import fields
from itertools import combinations

import numpy as np
import pytest

from mmlib.figures.looks import METHODS, MODALITIES, VARIANTS, Look, looks_of, method_of, modality_look
from mmlib.figures.style import ordered
from mmlib.workbook.plan import load_plan, plan_paths

# Linear RGB as people without red or green cones see it (Machado, Oliveira and Fernandes 2009, full severity).
EYES = {
    "usual": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}
TO_LMS = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
          [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
TO_LAB = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
          [0.0259040371, 0.7827717662, -0.8086757660]]  # fmt: skip


def seen(color, eye):
    """A colour as an eye sees it, in OKLab (Ottosson 2020), lightness 0 to 100."""
    part = np.array([int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return 100 * (np.array(TO_LAB) @ np.cbrt(np.array(TO_LMS) @ np.clip(np.array(EYES[eye]) @ linear, 0, 1)))


def distance(one, two):
    """The smallest difference of two colours over all eyes; about 2 can just be told apart side by side."""
    return min(np.linalg.norm(seen(one, eye) - seen(two, eye)) for eye in EYES)


@pytest.fixture(scope="module")
def rows():
    """{plan: {row: parameters}} of every plan, with the profile that has most rows."""
    found = {}
    for name, path in plan_paths().items():
        plan = load_plan(path)
        profiles = [plan.cells(profile, seeds=[0]) for profile in plan.profiles]
        cells = max(profiles, key=len)
        found[name] = {cell.row: cell.parameters.model_dump() for cell in cells}
    return found


def test_no_two_methods_look_alike():
    seen_before = [(look.color, look.marker) for look in METHODS.values()]
    assert len(set(seen_before)) == len(seen_before)
    assert {field.name for field in fields(Look)} >= {"color", "marker", "dash", "hatch"}
    assert set(VARIANTS.values()) <= set(METHODS)


def test_every_row_of_every_plan_has_a_look_of_its_method(rows):
    for plan, of_plan in rows.items():
        for row, parameters in of_plan.items():
            assert method_of(parameters) in METHODS, (plan, row)
    table1 = rows["table1"]
    expected = {
        "baseline-sum": "plain", "simam2-film": "simam2", "ogm_ge-concat": "ogm_ge",
        "ogm_ge-simam2-sum": "ogm_ge_simam2", "decoupling_free-simam2-sum": "decoupling_free",
        "ogm_ge-simam2-learned-sum": "ogm_ge_simam2_learned",
    }  # fmt: skip
    assert {row: method_of(table1[row]) for row in expected} == expected
    iemf = {row: method_of(rows["iemf"][row]) for row in ("none", "mslr", "lfm", "none-joint", "ogm_ge-iemf")}
    assert list(iemf.values()) == ["plain", "mslr", "lfm", "losses", "iemf"]
    assert method_of(rows["continual"]["lwf-iemf"]) == method_of(rows["avqa"]["baseline-iemf"]) == "iemf"
    assert method_of(rows["continual"]["lwf-losses"]) == method_of(rows["iemf"]["mslr-joint"]) == "losses"
    assert method_of(rows["mim"]["product-all"]) == "mim"
    assert method_of(rows["table3"]["fop-simam2-neg"]) == "fop_neg"
    assert method_of(rows["valuation"]["sample"]) == "sample_level"


def test_methods_of_one_plan_are_told_apart_without_red_or_green(rows):
    for plan, path in plan_paths().items():
        named = load_plan(path).curves or list(rows[plan])[:8]
        looks = {METHODS[method_of(rows[plan][row])] for row in named if row in rows[plan]}
        for one, two in combinations(looks, 2):
            assert distance(one.color, two.color) > 7.5, (plan, one, two)


def test_rows_drawn_together_all_differ(rows):
    for plan, of_plan in rows.items():
        drawn = looks_of(list(of_plan.values())[:8])
        assert len({(look.color, look.marker, look.hollow) for look in drawn}) == len(drawn), plan


def test_a_method_keeps_its_colour_in_every_row():
    drawn = looks_of([{"modulation": "ogm_ge"}, {"modulation": "none"}, {"modulation": "ogm_ge"}])
    assert drawn[0] == METHODS["ogm_ge"]
    assert drawn[2].color == METHODS["ogm_ge"].color
    assert drawn[2].hollow


def test_what_has_an_order_has_ordered_colours():
    for count in (1, 2, 5, 8):
        lightness = [seen(color, "usual")[0] for color in ordered(count)]
        assert lightness == sorted(lightness)
        assert max(lightness) < 87, "the lightest still shows on white"
    sweep = looks_of([{"simam2": True, "zeta": "learned"}] * 5)
    assert [look.color for look in sweep] == ordered(5)


def test_modalities_look_the_same_whatever_they_are_called():
    assert modality_look("voice") == modality_look("audio") == MODALITIES["audio"]
    assert modality_look("smell", 0) != modality_look("smell", 1)


def test_bars_are_lighter_than_lines():
    look = METHODS["iemf"]
    assert seen(look.tint, "usual")[0] > seen(look.color, "usual")[0] + 15
    assert look.bar(hatch="")["hatch"] == ""
