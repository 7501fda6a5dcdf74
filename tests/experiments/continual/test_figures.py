"""The figures and the table of a run through all steps: they draw, and show what its arrays hold."""

from __future__ import annotations

import numpy as np
import pytest
from figure_rules import keeps_the_rules
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mmlib.data.grid_words_media import read_tokens
from mmlib.experiments.continual import Parameters, figures
from mmlib.experiments.continual.clips import load_clips
from mmlib.figures import caption_of
from mmlib.metrics.continual import forgetting, overall_accuracies


@pytest.fixture(scope="module")
def run(start):
    return start("figures", method="ss_il", iemf=True)


@pytest.fixture(scope="module")
def one_step(start):
    return start("one-step", method="fine_tuning", synthetic_steps=1, epochs=1)


DRAWN = (
    figures.matrix_figure,
    figures.forgetting_figure,
    figures.confusion_figure,
    figures.training_figure,
    figures.iemf_figure,
)


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
@pytest.mark.parametrize("which", ["run", "one_step"])
def test_every_figure_draws(draw, which, request):
    figure = draw(request.getfixturevalue(which))
    assert keeps_the_rules(figure, caption=bool(caption_of(figure)))


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
def test_figures_say_what_they_show(run, draw):
    title = caption_of(draw(run))
    assert "synthetic_incremental (generated), seed 0" in title
    if draw not in (figures.training_figure, figures.iemf_figure):
        assert title.endswith("; ss_il + IEMF, networks chosen on validation")


def test_the_matrix_and_its_means(run):
    left, right, _ = figures.matrix_figure(run).axes
    matrix = run.arrays["clean_accuracy_matrix"]
    lines = {line.get_label(): line.get_ydata() for line in left.get_lines()}
    np.testing.assert_allclose(lines["all clips"], 100 * overall_accuracies(matrix, run.arrays["task_clips"]))
    np.testing.assert_allclose(lines["newest task"], 100 * np.diagonal(matrix))
    numbers = [text.get_text() for text in right.texts]
    assert numbers == [f"{100 * matrix[step, task]:.0f}" for step in range(3) for task in range(step + 1)]


def test_what_was_lost(run):
    _, right = figures.forgetting_figure(run).axes
    matrix = run.arrays["clean_accuracy_matrix"]
    heights = [bar.get_height() for bar in right.patches]
    np.testing.assert_allclose(
        heights, 100 * (matrix[:2].max(axis=0, where=~np.isnan(matrix[:2]), initial=0) - matrix[2])[:2]
    )


def test_confusion_by_task(run):
    left, right, _ = figures.confusion_figure(run).axes
    counts = run.arrays["clean_task_confusion"]
    share = [f"{100 * counts[2, task, guess] / counts[2, task].sum():.0f}" for task in range(3) for guess in range(3)]
    assert [text.get_text() for text in left.texts] == share
    taken = right.get_lines()[0].get_ydata()
    np.testing.assert_allclose(taken, [100 * counts[s, :s, s].sum() / counts[s, :s].sum() for s in (1, 2)])


def test_table_of_steps(run):
    table = figures.steps_table(run)
    assert table.index.tolist() == [1, 2, 3]
    assert table["classes seen"].tolist() == [3, 5, 7]
    assert table["exemplars"].tolist() == [0, 12, 10]
    lost = 100 * forgetting(run.arrays["clean_accuracy_matrix"])
    np.testing.assert_allclose(table["forgetting (points)"].tolist()[1:], lost, atol=0.05)
    assert table["epoch"].between(1, 3).all()


def test_without_iemf_the_figure_says_so(one_step):
    (axis,) = figures.iemf_figure(one_step).axes
    assert "without IEMF" in axis.texts[0].get_text()


