"""Figures of a run: every one can be drawn, and shows what the run measured."""

from __future__ import annotations

import numpy as np
import pytest
from figure_rules import keeps_the_rules

from mmlib.data.ave import load_segments
from mmlib.experiments.event_localization import Parameters, figures
from mmlib.figures import caption_of

OF_A_RUN = ("training", "modulation", "zeta")


@pytest.fixture(scope="module")
def run(start):
    return start("run", fusion="sum", simam2=True, zeta="learned", modulation="decoupling_free")


@pytest.fixture(scope="module")
def test_split(run):
    return load_segments(Parameters.resolve(run.parameters).located())["test"]


@pytest.mark.parametrize("name", OF_A_RUN)
def test_every_figure_can_be_drawn(run, name, tmp_path):
    figure = getattr(figures, f"{name}_figure")(run)
    assert keeps_the_rules(figure)
    for axis in figure.axes:
        if axis.axison and axis.has_data():
            assert axis.get_xlabel(), "every axis with data says what it shows"
    assert "synthetic_ave" in caption_of(figure)


def test_samples_are_clips_with_a_beginning_or_an_end_first(test_split, tmp_path):
    figure = figures.samples_figure(test_split)
    figure.savefig(tmp_path / "drawn.png")
    event, sound, seen = figure.axes
    titles = [text.get_text() for text in event.texts]
    chosen = [int(title.removeprefix("clip ")) for title in titles if title.startswith("clip ")]
    background = len(test_split.classes) - 1
    partly = (test_split.targets == background).any(axis=1) & (test_split.targets != background).any(axis=1)
    assert len(chosen) == 3
    assert partly[chosen].sum() == min(3, partly.sum())
    batch = test_split[np.array(chosen)]
    for place in range(3):
        np.testing.assert_array_equal(sound.images[place].get_array(), batch.inputs["audio"][place].numpy().T)
        strength = np.abs(batch.inputs["visual"][place].numpy()).mean(axis=-1)  # (T, H, W)
        np.testing.assert_array_equal(seen.images[place].get_array(), np.concatenate(list(strength), axis=1))
        assert sound.images[place].get_extent()[:2] == seen.images[place].get_extent()[:2]


def test_timeline_boxes_are_the_events(run, test_split, tmp_path):
    figure = figures.timeline_figure(run, test_split.classes, count=4)
    figure.savefig(tmp_path / "drawn.png")
    true = run.arrays["test_targets"]
    background = len(test_split.classes) - 1
    (axis,) = figure.axes
    notes = [text for text in axis.texts if text.get_text().startswith("clip ")]
    assert len(notes) == 4
    seen = 0
    for note in notes:
        right, above = note.get_position()
        clip = int(note.get_text().removeprefix("clip ").partition(":")[0])
        found = {"true": np.zeros(10, bool), "predicted": np.zeros(10, bool)}
        for box in axis.patches:
            row, left = box.get_y() + box.get_height() / 2 - above - 0.5, box.get_x() - right + 10
            if -0.1 < row < 1.1 and -1e-6 < left < 10:
                start = round(left)
                found["predicted" if row > 0.5 else "true"][start : start + round(box.get_width())] = True
                seen += 1
        np.testing.assert_array_equal(found["true"], true[clip] != background)
        np.testing.assert_array_equal(found["predicted"], run.arrays["clean_predicted"][clip] != background)
        share = 100 * (true[clip] == run.arrays["clean_predicted"][clip]).mean()
        assert note.get_text().endswith(f"{share:.0f} %")
    assert seen == len(axis.patches), "each box belongs to one clip"
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == 2 * ["true", "predicted"]


def test_attention_maps_have_the_maps_shape(run, test_split, tmp_path):
    figure = figures.attention_figure(run, test_split, count=2)
    figure.savefig(tmp_path / "drawn.png")
    strips = [np.ma.filled(axis.images[0].get_array(), np.nan) for axis in figure.axes if axis.images]
    assert [strip.shape for strip in strips] == 2 * [(3, 10 * 3 + 9)], "ten maps of 3 x 3, a column between two"
    for strip in strips:
        maps = np.pad(strip, ((0, 0), (0, 1)), constant_values=np.nan).reshape(3, 10, 4)
        assert np.isnan(maps[:, :, 3]).all()
        np.testing.assert_allclose(maps[:, :, :3].sum(axis=(0, 2)), 1, atol=5e-3)


def test_affinity_is_shown_before_and_after_pruning(start, run, test_split, tmp_path):
    psp = start("psp", network="psp")
    figure = figures.affinity_figure(psp, test_split.classes)
    figure.savefig(tmp_path / "drawn.png")
    above, below, _ = figure.axes
    before, after = ([np.asarray(image.get_array()) for image in axis.images] for axis in (above, below))
    for shares, kept in zip(before, after, strict=True):
        assert shares.shape == kept.shape == (10, 10)
        sums = shares.sum(axis=1)
        assert np.all(np.isclose(sums, 1, atol=1e-2) | (sums == 0))
        assert not kept[shares < 0.09].any(), "what was below the threshold is cut"
    true, background = psp.arrays["test_targets"], len(test_split.classes) - 1
    chosen = [int(text.get_text().removeprefix("clip ").partition(",")[0]) for text in above.texts]
    assert len(chosen) == len(before) == 3
    marked = [label.get_text().endswith("*") for label in below.get_xticklabels()]
    assert marked == (true[chosen] != background).flatten().tolist()
    for axis in (above, below):
        assert [label.get_text() for label in axis.get_yticklabels()] == [str(segment) for segment in range(10)]
    figure = figures.affinity_figure(run, test_split.classes)
    assert "set network = 'psp'" in figure.axes[0].texts[0].get_text()


def test_bars_and_confusion_are_the_recorded_counts(run, test_split, tmp_path):
    counts = run.arrays["clean_confusion"]
    there = counts.sum(axis=1) > 0
    figure = figures.class_figure(run, test_split.classes)
    figure.savefig(tmp_path / "bars.png")
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    np.testing.assert_allclose(widths, 100 * np.diag(counts)[there] / counts[there].sum(axis=1))
    figure = figures.confusion_figure(run, test_split.classes)
    figure.savefig(tmp_path / "confusion.png")
    image = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(image.sum(axis=1)[image.sum(axis=1) > 0], 100)
