"""What the plan of continual learning says: differences paired over seeds, bounds, what is missing."""

from __future__ import annotations

import numpy as np
import pytest
from continual_fakes import LOSSES, SIZES, WHOLE, continual_plan, continual_results, matrix

from mmlib.analysis.continual import ACCURACY, FORGETTING, METHODS, VARIANTS, analyse
from mmlib.report.analysis_tables import ANALYSIS_TABLES


def of(found, method):
    return next(one for one in found.methods if one.method == method)


def test_every_row_of_the_plan_is_a_method_and_a_variant():
    assert {method + suffix for method in METHODS for suffix in VARIANTS} >= {row.id for row in continual_plan().rows}
    assert {one.method for one in analyse(continual_results()).methods} == set(METHODS)


def test_gains_are_paired_over_seeds():
    """One of two tasks after step 2 is old, two of three after step 3: the mean gains (1/2 + 2/3) / 3 of theirs."""
    lwf = of(analyse(continual_results()), "lwf")
    share = 100 * (1 / 2 + 2 / 3) / 3
    assert lwf.gain("-losses", ACCURACY).mean == pytest.approx(share * LOSSES, abs=0.1)
    assert lwf.gain("-iemf", ACCURACY).mean == pytest.approx(share * WHOLE, abs=0.1)
    assert lwf.gain("-iemf", ACCURACY).low > 0
    # After step 3 the first task is no worse than after step 2, so that only its loss after step 2 counts twice.
    assert lwf.gain("-iemf", FORGETTING).mean < 0
    assert lwf.gain("-iemf", ACCURACY).n == 5


def test_accuracy_after_each_step_weighs_clips(tmp_path):
    found = analyse(continual_results(tmp_path, rows=["lwf", "lwf-iemf"], seeds=(0, 1)))
    (lwf,) = found.traced
    accuracies = matrix("lwf", 1)
    expected = [90.0, 100 * (accuracies[1, :2] @ SIZES[:2]) / 50, 100 * (accuracies[2] @ SIZES) / 100]
    np.testing.assert_allclose(lwf.steps[""][1], expected)
    assert set(lwf.steps) == {"", "-iemf"}


def test_runs_without_arrays_leave_no_curves(tmp_path):
    results = continual_results(tmp_path, rows=["lwf"], seeds=(0, 1))
    for folder in results.folders.values():
        (folder / "arrays.npz").unlink()
    np.savez(next(iter(results.folders.values())) / "arrays.npz", other=np.zeros(1))
    assert analyse(results).traced == []


def test_sentences_say_bounds_gains_and_what_is_missing():
    said = analyse(continual_results()).sentences
    assert said[0].startswith("After the last step, mean over classes: fine-tuning 36.")
    assert "joint training 83." in said[0]
    lwf = next(text for text in said if text.startswith("LwF, against the same without IEMF (5 seeds): "))
    assert "unimodal losses: mean task accuracy 1.2 points better (" in lwf
    assert "; IEMF: mean task accuracy 2.0 points better (" in lwf
    assert not any(text.startswith("Not shown") for text in said)
    some = analyse(continual_results(rows=["lwf", "lwf-iemf", "ss_il"])).sentences
    assert some[-1] == "Not shown: IEMF on SS-IL, AV-CIL, which did not run with and without it."


def test_headline():
    assert analyse(continual_results()).headline.startswith("mean task accuracy with IEMF: LwF 2.0 points better (")
    assert analyse(continual_results(rows=["lwf"])).headline == "IEMF did not run beside a method without it"
    assert analyse(continual_results(rows=["lwf", "lwf-iemf"], seeds=(3,))).headline.endswith("(one seed)")


def test_table_has_a_line_per_variant_that_ran():
    found = analyse(continual_results(rows=["lwf", "lwf-iemf", "joint"]))
    table = ANALYSIS_TABLES["continual"](found, "continual-x")
    assert [row[:2] for row in table.rows] == [["LwF", "without"], ["LwF", "IEMF"], ["joint training", "without"]]
    assert table.rows[0][3] == "–"
    assert table.rows[1][3].startswith("2.0 better (")
    assert table.data[1]["forgetting_gain_mean"] < 0
