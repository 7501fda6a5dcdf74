"""Frames of other clips: never a row's own, of every clip and place, the same again; clips second by second."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmlib.data.other_frames import OtherFramesView, SecondView, frame_rows
from mmlib.data.randomness import Draws
from mmlib.errors import DataError

CLIPS, FRAMES = 6, 5
FEATURES = (100 * np.arange(CLIPS)[:, None] + np.arange(FRAMES)).astype(np.float16)[
    ..., None
]  # clip and place: 100 c + f
ITEMS = np.array([0, 0, 2, 3, 5, 2])
POOL = np.array([5, 3, 2, 0, 2])


def draws(batch=0, size=6, positions=None):
    return Draws(3, 1, batch, size, np.arange(size) if positions is None else positions)


def view(count=5):
    return OtherFramesView(FEATURES, ITEMS, POOL, count)


def test_frames_are_those_of_other_clips_of_the_pool():
    seen = {row: set() for row in range(6)}
    for batch in range(60):
        found = view()(np.arange(6), draws(batch))
        assert found.shape == (6, 5, 1)
        assert found.dtype == torch.float16
        for row in range(6):
            seen[row] |= set(found[row, :, 0].long().tolist())
    for row, values in seen.items():
        clips = {value // 100 for value in values}
        assert clips == {0, 2, 3, 5} - {ITEMS[row]}
        assert {value % 100 for value in values} == set(range(FRAMES))


def test_every_other_clip_is_as_likely():
    drawn = OtherFramesView(FEATURES, ITEMS, POOL, 3000).drawn(np.array([2]), draws(size=1))[0]
    _, counts = np.unique(drawn, return_counts=True)
    assert np.abs(counts / 3000 - 1 / 3).max() < 0.04


def test_parts_of_a_batch_see_what_one_process_sees():
    whole = view()(np.arange(6), draws())
    parts = [view()(np.arange(6)[own], draws(positions=own)) for own in (np.arange(4), np.arange(4, 6))]
    assert torch.equal(torch.cat(parts), whole)
    assert not torch.equal(view()(np.arange(6), draws(batch=1)), whole)


def test_in_evaluation_a_row_always_sees_the_same():
    whole = view()(np.arange(6), None)
    assert torch.equal(view()(np.array([4, 1]), None), whole[[4, 1]])


def test_one_clip_has_no_other():
    with pytest.raises(DataError, match="set match_weight = 0"):
        OtherFramesView(FEATURES, ITEMS, np.array([2, 2]), 1)


def test_memory_mapped_features_are_read_alike(tmp_path):
    np.save(tmp_path / "f.npy", FEATURES)
    mapped = np.load(tmp_path / "f.npy", mmap_mode="r")
    assert torch.equal(OtherFramesView(mapped, ITEMS, POOL, 5)(np.arange(6), draws()), view()(np.arange(6), draws()))


def test_second_by_second():
    rows = frame_rows(np.array([5, 2, 5]), FRAMES)
    assert len(rows) == 2 * FRAMES
    found = SecondView(FEATURES)(rows, None)
    assert found.shape == (10, 1, 1)
    assert found.dtype == torch.float32
    assert found.flatten().tolist() == [200, 201, 202, 203, 204, 500, 501, 502, 503, 504]
