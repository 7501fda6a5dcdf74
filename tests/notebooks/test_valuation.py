"""The notebook of valued samples: parameters of the library, and a run from top to bottom on a run that it trains."""

from __future__ import annotations

import numpy as np
import pytest
from notebook_parameters import assert_parameters_of

from mmlib.errors import ParameterError
from mmlib.experiments import valuation
from mmlib.experiments.valuation import Parameters, figures
from mmlib.figures import caption_of


@pytest.fixture(scope="module")
def notebook(project):
    return project / "notebooks" / "valuation.ipynb"


@pytest.fixture(scope="module")
def outputs(notebook, tmp_path_factory, execute):
    """Where the notebook, run as it stands, has trained its small run."""
    folder = tmp_path_factory.mktemp("valued")
    executed = execute(notebook, folder, {"outputs": str(folder / "outputs")})
    shown = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in shown) == 4
    assert sum("audio" in output.get("data", {}).get("text/html", "") for output in shown) == 8
    assert not any(output.get("name") == "stderr" for output in shown)
    assert any("they add up to" in output.get("text", "") for output in shown)
    return folder / "outputs"


def test_parameters_are_those_of_the_library(notebook):
    assert_parameters_of(notebook, Parameters)


def of(outputs, **changes):
    return valuation.run(Parameters.resolve({"outputs": str(outputs), "small_run": False, **changes}))


def test_the_samples_shown_are_the_extremes(outputs):
    found = of(outputs, samples=3)
    units = found.shown.units[:, found.modalities.index(found.modality)]
    extremes = found.extremes()
    assert len(extremes.lowest) == len(extremes.highest) == 3
    assert units[extremes.lowest].max() <= np.delete(units, extremes.lowest).min()
    assert units[extremes.highest].min() >= np.delete(units, extremes.highest).max()
    assert found.modality == min(found.modalities, key=found.shown.means().__getitem__)
    assert len(found.train) == len(found.shown)
    first, last = figures.samples_figures(found)
    assert "Lowest contribution" in caption_of(first)
    assert "Highest contribution" in caption_of(last)


def test_the_histogram_counts_every_sample(outputs):
    found = of(outputs, epoch=2)
    assert found.epoch == 2
    (axis,) = figures.histogram_figure(found).axes
    heights = [patch.get_height() for patch in axis.patches]
    assert len(heights) == 10
    assert sum(heights) == pytest.approx(200)
    assert [text.get_text() for text in axis.get_xticklabels()] == ["−1/2", "0", "1/2", "1", "3/2"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"run": "nothing"}, "no finished run whose name begins with 'nothing' under"),
        ({"epoch": 99}, "epoch = 99: samples were valued after 1, 2, 3, 4, 5, 6"),
        ({"modality": "smell"}, "this run has audio, visual"),
    ],
)
def test_what_is_not_there_is_told(outputs, changes, message):
    with pytest.raises(ParameterError, match=message):
        of(outputs, **changes)
