"""Printed numbers of question answering, typed here again: whole counts that add up, under their right names."""

from __future__ import annotations

import pytest
from avqa_fakes import avqa_claims, avqa_plan, avqa_results

from mmlib.metrics.question_answering import ABOUT, OVERALL, TYPES
from mmlib.report.tables import number_verdicts
from mmlib.workbook.verdicts import NO_VERDICT, NOT_RUN, judge_statements
from mmlib.workbook.whole_counts import chance, whole_count, whole_counts

# As IEMF's README prints them, in its order: the eighth and ninth column are called Location and Counting there.
README = {
    "baseline": (77.20, 62.06, 71.60, 74.15, 76.79, 75.48, 81.71, 67.43, 62.57, 61.61, 62.99, 67.34, 70.24),
    "baseline-iemf": (77.40, 63.89, 72.40, 75.23, 76.79, 76.02, 82.11, 69.07, 59.55, 62.87, 64.93, 67.87, 70.82),
    "avst": (77.59, 62.23, 71.90, 73.89, 75.57, 74.74, 82.81, 68.45, 63.00, 60.45, 62.86, 67.61, 70.26),
    "avst-iemf": (79.84, 65.39, 74.49, 74.65, 76.63, 75.65, 82.11, 69.47, 62.68, 62.51, 64.20, 68.33, 71.36),
    "avst-joint": (78.18, 63.39, 72.70, 75.06, 75.98, 75.53, 82.91, 68.84, 63.00, 61.52, 61.89, 67.81, 70.71),
}
RIGHT = (
    "audio_counting",
    "audio_comparative",
    "on_audio",
    "visual_counting",
    "visual_location",
    "on_visual",
    "audio_visual_existential",
    "audio_visual_counting",  # called Location
    "audio_visual_location",  # called Counting
    "audio_visual_comparative",
    "audio_visual_temporal",
    "on_audio_visual",
    "all",
)
AS_PRINTED = (*RIGHT[:7], RIGHT[8], RIGHT[7], *RIGHT[9:])
QUESTIONS = {
    "audio_counting": 1022,
    "audio_comparative": 601,
    "visual_counting": 1199,
    "visual_location": 1228,
    "audio_visual_existential": 995,
    "audio_visual_location": 927,
    "audio_visual_counting": 1274,
    "audio_visual_comparative": 1115,
    "audio_visual_temporal": 824,
}
PARTS = {
    "on_audio": ("audio_counting", "audio_comparative"),
    "on_visual": ("visual_counting", "visual_location"),
    "on_audio_visual": tuple(name for name in QUESTIONS if name.startswith("audio_visual")),
    "all": tuple(QUESTIONS),
}
SIZES = QUESTIONS | {whole: sum(QUESTIONS[part] for part in of) for whole, of in PARTS.items()}


def counts(names, values):
    return {name: whole_count(value, SIZES[name], 0.005) for name, value in zip(names, values, strict=True)}


class TestSwappedColumns:
    def test_sizes_of_the_test_questions(self):
        assert [SIZES[whole] for whole in PARTS] == [1623, 2427, 5135, 9185]

    @pytest.mark.parametrize("row", README)
    def test_put_right_every_number_is_a_whole_count_and_all_add_up(self, row):
        found = counts(RIGHT, README[row])
        assert {how for _, how in found.values()} == {"rounded"}
        for whole, parts in PARTS.items():
            assert sum(found[part][0] for part in parts) == found[whole][0], whole

    def test_as_printed_nine_of_ten_are_no_count(self):
        swapped = ("audio_visual_counting", "audio_visual_location")
        wrong = [counts(AS_PRINTED, values)[name][0] is None for values in README.values() for name in swapped]
        assert (sum(wrong), len(wrong)) == (9, 10)

    def test_a_number_is_a_count_by_chance_once_in_ten(self):
        """So that ten of ten say something: 927 and 1,274 counts among 10,001 numbers with two decimals."""
        assert chance(927, 0.005) == pytest.approx(0.0928, abs=1e-3)
        assert chance(1274, 0.005) == pytest.approx(0.1275, abs=1e-3)

    def test_the_claims_hold_them_under_their_right_names(self):
        expected = {
            (row, OVERALL if name == "all" else f"accuracy_{name}"): value
            for row, values in README.items()
            for name, value in zip(RIGHT, values, strict=True)
        }
        claims = [claim for claim in avqa_claims().claims() if claim.table.id == "iemf"]
        assert {(claim.row.id, claim.column.metric): claim.value for claim in claims} == expected
        assert {claim.column.metric: claim.column.samples for claim in claims} == {
            OVERALL if name == "all" else f"accuracy_{name}": size for name, size in SIZES.items()
        }


def test_all_numbers_are_whole_counts_but_for_three_slips():
    found = whole_counts(avqa_claims())
    assert len(found) == 5 * 13 + 2 * 12 * 13 + 6 * 4 - 4  # of the ablation, AVST stands in the main table too
    slips = {one.claim.id: one.claim.value for one in found if one.how != "rounded"}
    assert slips == {
        "music_avqa_others/v_avg/other-hme": 68.76,  # 1668 of 2427 are 68.73; 68.76 is 1669 truncated
        "updated_others/av_exist/other-hco_att": 79.48,  # 785 of 988 are 79.45
        "updated_others/a_comp/other-hme": 63.74,  # 377 of 594 are 63.47
    }


