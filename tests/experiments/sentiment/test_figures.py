"""Figures and tables of one run: drawn from its files, saying what they show, for runs without parts too."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.experiments.sentiment import Parameters, figures
from mmlib.experiments.sentiment.experiment import load_splits
from mmlib.figures import caption_of

OFF = {"purification": False, "intra": 0.0, "inter": 0.0, "unimodal_weight": 0.0}


@pytest.fixture(scope="module")
def run(start):
    return start("figures")


@pytest.fixture(scope="module")
def test_split(given):
    return load_splits(Parameters.resolve(given("figures")))["test"]


def texts(figure):
    figure.canvas.draw()
    labels = [axis.get_ylabel() + axis.get_xlabel() + axis.get_title() for axis in figure.axes]
    legends = [text.get_text() for axis in figure.axes if axis.get_legend() for text in axis.get_legend().get_texts()]
    notes = [text.get_text() for axis in figure.axes for text in axis.texts]
    return " ".join([caption_of(figure), *labels, *legends, *notes])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("losses_figure", ("penalty", "unmasked", "inter", "fused", "gates open (%)", "audio", "generated")),
        ("gate_figure", ("signal", "noise", "text", "visual", "test samples that keep it (%)")),
        ("guidance_figure", ("test samples it teaches (%)", "target", "text")),
        ("measures_figure", ("mean absolute error", "Pearson")),
    ],
)
def test_says_what_it_shows(run, name, words):
    said = texts(getattr(figures, name)(run))
    assert [word for word in words if word not in said] == []


def test_gate_figure_draws_the_shares_of_its_arrays(run):
    figure = figures.gate_figure(run)
    signal = figure.axes[0].lines[0].get_ydata()
    steps, noise = run.arrays["test_steps"], run.arrays["test_noise_audio"]
    there = (np.arange(6) < steps[:, None]) & ~noise
    for step in range(6):
        kept = run.arrays["clean_gate_audio"][there[:, step], step]
        assert signal[step] == pytest.approx(100 * kept.mean(), nan_ok=True)


def test_samples_mark_their_noise(test_split):
    figure = figures.samples_figure(test_split, 2)
    assert len(figure.axes) == 6
    noise = test_split.prepared.arrays["audio_noise"][test_split.rows[0]]
    assert list(figure.axes[0].lines[0].get_xdata()) == list(np.flatnonzero(noise))


class TestStepsTable:
    def test_one_row_for_each_step(self, run, test_split):
        table = figures.steps_table(run, test_split, place=2)
        assert len(table) == run.arrays["test_steps"][2]
        gate, noise = run.arrays["clean_gate_audio"][2], run.arrays["test_noise_audio"][2]
        expected = [("open" if g else "closed") + (" ×" if n else "") for g, n in zip(gate, noise, strict=True)]
        assert table["audio"].tolist() == expected[: len(table)]
        assert "target" in table.attrs["sample"]

    def test_chooses_the_sample_that_closes_most(self, run, test_split):
        found = figures.steps_table(run, test_split)
        closed = [np.mean([v.startswith("closed") for v in found[m]]) for m in ("text", "audio", "visual")]
        steps = run.arrays["test_steps"]
        shares = [1 - run.arrays[f"clean_gate_{m}"].sum(axis=1) / steps for m in ("text", "audio", "visual")]
        assert np.mean(closed) == pytest.approx(np.mean(shares, axis=0).max())


class Words:
    """Stands for a split with transcripts."""

    rows = np.array([2])

    def __init__(self, **index):
        self.prepared = type("Prepared", (), {"index": index})


def test_words_and_utterances_of_a_window():
    words = Words(transcript=np.array(["", "", "a good film"]))
    assert figures.said_at(words, 0, 4) == ["a", "good", "film", ""]
    window = Words(transcript=np.array(["ONE", "TWO", "THREE"]), position=np.array([1, 2, 3]))
    assert figures.said_at(window, 0, 2) == ["THREE", "TWO"]
    assert figures.said_at(Words(), 0, 2) == ["", ""]


def test_a_run_without_parts_says_so(start):
    run = start("figures-off", epochs=1, **OFF)
    assert "set purification = True" in texts(figures.gate_figure(run))
    assert "nobody teaches" in texts(figures.guidance_figure(run))
    assert "fused" in texts(figures.losses_figure(run))
