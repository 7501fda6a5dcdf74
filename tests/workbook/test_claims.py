"""The claims file holds the paper's numbers (typed here a second time, independently) and refuses mistakes."""

from __future__ import annotations

import pytest
import yaml

from mmlib.errors import UsageError
from mmlib.workbook.claims import load_claims

TABLE_1 = """
baseline-concat 51.7 53.5 49.1 52.5
baseline-sum 51.5 53.5 49.1 52.4
baseline-film 50.6 52.1 48.5 51.6
simam2-concat 51.3 53.0 49.2 52.7
simam2-sum 54.3 55.7 49.3 52.9
simam2-film 52.4 54.1 48.9 51.2
ogm_ge-concat 61.9 63.9 50.6 53.9
ogm_ge-sum 62.2 64.3 50.4 53.6
ogm_ge-film 55.6 57.4 50.0 52.9
ogm_ge-simam2-concat 62.1 64.0 51.0 54.2
ogm_ge-simam2-sum 63.7 65.7 51.4 54.0
ogm_ge-simam2-film 58.6 60.3 50.1 53.1
decoupling_free-simam2-concat 60.1 61.7 50.1 53.3
decoupling_free-simam2-sum 63.9 66.1 51.6 54.4
decoupling_free-simam2-film 59.8 61.4 50.4 53.5
"""
TABLE_2 = """
baseline-avga 72.0
baseline-psp 76.2
simam2-avga 72.4
simam2-psp 76.7
ogm_ge-avga 72.8
ogm_ge-psp 76.9
decoupling_free-simam2-avga 73.0
decoupling_free-simam2-psp 77.2
"""
TABLE_3 = """
fop 19.3 89.3 24.9 83.5
fop-simam2 18.5 89.8 24.6 83.7
"""
PRINTED = {
    "table1": (["cremad_top1", "cremad_map", "vggsound_top1", "vggsound_map"], TABLE_1),
    "table2": (["ave_accuracy"], TABLE_2),
    "table3": (["seen_heard_eer", "seen_heard_auc", "unseen_unheard_eer", "unseen_unheard_auc"], TABLE_3),
}


@pytest.fixture(scope="module")
def path(project):
    return project / "notebooks" / "claims" / "simam2.yaml"


@pytest.fixture(scope="module")
def claims(path):
    return load_claims(path)


def test_every_number_of_the_paper(claims):
    expected = {}
    for table, (columns, text) in PRINTED.items():
        for line in text.strip().splitlines():
            row, *values = line.split()
            expected |= {f"{table}/{column}/{row}": float(value) for column, value in zip(columns, values, strict=True)}
    assert {claim.id: claim.value for claim in claims.claims()} == expected
    assert len(expected) == 60 + 8 + 8


def test_bold_entries(claims):
    bold = {claim.id.split("/", 1)[0] + "/" + claim.row.id for claim in claims.claims() if claim.bold}
    assert bold == {
        "table1/decoupling_free-simam2-sum",
        "table1/decoupling_free-simam2-film",
        "table2/decoupling_free-simam2-avga",
        "table2/decoupling_free-simam2-psp",
        "table3/fop-simam2",
    }


def test_provenance_of_one_number(claims):
    claim = next(c for c in claims.claims("table1", "vggsound") if c.id == "table1/vggsound_map/simam2-film")
    assert claim.cells == {"plan": "table1", "profile": "vggsound", "row": "simam2-film"}
    assert (claim.column.dataset, claim.column.metric, claim.column.unit) == ("VGGSound", "map", "percent")
    assert claim.column.classes == 309
    assert not claim.column.selection.stated
    assert "test set" in claim.column.selection.rule
    assert claim.column.tolerance.rounding == 0.05
    assert claim.column.tolerance.reason
    star = next(c for c in claims.claims() if c.row.id == "decoupling_free-simam2-concat")
    assert len(star.footnotes) == 2


def test_rows_are_those_of_the_plan(claims, project):
    plan = yaml.safe_load((project / "notebooks" / "plans" / "table1.yaml").read_text())
    rows = {row["id"] for row in plan["rows"]}
    printed = {row.id for row in claims.tables_of("table1")[0].rows}
    assert printed < rows
    assert {row for statement in claims.statements_of("table1") for row in statement.rows} <= rows
    assert {column.profile for column in claims.tables_of("table1")[0].columns} <= set(plan["profiles"])
    assert rows - printed == {"ogm_ge-simam2-learned-sum"}


