"""Generated classes seen by three modalities: a vector, a sequence and tokens. For trying methods on more than two.

Construction, for K classes and N samples: the label is uniform. Each modality shows the label's class or, in a share of
samples (`UNINFORMATIVE`, drawn for each modality alone), a class that is drawn anew, so that no modality suffices and
nothing betrays which one misleads; `<modality>_informative` in the index records it. What a class looks like:

- vector: a fixed direction of length `DISTANCE` in `WIDTH` dimensions, plus white noise of deviation 1;
- sequence: `STEPS` steps of `CHANNELS` values, a wave of the class's own frequency at a random phase in every channel,
    plus white noise of deviation 1; every sample ends at a length of its own, and what follows is zero;
- tokens: `TOKENS` ids, each one of `WORDS` words of the class with probability `TOPICAL`, otherwise any word; every
    sample ends at a length of its own, and what follows is 0, the padding.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.prepared import write_prepared
from mmlib.errors import ParameterError

LAYOUT = 1  # raise when the same options would write other content
MODALITIES = {"vector": "features", "sequence": "features", "tokens": "tokens"}  # how each is shown
UNINFORMATIVE = {"vector": 0.2, "sequence": 0.3, "tokens": 0.4}
SHARES = {"train": 0.6, "validation": 0.15, "test": 0.25}
WIDTH, DISTANCE = 12, 4.0
STEPS, SHORTEST, CHANNELS = 16, 10, 4
TOKENS, FEWEST, WORDS, TOPICAL = 12, 5, 4, 0.5


def inputs(root: Path | None) -> dict[str, Path]:
    """No files are read."""
    return {}


def missing(root: Path | None) -> None:
    """Never anything."""


def prepare_folder(folder: Path, root: Path | None, options: dict[str, Any], inputs_hash: str) -> Path:
    """Generate and write the prepared folder. Raises `ParameterError` for an option out of range."""
    count, classes = options["samples"], options["classes"]
    if classes < 2 or count < 20:
        raise ParameterError(f"synthetic_trio: classes is {classes}, samples {count}; it needs 2 and 20 at least.")
    rng = np.random.default_rng(options["seed"])
    labels = rng.integers(classes, size=count)
    shown, informative = {}, {}
    for modality, share in UNINFORMATIVE.items():
        misled = rng.random(count) < share
        shown[modality] = np.where(misled, rng.integers(classes, size=count), labels)
        informative[f"{modality}_informative"] = ~misled
    names = [f"{row:06d}" for row in range(count)]
    edges = np.cumsum([round(share * count) for share in SHARES.values()])[:-1]
    split = np.asarray(list(SHARES))[np.searchsorted(edges, np.arange(count), side="right")]
    return write_prepared(
        folder,
        dataset="synthetic_trio",
        classes=[f"class {k}" for k in range(classes)],
        index={"id": names, "label": labels, "split": split, "group": names, **informative},
        arrays={
            "vector": vectors(rng, shown["vector"], classes),
            "sequence": sequences(rng, shown["sequence"], classes),
            "tokens": tokens(rng, shown["tokens"], classes),
        },
        source={"generator": "mmlib.data.synthetic_trio", "layout": LAYOUT, "modalities": MODALITIES, **options},
        truth={"uninformative_share": UNINFORMATIVE},
        replace=True,
    )


def vectors(rng: np.random.Generator, shown: np.ndarray, classes: int) -> np.ndarray:
    """(N, WIDTH) float32."""
    directions = rng.standard_normal((classes, WIDTH))
    directions *= DISTANCE / np.linalg.norm(directions, axis=1, keepdims=True)
    return (directions[shown] + rng.standard_normal((len(shown), WIDTH))).astype(np.float32)


def sequences(rng: np.random.Generator, shown: np.ndarray, classes: int) -> np.ndarray:
    """(N, STEPS, CHANNELS) float32; the class sets how far the wave turns with each step, below half a turn."""
    count = len(shown)
    phase = 2 * np.pi * rng.random((count, 1, CHANNELS))
    turned = (np.pi * (shown + 0.5) / classes)[:, None, None] * np.arange(STEPS)[None, :, None]
    values = 2 * np.sin(turned + phase) + rng.standard_normal((count, STEPS, CHANNELS))
    lengths = rng.integers(SHORTEST, STEPS + 1, size=count)
    values[np.arange(STEPS) >= lengths[:, None]] = 0
    return values.astype(np.float32)


def tokens(rng: np.random.Generator, shown: np.ndarray, classes: int) -> np.ndarray:
    """(N, TOKENS) int32 in 0..classes * WORDS, 0 for padding."""
    count = len(shown)
    topical = shown[:, None] * WORDS + rng.integers(WORDS, size=(count, TOKENS))
    any_word = rng.integers(classes * WORDS, size=(count, TOKENS))
    ids = 1 + np.where(rng.random((count, TOKENS)) < TOPICAL, topical, any_word)
    lengths = rng.integers(FEWEST, TOKENS + 1, size=count)
    ids[np.arange(TOKENS) >= lengths[:, None]] = 0
    return ids.astype(np.int32)