@pytest.mark.parametrize(("classes", "shown"), [(3, [0, 3, 6]), (20, list(range(7)))])
def test_exemplars_are_shown_as_what_the_network_saw(start, given, classes, shown):
    """Rows of the pictures are the clips that the record names, for classes spread over all that are held."""
    run = start("exemplars", method="icarl_nme")
    train = load_clips(Parameters.resolve(given())).splits["train"]
    figure = figures.exemplars_figure(run, train, classes=classes)
    FigureCanvasAgg(figure).draw()
    pictures = [axis.get_images()[0].get_array() for axis in figure.axes if axis.get_images()]
    assert [axis.get_title() for axis in figure.axes[: len(shown)]] == [f"class {label}" for label in shown]
    prepared = train.prepared
    for place, label in enumerate(shown):
        mine = (run.arrays["memory_step"] == 2) & (run.arrays["memory_class"] == label)
        rows = run.arrays["memory_row"][mine]
        assert len(rows) == 2
        np.testing.assert_allclose(pictures[place], prepared.arrays["audio"][rows])
        tokens = np.asarray(prepared.arrays["visual"][rows], dtype=np.float32)
        np.testing.assert_allclose(pictures[len(shown) + place], tokens.mean(axis=(1, 2)), atol=1e-4)
    assert caption_of(figure).endswith("; icarl_nme, some of 14 exemplars held after step 3")


def test_a_method_without_exemplars_says_so(one_step, given):
    train = load_clips(Parameters.resolve(given())).splits["train"]
    (axis,) = figures.exemplars_figure(one_step, train).axes
    assert axis.texts[0].get_text() == "fine_tuning keeps no exemplars"


@pytest.fixture(scope="module")
def words(start, data_root):
    """A short run on the real words, and the parameters it had."""
    changes = {"dataset": "grid_words_incremental", "data_root": str(data_root), "memory_size": 102, "batch_size": 256}
    changes |= {"visual_tokens": "mean", "epochs": 1, "method": "ss_il"}
    return start("words", **changes), changes


def test_exemplars_of_words_are_sound_and_mouth(words, given, data_root):
    run, changes = words
    train = load_clips(Parameters.resolve(given(**changes))).splits["train"]
    figure = figures.exemplars_figure(run, train, data_root, classes=2, clips=2)
    FigureCanvasAgg(figure).draw()
    sound, mouth = figure.axes[:2], figure.axes[2:4]
    assert [axis.get_title(loc="left") for axis in sound] == [f"“{run_word(run, train, 0)}”", ""]
    mine = (run.arrays["memory_step"] == run.arrays["memory_step"].max()) & (
        run.arrays["memory_class"] == run.arrays["memory_class"][0]
    )
    tokens = read_tokens(data_root, train.prepared, run.arrays["memory_row"][mine][:2])
    for place, token in enumerate(tokens):
        np.testing.assert_array_equal(sound[place].get_images()[0].get_array(), token.bands)
        np.testing.assert_array_equal(
            mouth[place].get_images()[0].get_array(), np.concatenate(list(token.pictures), axis=1)
        )
    without = figures.exemplars_figure(run, train, classes=2)
    assert without.axes[0].get_ylabel() == "sound\nexemplar", "no recordings: features"


def run_word(run, train, place):
    return train.classes[int(run.arrays["memory_class"][place])]


@pytest.mark.parametrize(("tokens", "label"), [("all", "position; length of its token"), ("mean", "mean visual token")])
def test_samples_are_shown_as_the_network_sees_them(given, tokens, label):
    clips = load_clips(Parameters.resolve(given(visual_tokens=tokens)))
    figure = figures.samples_figure(clips.splits["test"], count=2)
    FigureCanvasAgg(figure).draw()
    assert figure.axes[2].get_ylabel() == label


def test_samples_are_features(given):
    clips = load_clips(Parameters.resolve(given()))
    figure = figures.samples_figure(clips.splits["test"], count=3)
    assert len(figure.axes) == 6
    image = figure.axes[3].get_images()[0].get_array()
    assert image.shape == (3, 2), "positions by time steps"
    FigureCanvasAgg(figure).draw()
