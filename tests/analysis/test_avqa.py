"""What the plan of question answering says: differences paired over seeds, floors, what is missing, its table."""

from __future__ import annotations

import pytest
from avqa_fakes import BASE, FLOOR, GROUNDED, JOINT, SENSES, WHOLE, accuracy, avqa_claims, avqa_plan, avqa_results

from mmlib.analysis.avqa import NETWORKS, PRINTED, VARIANTS, analyse, beyond_noise
from mmlib.analysis.avqa import SENSES as NAMES
from mmlib.metrics.question_answering import OVERALL
from mmlib.report.analysis_tables import ANALYSIS_TABLES


@pytest.fixture(scope="module")
def found():
    return analyse(avqa_results(), avqa_claims())


def test_every_row_of_the_plan_is_known():
    known = {name + suffix for name in NETWORKS for suffix in VARIANTS} | set(NAMES) | {"mean"}
    assert {row.id for row in avqa_plan().rows} <= known


def test_differences_are_paired_over_seeds(found):
    gain = found.difference("avst-iemf", "avst", OVERALL)
    assert gain.mean == pytest.approx(100 * WHOLE, abs=0.1)
    assert gain.n == 5
    assert beyond_noise(gain)
    assert found.difference("avst-joint", "avst", OVERALL).mean == pytest.approx(100 * JOINT, abs=0.1)
    assert found.difference("avst", "baseline", OVERALL).mean == pytest.approx(100 * GROUNDED, abs=0.1)
    assert found.difference("avst-original", "avst", OVERALL) is None
    assert not beyond_noise(analyse(avqa_results(seeds=(1,)), None).difference("avst-iemf", "avst", OVERALL))


def test_values_are_percent_of_the_clean_protocol(found):
    assert found.values["audio"]["accuracy_audio_counting"][2] == pytest.approx(
        100 * accuracy("audio", "accuracy_audio_counting", 2)
    )
    assert found.floors[OVERALL] == pytest.approx(100 * FLOOR)
    assert "accuracy_audio_visual_comparative" not in found.types
    assert len(found.types) == 8


def test_printed_numbers_are_those_of_figure_4(found):
    assert set(found.printed) == {"baseline", "baseline-iemf", "avst", "avst-iemf", "avst-joint"}
    assert found.printed["avst"]["accuracy_audio_visual_counting"] == 68.45
    assert found.printed["avst"]["accuracy_audio_visual_location"] == 63.00
    assert PRINTED in {table.id for table in avqa_claims().tables}


def test_sentences(found):
    first, *networks = found.sentences
    said = first.replace("\u00a0", " ")
    assert f"question alone {100 * (SENSES['question'] + 0.04):.1f}" in said
    assert f"the majority answer of each question {100 * FLOOR:.1f} %." in said
    assert "On audio-visual questions both are, against question alone " in said
    assert [text.partition(",")[0] for text in networks] == ["baseline", "AVST"]
    assert "unimodal losses 1.0 points better (" in networks[0]
    assert "IEMF 3.0 points better (" in networks[1]
    assert "beyond seed noise on audio counting" in networks[1]


def test_headline_and_what_is_missing(found):
    assert found.headline.startswith("accuracy with IEMF: baseline 3.0 points better (")
    some = analyse(avqa_results(rows=["baseline", "baseline-iemf", "avst"]), None)
    assert some.sentences[-1] == "Not shown: IEMF on AVST, which did not run with and without it."
    assert analyse(avqa_results(rows=["avst"]), None).headline == "IEMF did not run beside a network without it"
    assert analyse(avqa_results(rows=[]), None).senses == []


def test_table_has_a_line_for_each_row_that_ran_and_the_floor(found):
    table = ANALYSIS_TABLES["avqa"](found, "avqa-grid_questions")
    assert len(table.rows) == 9 + 1
    assert table.rows[0][0] == "question alone"
    assert table.rows[-1] == ["floor: majority answer", *["27.0"] * 12]
    facts = next(one for one in table.data if one["row"] == "avst-iemf")
    assert facts["top1_published"] == 71.36
    assert facts["top1_mean"] == pytest.approx(100 * (BASE + GROUNDED + WHOLE + 0.04), abs=1.5)
