"""Generated clips as the published files of MUSIC-AVQA: names, forms and types; numbers and sizes as asked for.

Files are written clip by clip, so that a stand-in may be larger than the memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from mmlib.data.avqa import files
from mmlib.data.avqa.generator import OPTIONS, STORED, Generator
from mmlib.data.avqa.published import PublishedSet
from mmlib.data.features.standin import write_array, write_new_folder
from mmlib.data.progress import Progress
from mmlib.files import dump_json

FULL = {"audio_features": 128, "visual_features": 512, "map": 14}
STRENGTH = 12.0  # of both modalities: learnable from few clips among 512 channels


def write_files(
    folder: str | Path,
    published: PublishedSet,
    *,
    clips: int,
    sizes: dict[str, int] | None = None,
    maps: Literal[".npy", ".h5"] = ".npy",
    seed: int = 0,
) -> Path:
    """Write a folder of published files with so many clips of 60 seconds; at full shape 24 MB each.

    `sizes`: options of `Generator` other than those of `FULL`. `maps`: the form of the picture's features. The folder
    appears whole or not at all, and must not exist. Raises `UsageError` (it exists), `ParameterError`, `OutputsError`.
    """
    strength = {"audio_strength": STRENGTH, "visual_strength": STRENGTH}
    generator = Generator(OPTIONS | FULL | strength | {"clips": clips, "seed": seed} | (sizes or {}))
    return write_new_folder(folder, lambda scratch: _write(scratch, published, generator, maps))


def _write(folder: Path, published: PublishedSet, generator: Generator, maps: str) -> None:
    (folder / published.release).mkdir()
    for split, path in files.question_files(folder, published.release).items():
        records = [question.record for question in generator.questions if question.split == split]
        path.write_text(dump_json(records, indent=None), encoding="utf-8")
    audio, visual = (folder / files.FEATURES[modality][0][0] for modality in ("audio", "visual"))
    for place in (audio, visual):
        place.mkdir(parents=True)
    progress = Progress("generated features", len(generator.names), "clips")
    for clip, name in enumerate(generator.names):
        features = generator.features(clip, range(STORED))
        write_array(audio / f"{name}.npy", features["audio"])
        write_array(visual / f"{name}{maps}", np.ascontiguousarray(features["visual"]))
        progress.advance(1)
