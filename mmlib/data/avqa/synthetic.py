"""The data set `synthetic_avqa`: generated clips and questions in the form that converted MUSIC-AVQA has.

`mmlib.data.avqa.standin` writes the same clips as published files; converted, they give the same arrays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmlib.data.avqa.generator import OPTIONS, Generator
from mmlib.data.avqa.scenes import SECONDS
from mmlib.data.features.checks import check_storage
from mmlib.data.prepared import PreparedWriter
from mmlib.data.ranges import narrowed

LAYOUT = 1  # raise when the same options would write other content


def prepare_folder(folder: Path, root: Path | None, options: dict[str, Any], inputs_hash: str) -> Path:
    """Generate and write the prepared folder. Raises `ParameterError` for an option out of range.

    Beside what `mmlib.data.avqa` names, by item: `scene_kind` (items, 3) int8, `scene_gain` (items, 3) float32 and
    `scene_play` (items, 3, 10) uint8, the truth of which the questions are asked.
    """
    check_storage("synthetic_avqa", options["storage"])
    generator = Generator({name: options[name] for name in OPTIONS})
    asked, clips, storage, side = generator.asked, options["clips"], options["storage"], options["map"]
    with PreparedWriter(folder, dataset="synthetic_avqa", classes=asked.answers, replace=True) as writer:
        audio = writer.array("audio", (clips, SECONDS, options["audio_features"]), storage, by_item=True)
        sizes = (clips, SECONDS, options["visual_features"], side, side)
        visual = writer.array("visual", sizes, storage, by_item=True)
        for clip in range(clips):
            features = generator.features(clip)
            audio[clip] = narrowed(features["audio"], storage, "synthetic_avqa")
            visual[clip] = narrowed(features["visual"], storage, "synthetic_avqa")
        writer.array("question", asked.tokens.shape, asked.tokens.dtype)[...] = asked.tokens
        for name, values in generator.scenes.arrays.items():
            writer.array(name, values.shape, values.dtype, by_item=True)[...] = values
        return writer.finish(
            index=asked.index,
            source={"generator": "mmlib.data.avqa.generator", "layout": LAYOUT, **asked.source, **options},
            truth={"generator": "synthetic_avqa", **options},
        )
