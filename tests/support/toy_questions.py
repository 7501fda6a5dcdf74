"""A tiny prepared folder of questions on clips: sound features by clip, tokens and a real value by question."""

from __future__ import annotations

import numpy as np

from mmlib.data.prepared import write_prepared

CLIPS, QUESTIONS, TOKENS = 5, 20, 6
ITEM = np.random.default_rng(0).permutation(np.arange(QUESTIONS) % CLIPS)
SOUND = np.random.default_rng(1).normal(size=(CLIPS, 3)).astype(np.float16)
LENGTHS = np.random.default_rng(2).integers(1, TOKENS + 1, QUESTIONS)
ASKED = np.random.default_rng(3).integers(1, 90, (QUESTIONS, TOKENS)) * (np.arange(TOKENS) < LENGTHS[:, None])
VALUE = np.round(np.random.default_rng(4).normal(size=QUESTIONS), 3)
SOURCE = {"modalities": {"sound": "features", "text": "tokens"}, "target": "value"}


def write_questions(folder, *, index=None, arrays=None, source=None, by_item=("sound",)):
    columns = {
        "id": [f"q{row}" for row in range(QUESTIONS)],
        "label": (VALUE > 0).astype(int),
        "split": np.array(["train"] * 14 + ["validation"] * 2 + ["test"] * 4),
        "group": [f"clip{item}" for item in ITEM],
        "item": ITEM,
        "value": VALUE,
    }
    columns = {name: values for name, values in (columns | (index or {})).items() if values is not None}
    arrays = {"sound": SOUND, "text": ASKED.astype(np.int16)} | (arrays or {})
    return write_prepared(
        folder,
        dataset="questions",
        classes=["no", "yes"],
        index=columns,
        arrays=arrays,
        source=SOURCE if source is None else source,
        by_item=by_item,
    )
