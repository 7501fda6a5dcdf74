"""The data set `synthetic_incremental`: generated clips in the form that converted AV-CIL features have.

`mmlib.data.av_cil.standin` writes the same clips as published files; converted, they give the same arrays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.av_cil.generator import OPTIONS, Generator
from mmlib.data.features.checks import check_storage
from mmlib.data.prepared import PreparedWriter
from mmlib.data.ranges import narrowed

LAYOUT = 1  # raise when the same options would write other content
MODALITIES = {"audio": "features", "visual": "features"}  # how each is shown


def prepare_folder(folder: Path, root: Path | None, options: dict[str, Any], inputs_hash: str) -> Path:
    """Generate and write the prepared folder. Raises `ParameterError` for an option out of range.

    Arrays: `audio` (N, C) float32, `visual` (N, T, P, C) in `storage`; `task` in the index is the step of the class.
    The source's `tasks` holds the class ids of each step.
    """
    check_storage("synthetic_incremental", options["storage"])
    generator = Generator({name: options[name] for name in OPTIONS})
    clips, size = generator.clips, tuple(options[name] for name in ("time", "positions", "channels"))
    names = [f"class {label}" for label in range(options["classes"])]
    with PreparedWriter(folder, dataset="synthetic_incremental", classes=names, replace=True) as writer:
        audio = writer.array("audio", (len(clips), options["channels"]), np.float32)
        visual = writer.array("visual", (len(clips), *size), options["storage"])
        for rows, features in generator.chunks():
            audio[rows] = features["audio"]
            visual[rows] = narrowed(features["visual"], visual.dtype, "synthetic_incremental")
        return writer.finish(
            index={
                "id": clips.id,
                "label": clips.label,
                "split": clips.split,
                "group": clips.id,
                "task": task_of_class(generator.tasks)[clips.label],
            },
            source={
                "generator": "mmlib.data.av_cil.generator",
                "layout": LAYOUT,
                "modalities": MODALITIES,
                "tasks": generator.tasks,
                **options,
            },
            truth={"generator": "synthetic_incremental", **options},
        )


def task_of_class(tasks: list[list[int]]) -> np.ndarray:
    """The step (K,) int64 in which each class arrives; `tasks` name every class once."""
    steps = np.empty(sum(map(len, tasks)), np.int64)
    for step, classes in enumerate(tasks):
        steps[classes] = step
    return steps
