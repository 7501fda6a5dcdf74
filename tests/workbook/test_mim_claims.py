"""What is printed of MIM (typed here a second time, independently), and the plan that answers it."""

from __future__ import annotations

from pathlib import Path

import pytest
from mim_fakes import mim_results

from mmlib.workbook.claims import load_claims
from mmlib.workbook.plan import load_plan
from mmlib.workbook.verdicts import judge_statements

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
PRINTED = {
    "mosi_mae": 0.718, "mosi_pearson": 0.792, "mosi_acc7": 46.4, "mosi_acc2": 84.8, "mosi_f1": 84.8,
    "mosei_mae": 0.579, "mosei_pearson": 0.779, "mosei_acc7": 51.8, "mosei_acc2": 85.7, "mosei_f1": 85.6,
}  # fmt: skip
FUSIONS = ("product", "sum", "concat")
OFF = {"purification": False, "intra": 0.0, "inter": 0.0}
VARIANTS = {
    "nothing": {**OFF, "unimodal_weight": 0.0},
    "heads": OFF,
    "purification": {"purification": True, "intra": 0.0, "inter": 0.0},
    "intra": {"purification": True, "intra": 1.0, "inter": 0.0},
    "inter": {"purification": True, "intra": 0.0, "inter": 1.0},
    "all": {"purification": True, "intra": 1.0, "inter": 1.0},
}


@pytest.fixture(scope="module")
def claims():
    return load_claims(NOTEBOOKS / "claims" / "mim.yaml")


@pytest.fixture(scope="module")
def plan():
    return load_plan(NOTEBOOKS / "plans" / "mim.yaml")


def test_every_number_is_a_third_partys_and_never_judged(claims):
    assert {claim.column.id: claim.value for claim in claims.claims()} == PRINTED
    assert all("third party" in claim.table.never_judged for claim in claims.claims())
    assert {claim.row.id for claim in claims.claims()} == {"product-all"}


def test_rows_and_profiles_are_those_of_the_plan(claims, plan):
    rows = {row.id for row in plan.rows}
    assert {row for statement in claims.statements for row in statement.rows} <= rows
    assert {claim.column.profile for claim in claims.claims()} <= set(plan.profiles)
    assert {profile.kind for name, profile in plan.profiles.items() if name in ("mosi", "mosei")} == {"paper"}


@pytest.mark.parametrize("profile", ["embedded", "noise_steps", "mosi_utterances", "mosi_replaced", "mosi", "mosei"])
def test_every_row_is_what_its_name_says(plan, tmp_path, profile):
    for cell in plan.cells(profile, outputs=tmp_path):
        fusion, _, variant = cell.row.partition("-")
        if fusion in FUSIONS:
            assert cell.parameters.fusion == fusion
            for name, value in VARIANTS[variant].items():
                assert getattr(cell.parameters, name) == value, (cell.row, name)
        assert cell.parameters.granularity == ("batch" if cell.row == "batch" else "sample")
        assert cell.parameters.scale_inside == (cell.row == "inside")
        assert cell.parameters.update == ("one" if cell.row == "one" else "purification_first")


@pytest.mark.parametrize(("profile", "dataset"), [("mosi", "mosi"), ("mosei", "mosei")])
def test_published_settings(plan, tmp_path, profile, dataset):
    (cell,) = (cell for cell in plan.cells(profile, seeds=[3407], outputs=tmp_path) if cell.row == "product-all")
    published = {
        "dataset": dataset, "feature_channels": 80, "layers": 3, "heads": 5, "dropout": 1.0, "activation": "tanh",
        "purification_ratio": 5, "time_mixing": True, "gate_bias": 3.0, "penalty_weight": 0.1, "unimodal_weight": 1.0,
        "temperature": 10.0, "inter_on": "features", "intra_distance": "squared", "intra_heads": True,
        "padding": "published", "optimizer": "adam", "learning_rate": 1e-5, "weight_decay": 0.0, "epochs": 100,
        "batch_size": 16, "drop_last": True, "schedule": "constant",
    }  # fmt: skip
    assert {name: getattr(cell.parameters, name) for name in published} == published


def test_embedded_is_a_rehearsal_of_each_part(plan, tmp_path):
    cells = list(plan.cells("embedded", outputs=tmp_path))
    assert {cell.row.partition("-")[2] for cell in cells} == {"nothing", "heads", "purification", "all"}
    assert len(cells) <= 12


def test_statements_about_rows_that_a_setting_does_not_have_are_counted_and_left_out(claims, plan):
    here = plan.profile("embedded").only
    found = judge_statements(claims, mim_results("embedded", rows=here))
    assert {row for verdict in found.verdicts for row in verdict.statement.rows} <= set(here)
    stated = claims.statements_of("mim")
    assert 0 < len(found.left_out) < len(stated)
    assert {one.id for one in found.left_out} == {one.id for one in stated if not set(one.rows) <= set(here)}
    count = len(found.left_out)
    assert found.left_out_text == f"{count} statements are left out: about rows that are not part of this setting."
    whole = judge_statements(claims, mim_results("mosi"))
    assert whole.left_out == ()
    assert whole.left_out_text == ""
