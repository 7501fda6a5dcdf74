"""Frames of other clips, which a network must tell from those that belong to what it hears; and clips second by second.

Published code does (AVST): for each of a clip's ten frames a random frame of a random other video of the same split, by
    Python's generator without a seed.
We do: the same, drawn from (seed, epoch, batch) as all augmentation is: a resumed run and several processes see what
    one undisturbed process sees. In evaluation each row's frames are always the same.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from mmlib.data.randomness import Draws, FrozenDraws, mix
from mmlib.data.views import FeatureView
from mmlib.errors import DataError

STREAM = "frames of other clips"


def frame_by_frame(features: np.ndarray) -> np.ndarray:
    """Features (items, F, ...) as (items · F, ...), a view of them: row item · F + f is frame f of an item."""
    return features.reshape(-1, *features.shape[2:])


class SecondView:
    """One frame of features (items, F, ...) for each row (rows are frames, see `frame_by_frame`): (n, 1, ...).

    `as_stored`: see `FeatureView`.
    """

    random = False

    def __init__(self, features: np.ndarray, as_stored: bool = False) -> None:
        self.view = FeatureView(frame_by_frame(features), as_stored)

    def __call__(self, rows: np.ndarray, draws: Draws | None) -> Tensor:
        return self.view(rows, draws)[:, None]


class OtherFramesView:
    """For each row `count` frames of other items, each of an item and a place drawn anew: (n, count, ...), as stored.

    Args:
        features: (items, F, ...), floats.
        items: (rows,) the item of each row.
        pool: the items to draw from, those of one split; each row's own is left out.
        count: frames of a row.

    Raises `DataError` where the pool has fewer than two items.
    """

    random = True

    def __init__(self, features: np.ndarray, items: np.ndarray, pool: np.ndarray, count: int) -> None:
        self.pool = np.unique(pool)
        if len(self.pool) < 2:
            raise DataError(
                f"frames of other clips are drawn from {len(self.pool)} clip(s) of a split: two are needed at least. "
                "Prepare the data with more clips, or set match_weight = 0 and pretrain_epochs = 0."
            )
        self.items, self.count, self.frames = items, count, features.shape[1]
        self.view = FeatureView(frame_by_frame(features), as_stored=True)

    def __call__(self, rows: np.ndarray, draws: Draws | None) -> Tensor:
        item, frame = self.drawn(rows, draws)
        return self.view((item * self.frames + frame).reshape(-1), None).unflatten(0, item.shape)

    def drawn(self, rows: np.ndarray, draws: Draws | None) -> tuple[np.ndarray, np.ndarray]:
        """Item and place (n, count) each of what rows are shown."""
        if draws is None:
            draws = FrozenDraws([mix(STREAM, int(row)) for row in rows])
        chance = draws.uniform(STREAM, self.count, 2).double()  # (n, count, 2) in [0, 1)
        others = len(self.pool) - 1
        place = (chance[..., 0] * others).long().clamp(max=others - 1).numpy()
        own = np.searchsorted(self.pool, self.items[rows])[:, None]
        place = place + (place >= own)
        frame = (chance[..., 1] * self.frames).long().clamp(max=self.frames - 1).numpy()
        return self.pool[place], frame


def frame_rows(items: np.ndarray, frames: int) -> np.ndarray:
    """Rows of `frame_by_frame` of all frames of these items, in order."""
    return (np.unique(items)[:, None] * frames + np.arange(frames)).reshape(-1)
