"""What the analysis of the plan `mim` computes from records with known gaps, and its table."""

from __future__ import annotations

import pytest
from mim_fakes import GAPS, mim_results

from mmlib.analysis.mim import analyse, verdict
from mmlib.report.analysis_tables import ANALYSIS_TABLES
from mmlib.statistics import summarise

ROWS = ["product-nothing", "product-purification", "product-all"]


@pytest.fixture(scope="module")
def found():
    return analyse(mim_results(rows=ROWS))


def test_gaps_are_means_over_seeds_in_points(found):
    assert [one.name for one in found.gapped] == ["product, purification", "product, all"]
    assert found.modalities == found.noisy == ["text", "audio", "visual"]
    for one in found.rows:
        for name, gap in GAPS.items():
            assert one.summary(f"gate_gap_{name}").mean == pytest.approx(100 * gap, abs=0.5)
            assert one.summary(f"gate_gap_{name}", "last").mean == pytest.approx(200 * gap, abs=0.5)
            assert one.summary(f"gate_gap_{name}").n == 5


def test_each_gap_says_on_which_side_of_zero_it_lies(found):
    first = found.sentences[0]
    assert first.startswith("product, purification, epoch chosen on validation (5 seeds)")
    assert "text +20." in first
    for name, words in (("text", "above 0"), ("audio", "within seed noise"), ("visual", "below 0")):
        (part,) = (part for part in first.split("points: ")[1].rstrip(".").split("; ") if part.startswith(name))
        assert part.endswith(words)
    assert found.headline == "gates keep fewer noise steps beyond seed noise in 2 of 6 (row, modality)"
    assert verdict(summarise([1.0])) == "one seed"


def test_all_against_nothing_is_paired(found):
    assert list(found.gains) == ["product"]
    assert found.gains["product"].mean == pytest.approx(5.0)
    assert found.gains["product"].sd == pytest.approx(0, abs=1e-9)
    assert found.sentences[-1].startswith("product: all of MIM against nothing, accuracy, 2 classes 5.0 points better")


def test_without_known_noise_the_gain_is_the_headline():
    found = analyse(mim_results("mosi_utterances", noisy=()))
    assert found.gapped == found.noisy == []
    assert list(found.gains) == ["product", "sum", "concat"]
    assert found.headline.startswith("accuracy, 2 classes of all of MIM against nothing: product 5.0 points better")
    assert analyse(mim_results(rows=["sum-nothing"])).headline == "no row with gates ran"


def test_one_modality_may_know_its_noise():
    found = analyse(mim_results("mosi_replaced", rows=["concat-purification"], noisy=("audio",)))
    assert found.noisy == ["audio"]
    assert found.headline == "gates keep fewer noise steps beyond seed noise in 0 of 1 (row, modality)"
    assert "text" not in found.sentences[0]


def test_the_table(found):
    table = ANALYSIS_TABLES["mim"](found, "mim-x")
    assert [row[:2] for row in table.rows[:3]] == [["product, purification", name] for name in GAPS]
    assert table.data[0]["gap_last_mean"] == pytest.approx(40, abs=0.5)
    assert table.data[0]["keep_gap_mean"] == pytest.approx(10, abs=0.5)
    plain = ANALYSIS_TABLES["mim"](analyse(mim_results("mosi_utterances", noisy=())), "mim-x")
    assert [column.title for column in plain.columns] == ["Row", "Modality", "gates open (%)"]