@pytest.mark.parametrize("table", ["iemf", "music_avqa", "music_avqa_others", "updated", "updated_others"])
def test_counts_of_types_add_up_to_every_average(table):
    """Where one number of a row is a slip, what it must have been follows from the others."""
    known = {"other-hme": {"v_avg": 1668, "a_comp": 377}, "other-hco_att": {"av_exist": 785}}
    rows = {}
    for one in whole_counts(avqa_claims()):
        if one.claim.table.id == table:
            column, row = one.claim.column, one.claim.row.id
            counted = one.count if one.how == "rounded" else known[row][column.id]
            rows.setdefault(row, {})[column.metric] = counted
    assert rows
    for row, found in rows.items():
        for whole, about in ABOUT.items():
            parts = [found[name] for name, (modality, _) in TYPES.items() if modality == about]
            assert sum(parts) == found[whole], (row, whole)
        assert sum(found[name] for name in ABOUT) == found[OVERALL], row


def test_other_numbers_typed_again():
    values = {claim.id: claim.value for claim in avqa_claims().claims()}
    avst = (78.18, 67.05, 74.06, 71.56, 76.38, 74.00, 81.81, 64.51, 70.80, 66.01, 63.23, 69.54, 71.52)
    order = ["a_count", "a_comp", "a_avg", "v_count", "v_loc", "v_avg", "av_exist"]
    order += ["av_loc", "av_count", "av_comp", "av_temp", "av_avg", "all"]
    assert [values[f"music_avqa/{name}/avst-original"] for name in order] == list(avst)
    updated = (77.78, 67.17, 73.87, 73.52, 75.27, 74.40, 82.49, 69.88, 64.24, 64.67, 65.82, 69.53, 71.59)
    order[7:9] = "av_count", "av_loc"  # the update prints them the other way round
    assert [values[f"updated/{name}/avst-original"] for name in order] == list(updated)
    ablation = {
        "question": (65.19, 44.42, 55.15, 54.09),
        "audio": (67.78, 62.75, 63.86, 64.26),
        "visual": (68.76, 67.28, 63.23, 65.28),
        "mean": (70.67, 69.72, 65.84, 67.72),
        "baseline-original": (73.01, 73.18, 68.02, 70.27),
        "avst-original": (74.06, 74.00, 69.54, 71.52),
    }
    for row, printed in ablation.items():
        assert tuple(values[f"ablation/{name}/{row}"] for name in ("a_avg", "v_avg", "av_avg", "all")) == printed
    assert len(values) == 65 + 12 * 13 + 24 + 12 * 13


def test_rows_and_profiles_are_those_of_the_plan():
    claims, plan = avqa_claims(), avqa_plan()
    rows = {row.id for row in plan.rows}
    assert {claim.row.id for claim in claims.claims() if not claim.row.id.startswith("other-")} <= rows
    assert {row for statement in claims.statements for row in statement.rows} <= rows
    assert {claim.column.profile for claim in claims.claims()} == {"music_avqa", "music_avqa_updated"}


def test_each_recipe_is_the_published_one(tmp_path):
    cells = {cell.row: cell.parameters for cell in avqa_plan().cells("music_avqa", seeds=[1], outputs=tmp_path)}
    assert len(cells) == 14
    for row, found in cells.items():
        original = row.endswith("-original") or row in ("question", "audio", "visual", "mean")
        recipe = (found.optimizer, found.learning_rate, found.weight_decay, found.step_size, found.tanh)
        assert recipe == (("adam", 1e-4, 0.0, 8, True) if original else ("sgd", 1e-2, 1e-4, 15, False)), row
        epochs = {"avst-original": 80}.get(row, 20 if original else 50)
        assert (found.epochs, found.batch_size, found.feature_channels, found.gamma) == (epochs, 64, 512, 0.1), row
        assert found.first_stage == (30 if found.network == "avst" else 0)
        assert found.iemf == ("-iemf" in row)
        assert found.has_heads == ("-iemf" in row or row.endswith("-joint"))


def test_statements_are_tested_and_methods_that_are_not_here_are_never_judged():
    claims = avqa_claims()
    found = {verdict.statement.id: verdict for verdict in judge_statements(claims, avqa_results()).verdicts}
    assert len(claims.statements) == 10
    for name in ("iemf-helps-baseline", "iemf-helps-avst", "iemf-beats-joint-avst", "both-beat-question"):
        assert found[name].verdict == "holds", name
    gains = found["iemf-helps-avst"].printed_gain
    assert gains == {"all questions": pytest.approx(1.10)} or gains == {"audio-visual": pytest.approx(0.72)}
    nothing = number_verdicts(avqa_results(profile="music_avqa", seeds=()), claims)
    judged = {verdict.claim.row.id for verdict in nothing if verdict.verdict == NOT_RUN}
    assert judged == {*README, "avst-original"}
    assert all(v.verdict == NO_VERDICT for v in nothing if v.claim.row.id.startswith("other-"))
