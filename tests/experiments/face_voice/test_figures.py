"""Figures of a run: what they show is what the run measured, and an empty one says why."""

from __future__ import annotations

import numpy as np
import pytest
from figure_rules import keeps_the_rules

from mmlib.experiments import face_voice
from mmlib.experiments.face_voice import Parameters, figures
from mmlib.figures import caption_of

DRAWN = ("curves", "scores", "training", "gate", "matching", "projection")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    small = {"synthetic_train_identities": 12, "synthetic_validation_identities": 5, "synthetic_test_identities": 12}
    small |= {"synthetic_rows": 8, "synthetic_test_rows": 10, "epochs": 3, "batch_size": 32, "bootstrap_draws": 5}
    small |= {"synthetic_face_features": 24, "synthetic_voice_features": 12, "data_store": str(root / "data")}
    kinds = {
        "plain": {},
        "simam2": {"simam2": True, "simam2_gate": "neg"},
        "linear": {"fusion": "linear"},
        "bare": {"synthetic_validation_identities": 0, "hold_out_validation": False},
    }
    return {
        name: face_voice.run(Parameters.resolve({**small, **changes, "output": str(root / name)}))
        for name, changes in kinds.items()
    }


def texts(figure):
    return [text.get_text() for axis in figure.axes for text in axis.texts]


@pytest.mark.parametrize("drawn", DRAWN)
@pytest.mark.parametrize("name", ["plain", "simam2", "linear", "bare"])
def test_every_figure_can_be_drawn(runs, name, drawn, tmp_path):
    figure = getattr(figures, f"{drawn}_figure")(runs[name])
    assert keeps_the_rules(figure)
    title = caption_of(figure)
    assert "synthetic_faces_voices" in title
    assert "seed 0" in title
    assert ("SimAM² (gate neg)" in title) == (name == "simam2")
    assert ("linear fusion" in title) == (name == "linear")
    for axis in figure.axes:
        if axis.axison and axis.has_data():
            assert axis.get_xlabel(), "every axis with data says what it shows"


def test_curves_are_of_every_list_and_pass_through_the_equal_error_rate(runs):
    run = runs["simam2"]
    left, right = figures.curves_figure(run).axes
    labels = [text.get_text() for text in left.get_legend().get_texts()]
    assert labels == ["validation", "seen-heard", "unseen-unheard"]
    dots = [line for line in left.lines if line.get_marker() == "o"]
    for dot, name in zip(dots, ("validation", *face_voice_settings()), strict=True):
        expected = 100 * run.history[run.selection["clean"].epoch][f"{name}/eer"]
        assert dot.get_xdata()[0] == pytest.approx(expected, abs=4)
    assert right.get_xlim() == right.get_ylim()


def face_voice_settings():
    return ("seen_heard", "unseen_unheard")


def test_histograms_hold_every_pair(runs):
    axis = figures.scores_figure(runs["linear"]).axes[-1]
    width = np.diff(np.linspace(0, figures.FARTHEST, 41))[0]
    filled, outline = axis.patches
    assert filled.get_xy()[:, 0].max() == pytest.approx(figures.FARTHEST)
    for patch in (filled, outline):
        heights = patch.get_xy()[1:81:2, 1]
        assert heights.sum() * width == pytest.approx(1)


def test_training_figure_shows_the_history(runs):
    run = runs["plain"]
    left, right = figures.training_figure(run).axes
    shown = {line.get_label(): line.get_ydata() for line in left.lines}
    for label, name in (("seen-heard", "seen_heard"), ("unseen-unheard", "unseen_unheard")):
        np.testing.assert_allclose(shown[label], [100 * entry[f"{name}/eer"] for entry in run.history])
    np.testing.assert_allclose(right.lines[0].get_ydata(), [entry["train/loss"] for entry in run.history])


def test_matching_figure_shows_the_record_beside_chance(runs):
    run = runs["plain"]
    (axis,) = figures.matching_figure(run).axes
    found, chance = axis.lines
    np.testing.assert_allclose(found.get_ydata(), [100 * run.metrics[f"clean/matching_{n}"] for n in range(2, 11)])
    np.testing.assert_allclose(chance.get_ydata(), [100 / n for n in range(2, 11)])


def test_what_is_not_there_is_said(runs):
    assert "no SimAM² here" in texts(figures.gate_figure(runs["plain"]))
    assert texts(figures.gate_figure(runs["linear"])).count("no gate here") == 2
    assert texts(figures.gate_figure(runs["simam2"])) == []
