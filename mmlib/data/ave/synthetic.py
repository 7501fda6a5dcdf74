"""The data set `synthetic_ave`: generated clips written as AVE's published files, then converted as AVE itself is.

`write_files` is also of use by itself: a folder that any reader of AVE's files can open. Video ids are `SYN00000` and
so on, which is how a conversion tells such a folder from the data set whose format it has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.ave import conversion, files
from mmlib.data.ave.annotations import Annotations, write_annotations
from mmlib.data.ave.classes import BACKGROUND, CLASSES
from mmlib.data.ave.generator import OPTIONS, Clips, Generator
from mmlib.data.ave.labels import one_hot, published_labels
from mmlib.data.features.checks import check_storage
from mmlib.data.features.standin import scratch_folder, write_array, write_new_folder
from mmlib.data.hdf5 import new_hdf5
from mmlib.data.progress import Progress
from mmlib.data.ranges import narrowed

LAYOUT = 1  # raise when the same options would write other content
VIDEO_ID = conversion.GENERATED_ID + "{:05d}"


def prepare_folder(folder: Path, root: Path | None, options: dict[str, Any], inputs_hash: str) -> Path:
    """Generate the published files beside `folder` and convert them. Raises `ParameterError`, `OutputsError`."""
    check_storage("synthetic_ave", options["storage"])
    generator = Generator({name: options[name] for name in OPTIONS})
    with scratch_folder(folder) as scratch:
        _write_all(scratch, generator, options["storage"])
        source = {"generator": "mmlib.data.ave.generator", "layout": LAYOUT, **options}
        truth = {"generator": "synthetic_ave", "classes": generator.classes.tolist(), **options}
        return conversion.convert(folder, scratch, "synthetic_ave", options["storage"], source, truth)


def write_files(folder: str | Path, options: dict[str, Any] | None = None) -> Path:
    """Write a generated folder of published files: names, keys and types of AVE, sizes by `options` (see `OPTIONS`).

    The folder appears whole or not at all, and must not exist. Raises `UsageError` (it exists), `ParameterError`,
    `OutputsError`.
    """
    generator = Generator(OPTIONS | (options or {}))
    return write_new_folder(folder, lambda scratch: _write_all(scratch, generator, "float64"))


def _write_all(folder: Path, generator: Generator, dtype: str) -> None:
    clips, background = generator.clips, generator.background
    videos = np.array([VIDEO_ID.format(number) for number in range(len(clips.label))])
    write_annotations(folder / files.ANNOTATIONS, Annotations(clips.label, videos, clips.onset, clips.offset))
    _write_features(folder, files.FEATURES, generator, clips, dtype, 0)
    _write_features(folder, files.BACKGROUND_FEATURES, generator, background, dtype, 1)
    labels = published_labels(clips.label, clips.segments)
    labels[files.BACKGROUND_LABELS] = one_hot(np.full(len(background.label), BACKGROUND), len(CLASSES))
    for name, values in labels.items():
        write_array(folder / name, values, files.KEYS[0])
    for split, order in generator.orders().items():
        write_array(folder / files.ORDERS[split], order.astype(np.int64), files.ORDER_KEYS[0])


def _write_features(
    folder: Path, names: dict[str, str], generator: Generator, clips: Clips, dtype: str, stream: int
) -> None:
    options, shape = generator.options, clips.audible.shape
    sizes = {"audio": (options["audio_features"],), "visual": (options["map"],) * 2 + (options["visual_features"],)}
    with new_hdf5(folder / names["audio"]) as audio, new_hdf5(folder / names["visual"]) as visual:
        opened = {"audio": audio, "visual": visual}
        stored = {name: opened[name].create_dataset(files.KEYS[0], shape + sizes[name], dtype) for name in opened}
        progress = Progress("generated features", len(clips.label), "clips")
        for part, features in generator.chunks(clips, stream):
            for modality, values in features.items():
                stored[modality][part] = narrowed(values, dtype, "the generated features")
            progress.advance(part.stop - part.start)
