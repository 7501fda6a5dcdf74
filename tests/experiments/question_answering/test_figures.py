"""Figures and tables of one run: drawn from its files, saying what they show, for rows without parts too."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.errors import UsageError
from mmlib.experiments.question_answering import figures
from mmlib.experiments.question_answering.clip_figures import draw_strip, recorded_clip
from mmlib.experiments.question_answering.questions import load_questions
from mmlib.figures import caption_of
from mmlib.figures.style import new_figure


@pytest.fixture(scope="module")
def run(start):
    return start("figures", iemf=True, unimodal_heads="attached")


@pytest.fixture(scope="module")
def test_split(given):
    return load_questions(given("figures"))["test"]


def texts(figure):
    figure.canvas.draw()
    labels = [
        text
        for axis in figure.axes
        for text in (axis.get_ylabel(), axis.get_xlabel(), axis.get_title(), *(t.get_text() for t in axis.texts))
    ]
    ticks = [tick.get_text() for axis in figure.axes for tick in (*axis.get_yticklabels(), *axis.get_xticklabels())]
    legends = [text.get_text() for axis in figure.axes if axis.get_legend() for text in axis.get_legend().get_texts()]
    return " ".join([caption_of(figure), *labels, *ticks, *legends])


class TestOneQuestion:
    def test_is_answered_as_in_the_run(self, run, test_split):
        for place in (0, 5):
            found = figures.answer_question(run, test_split, place)
            logits = run.arrays["clean_logits"][place]
            assert found.given == test_split.classes[int(logits.argmax())]
            np.testing.assert_allclose(found.probabilities, np.exp(logits) / np.exp(logits).sum(), rtol=1e-4)
            np.testing.assert_allclose(found.attention["audio"], run.arrays["clean_attention_audio"][place], atol=1e-3)
            assert found.answer == test_split.classes[int(test_split.targets[place])]
            assert found.text == test_split.column("text")[place]
            assert found.picture.shape == (10, 3, 3)
            np.testing.assert_allclose(found.picture.sum(axis=(1, 2)), 1, rtol=1e-5)

    def test_its_figure_shows_the_right_answer_and_the_attention(self, run, test_split):
        found = figures.answer_figure(figures.answer_question(run, test_split, 2))
        said = texts(found)
        right = test_split.classes[int(test_split.targets[2])]
        assert all(word in said for word in (str(test_split.column("text")[2]), right, "probability (%)", "picture"))
        bars = found.axes[0].patches
        assert sum(bar.get_hatch() == "///" for bar in bars) == 1
        assert sum(bar.get_width() for bar in bars) <= 100.001
        assert sum(bar.get_height() for bar in found.axes[1].patches) == pytest.approx(200, abs=0.1)

    def test_the_picture_is_shown_where_avst_looks(self, run, test_split):
        found = figures.answer_question(run, test_split, 2)
        drawn = figures.picture_figure(found).axes[0].images[0].get_array()
        assert drawn.shape == (3, 10 * 4 - 1)
        np.testing.assert_allclose(drawn[:, 4:7], 100 * found.picture[1])

    def test_a_position_outside_is_told(self, run, test_split):
        with pytest.raises(UsageError, match=f"there is no question 999: split test has {len(test_split)}"):
            figures.answer_question(run, test_split, 999)

    def test_rows_without_parts_say_so(self, start, given):
        run = start("figures-question", network="baseline", modalities="none", epochs=1)
        test = load_questions(given("figures-question", network="baseline", modalities="none"))["test"]
        found = figures.answer_question(run, test, 0)
        assert "there are no seconds" in texts(figures.answer_figure(found))
        assert "set network = 'avst'" in texts(figures.picture_figure(found))
        assert "the question alone" in texts(figures.clip_figure(test, 0))
        assert "set iemf = True" in texts(figures.iemf_figure(run))


class TestClip:
    def test_generated_clips_are_shown_as_features(self, test_split):
        found = figures.clip_figure(test_split, 1)
        inputs = test_split[1].inputs
        np.testing.assert_array_equal(found.axes[0].images[0].get_array(), inputs["audio"][0].numpy().T)
        lengths = found.axes[1].images[0].get_array()
        first = np.linalg.norm(inputs["visual"][0, 0].float().numpy(), axis=0)
        np.testing.assert_allclose(lengths[:, :3], first, rtol=1e-5)
        assert figures.clip_sounds(test_split, 1) == []
        assert recorded_clip(test_split, 1, "somewhere") is None

    def test_strips_are_pictures_side_by_side(self):
        figure, ((axis,),) = new_figure(3, 1, 1, 1)
        draw_strip(axis, np.arange(12).reshape(2, 2, 3), "x")
        drawn = axis.images[0].get_array()
        assert drawn.shape == (2, 7)
        assert drawn[:, 4:].tolist() == [[6, 7, 8], [9, 10, 11]]
        assert [tick.get_text() for tick in axis.get_xticklabels()] == ["1", "2"]
        assert len(figure.axes) == 2


def test_types_are_those_of_the_record_with_their_floors(run):
    found = figures.types_figure(run)
    heights = [bar.get_height() for bar in found.axes[0].patches]
    assert heights[-1] == pytest.approx(100 * run.metrics["clean/top1"])
    floors = [line.get_ydata()[0] for line in found.axes[0].lines]
    assert floors[-1] == pytest.approx(100 * run.metrics["clean/accuracy_majority"])
    assert len(floors) == len(heights)


def test_measures_and_iemf_are_drawn_over_both_stages(run):
    assert "Top-1 accuracy (%)" in texts(figures.measures_figure(run))
    assert "ratio r" in texts(figures.iemf_figure(run))


def test_questions_of_every_type_come_first(test_split):
    table = figures.questions_table(test_split, 9)
    types = {f"{m} {k}" for m, k in zip(test_split.column("modality"), test_split.column("type"), strict=True)}
    assert set(table["type"]) == types if len(types) <= 9 else len(set(table["type"])) == 9
    for place, row in table.iterrows():
        assert row["question"] == test_split.column("text")[place]
