"""The audit's notebook: its parameters, what it shows of a generated list and of the published one."""

from __future__ import annotations

import pytest
from notebook_parameters import assert_parameters_of

from mmlib.experiments import mm_debiased
from mmlib.experiments.mm_debiased import Parameters
from mmlib.figures import caption_of


def test_the_notebook_has_the_parameters_of_the_library(project):
    assert_parameters_of(project / "notebooks" / "mm_debiased.ipynb", Parameters)


def test_a_generated_list_is_called_so():
    view = mm_debiased.run(Parameters())
    assert view.generated
    assert view.lines()[0] == "a generated list in MM-Debiased's form:"
    assert view.in_kinetics() == "Kinetics-Sounds' list is not at hand"
    figure = view.figure()
    assert [axis.get_xlabel() for axis in figure.axes] == ["clips", "clips"]
    drawn = [sum(bar.get_width() for bar in axis.patches) for axis in figure.axes]
    assert drawn == [240, 240]
    assert "generated" in caption_of(figure)


def test_the_published_list(data_root):
    if not (data_root / "lists" / "mm_debiased").is_dir():
        pytest.skip("MM-Debiased's list is not there")
    view = mm_debiased.run(Parameters(data_root=str(data_root)))
    assert not view.generated
    assert sum(bar.get_width() for bar in view.figure().axes[0].patches) == 14_025
