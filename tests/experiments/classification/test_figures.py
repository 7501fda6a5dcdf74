"""Figures of a run: what they show is what the run measured."""

from __future__ import annotations

import numpy as np
import pytest
from figure_rules import keeps_the_rules

from mmlib.data.loading import load_data
from mmlib.experiments import classification
from mmlib.experiments.classification import Parameters, figures, samples
from mmlib.figures import caption_of
from mmlib.figures.style import FULL, new_figure, style


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    small = {"synthetic_samples": 100, "epochs": 2, "feature_channels": 8, "data_store": str(root / "data")}
    full = {**small, "simam2": True, "zeta": "learned", "modulation": "decoupling_free"}
    found = {}
    for name, values in (("plain", small), ("full", full)):
        parameters = Parameters.resolve({**values, "output": str(root / name)})
        found[name] = (classification.run(parameters), load_data(parameters))
    return found


@pytest.mark.parametrize("name", ["plain", "full"])
def test_every_figure_can_be_drawn(runs, name, tmp_path):
    run, data = runs[name]
    drawn = [
        figures.samples_figure(data["test"]),
        figures.training_figure(run),
        figures.modulation_figure(run),
        figures.zeta_figure(run),
        figures.confusion_figure(run, data["test"].classes),
    ]
    assert all("synthetic" in caption_of(figure) for figure in drawn if name == "full" or len(figure.axes) > 1)
    for index, figure in enumerate(drawn):
        figure.savefig(tmp_path / f"{index}.png")
        assert keeps_the_rules(figure, caption=bool(caption_of(figure)))
        for axis in figure.axes:
            if axis.axison and axis.lines:
                assert axis.get_xlabel(), "every axis with data says what it shows"


def test_training_figure_shows_the_history(runs):
    run, _ = runs["plain"]
    loss, accuracy = figures.training_figure(run).axes
    labelled = {line.get_label(): line.get_ydata() for line in accuracy.lines}
    np.testing.assert_allclose(labelled["test"], [100 * entry["test/top1"] for entry in run.history])
    assert {"train", "validation", "test"} <= {line.get_label() for line in loss.lines}


def test_modulation_figure_shows_both_ratios(runs):
    left, right = figures.modulation_figure(runs["full"][0]).axes
    assert [text.get_text() for text in left.get_legend().get_texts()] == [
        "decoupled (OGM-GE)",
        "decoupling-free (from ζ)",
    ]
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["visual", "audio"]
    left, _ = figures.modulation_figure(runs["plain"][0]).axes
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["decoupled (OGM-GE)"]


def test_without_zeta_the_figure_says_so(runs):
    texts = [text.get_text() for axis in figures.zeta_figure(runs["plain"][0]).axes for text in axis.texts]
    assert any("no ζ" in text for text in texts)


def test_people_are_not_shown(runs):
    dataset = runs["plain"][1]["test"]
    assert len(figures.sounds(dataset, 2)) == 2
    manifest = {**dataset.prepared.manifest, "dataset": "grid_words"}
    object.__setattr__(dataset.prepared, "manifest", manifest)
    assert figures.sounds(dataset) == []
    frames, sound = figures.samples_figure(dataset, 2).axes  # no noise without its data set's name
    assert not frames.artists
    assert not frames.images
    assert [text.get_text() for text in frames.texts if "not drawn" in text.get_text()]
    assert len(sound.images) == 2


@pytest.mark.parametrize(
    ("values", "limits"),
    [
        (np.array([[1.0, -2.0], [0.5, 3.0]]), (-2, 3)),
        (np.array([[-1.0, -2.0]]), (-2, 0)),
        (np.zeros((2, 4)), (0, 1)),
        (np.array([[np.nan, 2.0]]), (0, 2)),
        (np.array([[np.inf, -1.0]]), (-1, 0)),
    ],
)
def test_vectors_are_bars_between_their_extremes_and_zero(values, limits):
    with style():
        _, ((axis,),) = new_figure(FULL, 1.5)
        panels, name, unit = samples._draw_line(axis, values, faces=False)
    assert (name, unit) == ("value", "feature")
    assert axis.get_ylim() == limits
    drawn = np.array([bar.get_height() for bar in axis.patches]).reshape(values.shape)
    np.testing.assert_array_equal(drawn, values)
    lefts = [panels.left(place) for place in range(len(values))]
    assert [bar.get_x() + bar.get_width() / 2 - 0.5 for bar in axis.patches[:: values.shape[1]]] == pytest.approx(lefts)
