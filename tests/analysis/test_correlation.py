"""Do the two ratios move together: levels, trends that must not count, and sentences computed from the records."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mmlib.analysis.correlation import STRONG, CorrelationResult, RowRatios, RunRatios, above, read_ratios
from mmlib.analysis.intervals import interval_text, summarise_coefficients
from mmlib.report.analysis_tables import correlation_table

EPOCHS, STEPS = 8, 50


def ratios(seed, shared=0.0, trend=0.0):
    """ln ρ of both kinds: a share in common within epochs, and a trend over epochs that both follow."""
    rng = np.random.default_rng(seed)
    epoch = np.repeat(np.arange(EPOCHS), STEPS)
    common, first, second = rng.standard_normal((3, EPOCHS * STEPS))
    x, y = (shared * common + (1 - shared**2) ** 0.5 * own + trend * epoch for own in (first, second))
    return RunRatios(seed, x, y, epoch)


def row(**options):
    return RowRatios("sum-ogm_ge", "Summation, OGM-GE", "sum", "OGM-GE", [ratios(seed, **options) for seed in range(5)])


def test_a_common_trend_is_no_relation_within_epochs():
    found = row(trend=1.0)
    assert found.summary("step").mean > 0.7
    assert found.summary("epoch").mean > 0.99
    assert abs(found.summary("within").mean) < 0.1
    assert found.summary("within").low < 0 < found.summary("within").high


def test_a_relation_of_steps_survives_every_level_it_should():
    found = row(shared=0.9)
    for level in ("step", "within"):
        assert found.summary(level).mean == pytest.approx(0.81, abs=0.05)
    assert found.summary("step", "spearman").mean == pytest.approx(0.8, abs=0.05)


def test_levels_against_slow_loops():
    run = ratios(0, shared=0.5, trend=0.3)
    means = [(run.x[run.epoch == e].mean(), run.y[run.epoch == e].mean()) for e in range(EPOCHS)]
    np.testing.assert_allclose(np.stack(run.at("epoch"), axis=1), means)
    np.testing.assert_allclose(np.stack(run.at("change"), axis=1), np.diff(means, axis=0))
    within = [x - means[e][0] for x, e in zip(run.x, run.epoch, strict=True)]
    np.testing.assert_allclose(run.at("within")[0], within)


def test_a_constant_ratio_has_no_coefficient():
    run = RunRatios(0, np.arange(6.0), np.zeros(6), np.repeat([0, 1, 2], 2))
    assert run.coefficient("step") is run.coefficient("step", "spearman") is None
    assert RowRatios("a", "a", "sum", "none", [run]).summary("step") is None


def test_strong_needs_the_whole_interval():
    result = CorrelationResult([row(shared=0.95), row(shared=0.5)], "made-up data")
    assert result.strong("step") == result.rows[:1]
    assert "for so many of the 2 rows: 1 (every step)" in result.sentences[-1]
    assert "1 of 2 rows are over every step" in result.headline
    assert result.caption == "made-up data; 5\u00a0seeds, 400\u00a0steps\u00a0each"


def test_steps_without_a_finite_ratio_are_left_out(tmp_path):
    assert read_ratios(tmp_path, 0) is None
    values = np.ones(5)
    np.savez(tmp_path / "arrays.npz", rho_decoupled=[1, 2, np.nan, 0, 4], rho_zeta=values, epoch=np.arange(5))
    found = read_ratios(tmp_path, 0)
    np.testing.assert_allclose(found.x, np.log([1, 2, 4]))
    assert found.epoch.tolist() == [0, 1, 4]


def test_intervals_of_coefficients_stay_inside_the_possible():
    found = summarise_coefficients([0.9, 0.99, 0.999])
    assert found.low < found.mean < found.high < 1
    assert summarise_coefficients([0.4]).low is None
    assert summarise_coefficients([]) is None
    assert interval_text(summarise_coefficients([-0.5, -0.4])).startswith("−0.45 (−")


def test_table_holds_the_numbers_of_the_sentences():
    result = CorrelationResult([row(shared=0.5)], "made-up data")
    table = correlation_table(result, "correlation-embedded")
    assert len(table.rows) == len(table.data) == 1
    assert table.data[0]["pearson_step"] == result.rows[0].summary("step").mean
    assert table.rows[0][1] in result.sentences[0]


def test_strength_is_tested_on_fishers_scale():
    values = [0.85, 0.9, 0.8]
    found = above(values, STRONG)
    z = stats.ttest_1samp(np.arctanh(values), np.arctanh(STRONG))
    low, high = np.tanh(z.confidence_interval())
    assert found.p == pytest.approx(z.pvalue)
    assert found.mean == pytest.approx(np.tanh(np.arctanh(values).mean()) - STRONG)
    assert (found.low, found.high) == pytest.approx((low - STRONG, high - STRONG))
    assert above([], STRONG) is None
    assert above([1.0, 0.9], STRONG).mean < 0.3


def test_ranks_are_scipys():
    from scipy.stats import rankdata

    from mmlib.metrics.correlation import _ranks, spearman

    for values in ([3, 1, 1, 2], [0.5, np.nan, 2.0, 1.0], [True, False, True, True], [np.inf, 1.0, -np.inf, 1.0]):
        np.testing.assert_array_equal(_ranks(np.array(values)), rankdata(values))
    assert np.isnan(spearman(np.array([1, 2, np.nan, 4]), np.arange(4.0)))
