"""How ζ scatters: targets that were missed, both ends against the middle, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest
from claims_fakes import fake_record

from mmlib.analysis.zeta import ZetaPoint, ZetaResult, ZetaRun, analyse
from mmlib.figures import zeta as drawn
from mmlib.report.analysis_tables import zeta_table
from mmlib.workbook.results import Results, RowResult

SEEDS = range(5)


def point(value, variance, achieved=None, series="forced"):
    noise = np.random.default_rng(0).normal(0, 0.001, len(SEEDS))
    runs = [
        ZetaRun(s, variance + noise[s], np.full(50, 4), 0.9, 0.8, value if achieved is None else achieved, 0.9)
        for s in SEEDS
    ]
    return ZetaPoint(f"{series}-{value}", series, value, runs)


def result(*points):
    return ZetaResult(list(points), "made-up data")


def found_of(*variances):
    values = np.linspace(0, 1, len(variances))
    return result(*(point(v, s) for v, s in zip(values, variances, strict=True)))


def verdict(*variances):
    return found_of(*variances).sentences[-1]


def test_missed_targets_are_named():
    found = result(point(0.5, 0.1, achieved=0.515), point(0.95, 0.1, achieved=0.85))
    assert [one.missed for one in found.points] == [False, True]
    assert "0.95 (achieved 0.85)" in found.sentences[1]
    assert not point(0.5, 0.1, achieved=0.9, series="data").missed


@pytest.mark.parametrize(
    ("variances", "said"),
    [
        ((0.2, 0.1, 0.2), "both ends scatter more, as the paper says"),
        ((0.2, 0.1, 0.1), "the smallest end scatters more, the other is within seed noise: not what the paper says"),
        ((0.1, 0.1, 0.05), "the largest end scatters less, the other is within seed noise: not what the paper says"),
        ((0.05, 0.1, 0.2), "the largest end scatters more, the smallest end scatters less: not what the paper says"),
        ((0.1, 0.1, 0.1), "neither end differs beyond seed noise"),
    ],
)
def test_both_ends_against_the_middle(variances, said):
    """Paired over seeds: the noise that seeds share cancels, so equal values differ by nothing."""
    assert said in verdict(*variances)
    assert said in found_of(*variances).headline


def test_points_stand_in_the_order_of_what_was_achieved():
    """A target of 0.95 that reached 0.3 is no large correlation."""
    found = result(point(0, 0.2), point(0.5, 0.1), point(0.95, 0.2, achieved=0.3))
    assert "at the largest (0.5)" in found.sentences[-1]


def test_density_weighs_every_seed_alike():
    few, many = np.zeros(50), np.zeros(50)
    few[0], many[49] = 10, 1000
    found = ZetaPoint("a", "data", 0.0, [ZetaRun(0, 0.1, few), ZetaRun(1, 0.1, many)])
    assert found.density[0] == found.density[49] == 25
    assert found.density.mean() == pytest.approx(1)


def test_reads_records_and_arrays(tmp_path):
    rows, folders = {}, {}
    for name, parameters in {
        "forced-50": {"force": "paired", "force_target": 0.5},
        "data-25": {"force": "none", "synthetic_correlation": 0.25},
    }.items():
        metrics = {"last/top1": 0.8, **({"last/hgr": 0.49, "last/hgr_test": 0.9} if "forced" in name else {})}
        record = fake_record(name, 0, metrics=metrics, parameters=parameters)
        folders[record.cell_id] = tmp_path / name
        folders[record.cell_id].mkdir()
        np.savez(
            tmp_path / name / "arrays.npz", last_zeta_variance=[0.1, 0.3], last_zeta_histogram=np.arange(50),
            r=[0.1, 0.5, 0.7], epoch=[0, 1, 1],
        )  # fmt: skip
        rows[name] = RowResult(name, name, "", [0], {0: record})
    found = analyse(Results("zeta", "embedded", "t", "made-up data", "embedded", rows, folders=folders))
    forced, data = found.series("forced")[0], found.series("data")[0]
    assert (forced.value, forced.achieved, forced.missed) == (0.5, 0.49, False)
    assert (data.value, data.achieved) == (0.25, 0.25)
    assert forced.runs[0].variance == pytest.approx(0.2)
    assert forced.runs[0].r == pytest.approx(0.6)
    table = zeta_table(found, "zeta-embedded")
    assert [row[-1] for row in table.rows] == ["reached", ""]
    assert table.columns[-2].title == "Top-1 (%)"
    assert table.rows[0][-2] == "80.0 (one seed)"


def test_figures_mark_what_was_missed():
    found = result(point(0.0, 0.1), point(0.5, 0.1), point(0.95, 0.1, achieved=0.85))
    labels = [tick.get_text() for tick in drawn.distribution_figure(found).axes[0].get_xticklabels()]
    assert labels == ["0", "0.5", "0.95*"]
    legend = drawn.achieved_figure(found).legends[0]
    assert "target missed by > 0.02" in [text.get_text() for text in legend.get_texts()]


def test_each_end_is_tested_against_the_middle():
    runs = {0.0: (0.21, 0.20, 0.22), 0.5: (0.10, 0.11, 0.10), 0.95: (0.12, 0.09, 0.11)}
    points = [
        ZetaPoint(f"{value}", "forced", value, [ZetaRun(s, v, np.full(50, 4)) for s, v in enumerate(variances)])
        for value, variances in runs.items()
    ]
    smallest, largest = ZetaResult(points, "made-up data").tested
    assert smallest.text == "ζ scatters more at the smallest correlation than in the middle, forced by a loss"
    assert smallest.difference.differences == pytest.approx((0.11, 0.09, 0.12))
    assert smallest.known.difference(smallest.difference.mean) == "0.1067 higher"
    assert largest.difference.p > 0.05
    assert ZetaResult(points[:2], "made-up data").tested == []
