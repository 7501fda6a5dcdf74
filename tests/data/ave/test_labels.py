"""Labels from annotations: by hand, and against every published label file that is at hand."""

import h5py
import numpy as np
import pytest

from mmlib.data.ave.annotations import read_annotations
from mmlib.data.ave.classes import BACKGROUND, PUBLISHED
from mmlib.data.ave.labels import differing_rows, event_mask, one_hot, proportions, segment_classes


def test_half_open_interval():
    segments = segment_classes(np.array([0, 0, 5]), np.array([0, 6, 0]), np.array([10, 8, 0]))
    np.testing.assert_array_equal(segments[0], [0] * 10)
    np.testing.assert_array_equal(np.flatnonzero(segments[1] == 0), [6, 7])
    np.testing.assert_array_equal(segments[2], [BACKGROUND] * 10)
    np.testing.assert_array_equal(event_mask(segments).sum(axis=1), [10, 2, 0])


def test_proportions_are_the_mean_of_one_hot_labels():
    shares = proportions(segment_classes(np.array([0]), np.array([6]), np.array([8])), 29)
    assert dict(zip(np.flatnonzero(shares[0]).tolist(), shares[0][shares[0] > 0].tolist(), strict=True)) == {
        0: pytest.approx(0.2),
        28: pytest.approx(0.8),
    }


def test_one_hot_has_one_bit():
    hot = one_hot(np.array([[0, 28], [3, 28]]), 29)
    assert hot.shape == (2, 2, 29)
    np.testing.assert_array_equal(hot.argmax(axis=2), [[0, 28], [3, 28]])
    np.testing.assert_array_equal(hot.sum(axis=2), 1)


@pytest.mark.parametrize("name", ["mil_labels.h5", "labels_closs.h5"])
def test_rebuilt_labels_are_the_published_ones_on_every_clip(lists, name):
    annotations = read_annotations(lists / "Annotations.txt")
    with h5py.File(lists / name) as file:
        assert file["avadataset"].shape[0] == len(annotations) == 4143
    assert differing_rows(lists / name, annotations.label, annotations.segments) == 0


def test_comparison_finds_one_wrong_row(copy, rewrite):
    annotations = read_annotations(copy / "Annotations.txt")
    for name in ("labels.h5", "mil_labels.h5", "prob_label.h5", "labels_closs.h5"):
        assert differing_rows(copy / name, annotations.label, annotations.segments) == 0

        def spoil(values):
            values[7].flat[0] = 1 - values[7].flat[0]
            return values

        rewrite(copy / name, spoil)
        assert differing_rows(copy / name, annotations.label, annotations.segments) == 1


def test_published_totals():
    """Clips and event segments of train, validation, test; the sums that every source quotes."""
    clips = [sum(counts[place][0] for counts in PUBLISHED.values()) for place in range(3)]
    events = [sum(counts[place][1] for counts in PUBLISHED.values()) for place in range(3)]
    assert clips == [3339, 402, 402]
    assert events == [27_759, 3_288, 3_305]
