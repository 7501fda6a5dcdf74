"""A small generated list in MM-Debiased's form, for where the published one is not: made-up ids of every form."""

from __future__ import annotations

import numpy as np

from mmlib.data.mm_debiased.listing import Listing, parse_key

CLASSES = ["bowling", "lawn mowing", "singing"]
_LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz0123456789"))


def generated_listing(clips: int = 240, seed: int = 0) -> Listing:
    """`clips` clips: spans, bare ids, starts alone or in twos, and one video in six cut into segments."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, int, int]] = []
    while len(rows) < clips:
        video = "x" + "".join(rng.choice(_LETTERS, 10))
        label, subset = int(rng.integers(len(CLASSES))), int(rng.choice(3, p=[0.8, 0.1, 0.1]))
        start = int(rng.integers(30, 400))
        kinds = [
            [f"_{start:06d}_{start + 10:06d}"],
            [""],
            [f"_{start}"],
            [f"_{start}"],
            [f"_{start}", f"_{start + 40}"],
        ]
        ends = [*kinds, [f"_{number}" for number in (0, 3, 4, 5)]][int(rng.integers(6))]
        rows += [(video + end, label, 0 if place else subset) for place, end in enumerate(ends)]
    keys, labels, subsets = (np.array(column) for column in zip(*rows[:clips], strict=True))
    forms, videos, starts = (np.array(column) for column in zip(*(parse_key(str(key)) for key in keys), strict=True))
    return Listing(keys, videos, forms, starts, subsets, labels, CLASSES)