def test_printed_differences_of_statements(claims):
    by_id = {statement.id: statement for statement in claims.statements}
    gain = claims.printed_differences(by_id["simam2-average-gain"], "top1")
    # The abstract and Sec. 4 say 2 %; the eight gains of the table average 1.35.
    assert sum(values[0] for values in gain.values()) / 2 == pytest.approx(1.35)
    assert by_id["simam2-average-gain"].printed_gain == 2.0
    best = claims.printed_differences(by_id["bold-sum"], "top1")["CREMA-D Top-1"]
    assert best == pytest.approx([12.4, 9.6, 1.7, 0.2])
    lower = claims.printed_differences(by_id["simam2-helps-fop"], "eer_seen_heard")
    assert lower == {"Seen-Heard EER": [pytest.approx(0.8)]}  # a lower error is better
    assert claims.printed_differences(by_id["decoupling_free-isolated"], "top1") == {}


def test_bold_of_the_table_is_its_best(claims):
    for statement in claims.statements:
        if statement.source == "bold":
            for metric in statement.metrics:
                for values in claims.printed_differences(statement, metric).values():
                    assert min(values) > 0


def broken(path, tmp_path, change):
    raw = yaml.safe_load(path.read_text())
    change(raw)
    target = tmp_path / "claims.yaml"
    target.write_text(yaml.safe_dump(raw, allow_unicode=True))
    with pytest.raises(UsageError) as caught:
        load_claims(target)
    assert "claims.yaml" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: raw["tables"][0]["rows"][1].update(colour="red"), ["tables.table1.rows.baseline-sum.colour"]),
        (lambda raw: raw["tables"][0]["rows"][1]["values"].pop("cremad_map"), ["baseline-sum", "cremad_map"]),
        (lambda raw: raw["tables"][0]["rows"][1]["values"].update(cremad_map="53.5"), ["baseline-sum", "number"]),
        (lambda raw: raw["tables"][0]["rows"].append(raw["tables"][0]["rows"][0]), ["row named twice", "concat"]),
        (lambda raw: raw["tables"].append(raw["tables"][0]), ["table named twice"]),
        (lambda raw: raw["statements"].append(raw["statements"][0]), ["statement named twice", "simam2-helps-sum"]),
        (lambda raw: raw["statements"][0].update(contrast={"simam2-sum": 1, "x": -1}), ["does not print", "x"]),
        (lambda raw: raw["statements"][0].update(contrast={"simam2-sum": 1, "baseline-sum": 1}), ["sum to zero"]),
        (lambda raw: raw["statements"][0].update(best="baseline-sum"), ["simam2-helps-sum", "either"]),
        (lambda raw: raw["statements"][0].update(metrics=["f2"]), ["unknown metrics", "f2"]),
        (lambda raw: raw["tables"][0]["rows"][0].update(bold=["nothing"]), ["baseline-concat", "nothing"]),
        (lambda raw: raw["tables"][2]["columns"][0].update(better="higher"), ["seen_heard_eer", "lower is better"]),
        (lambda raw: raw["tables"][0]["columns"][0].update(unit="nats"), ["cremad_top1", "nats", "in percent"]),
        (lambda raw: raw["tables"][0]["columns"][0].update(unit="percents"), ["did you mean 'percent'", "correlation"]),
        (lambda raw: raw["tables"][0]["columns"][0].update(metric="top_1"), ["unknown metric 'top_1'", "family.py"]),
        (
            lambda raw: raw["tables"][1]["rows"][0]["values"].update(ave_accuracy=720.0),
            ["baseline-avga", "cannot be 720"],
        ),
    ],
)
def test_mistakes_are_named(path, tmp_path, change, words):
    message = broken(path, tmp_path, change)
    for word in words:
        assert word in message


def test_better_may_be_left_to_the_registry(path, tmp_path, claims):
    raw = yaml.safe_load(path.read_text())
    for table in raw["tables"]:
        for column in table["columns"]:
            del column["better"]
    target = tmp_path / "claims.yaml"
    target.write_text(yaml.safe_dump(raw, allow_unicode=True))
    again = load_claims(target)
    for statement in claims.statements:
        for metric in statement.metrics:
            assert again.printed_differences(statement, metric) == claims.printed_differences(statement, metric)


def test_a_key_given_twice_is_an_error(tmp_path):
    target = tmp_path / "twice.yaml"
    target.write_text("format: mmlib-claims\nversion: 1\nversion: 1\n")
    with pytest.raises(UsageError, match="line 3: the key 'version' occurs twice"):
        load_claims(target)


def test_files_that_are_no_claims(tmp_path):
    for text in ("- a list", "a: [", ""):
        target = tmp_path / "bad.yaml"
        target.write_text(text)
        with pytest.raises(UsageError, match=r"bad\.yaml"):
            load_claims(target)
    with pytest.raises(UsageError, match="there is no claims file"):
        load_claims(tmp_path / "absent.yaml")


def test_a_claims_file_of_other_bytes_is_one_message(tmp_path):
    target = tmp_path / "claims.yaml"
    target.write_bytes(bytes(range(128, 256)))
    with pytest.raises(UsageError, match="cannot be read: 'utf-8'"):
        load_claims(target)
