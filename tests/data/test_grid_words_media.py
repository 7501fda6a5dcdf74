"""What tokens of GRID words sound and look like: cut as the features were."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from mmlib.data import grid_words
from mmlib.data import grid_words_incremental as grid
from mmlib.data.grid_words_media import read_tokens
from mmlib.errors import DataError


@pytest.fixture(scope="module")
def prepared(data_root):
    """The index of some tokens, as `prepare_folder` writes it."""
    archive = data_root / grid_words.FOLDER / grid_words.ARCHIVE
    names, align = (grid_words.read_archive(archive, key) for key in ("names", "align"))
    tokens = align[np.array([1, 4, 700, 3000])]
    times = tokens[:, 1:3] / grid_words.UNITS_PER_SECOND
    index = {"group": names[tokens[:, 0]], "start_s": times[:, 0], "end_s": times[:, 1]}
    return SimpleNamespace(index=index, names=names, tokens=tokens)


def test_tokens_are_what_the_features_were_made_of(prepared, data_root):
    rows = np.array([3, 0])
    media = read_tokens(data_root, prepared, rows)
    folder = data_root / grid_words.FOLDER
    clips, place = np.unique(prepared.tokens[:, 0], return_inverse=True)  # those alone, or all sounds would be read
    tokens = np.column_stack([place, prepared.tokens[:, 1:]])
    parts = grid.audio_parts(folder / grid_words.AUDIO, prepared.names[clips], tokens).reshape(-1, 8, 40)
    pictures = grid.cut_frames(grid_words.read_archive(folder / grid_words.ARCHIVE, "mouth"), prepared.tokens)
    for row, token in zip(rows, media, strict=True):
        np.testing.assert_array_equal(token.pictures, pictures[row])
        start, end = prepared.tokens[row, 1:3] / grid_words.UNITS_PER_SECOND
        assert token.seconds == pytest.approx(min(end - start, 0.5), abs=1e-3)
        assert token.bands.shape[0] == 40
        assert token.bands.shape[1] == pytest.approx(token.seconds / 0.01 + 1, abs=1.01), "a frame each 10 ms"
        # Whole frames against shares of frames at both ends: alike, not equal.
        np.testing.assert_allclose(token.bands.mean(axis=1), parts[row].mean(axis=0), atol=0.35)
        assert np.corrcoef(token.bands.mean(axis=1), parts[row].mean(axis=0))[0, 1] > 0.98


def test_a_clip_that_is_not_there_is_named(prepared, data_root):
    other = SimpleNamespace(index={**prepared.index, "group": np.array(["nosuch"] * 4)})
    with pytest.raises(DataError, match="has no clip 'nosuch'"):
        read_tokens(data_root, other, [0])
