"""AV-CIL's published files as a feature set: up to 295 GB of float32 are read in pieces, half of it written as float16.

Prepared arrays: `audio` (N, C) float32, `visual` (N, T, P, C) in the chosen storage; the published tokens (T P, C) are
time-major. Rows are the clips of train, validation and test, by class and in the order of the lists. Index columns
beside the fixed four (`group` is the video): `task` (the step in which the class arrives) and `leaky` (a validation or
test clip whose video is also in train).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmlib.data.av_cil import files
from mmlib.data.av_cil.generator import task_blocks
from mmlib.data.av_cil.published import PublishedSet
from mmlib.data.av_cil.synthetic import MODALITIES, task_of_class
from mmlib.data.features import conversion
from mmlib.data.features.checks import check_shape, check_storage, rounding_error
from mmlib.data.features.conversion import FeatureSet, Part
from mmlib.data.features.sources import Source, open_clips
from mmlib.errors import DataError

TIME = 8  # temporal places of the visual tokens: 16 frames in tubes of 2
SAMPLED = 8  # clips whose rounding is measured


def convert(folder: Path, place: Path, published: PublishedSet, storage: str, source: dict[str, Any]) -> Path:
    """Write `folder` from the published files in `place`; after a kill, go on. Raises `DataError`, `OutputsError`."""
    import h5py

    check_storage(published.dataset, storage)
    lists = files.read_lists(place)
    check_classes(place, published, lists)
    opened = {modality: open_features(place, modality, lists) for modality in files.FEATURES}
    tasks = task_blocks(len(lists.classes), published.steps)
    index = {
        "id": lists.id,
        "label": lists.label,
        "split": lists.split,
        "group": lists.video,
        "task": task_of_class(tasks)[lists.label],
        "leaky": lists.leaky,
    }
    manifest = {
        "source": {**source, "modalities": MODALITIES, "tasks": tasks}
        | {"rounding_error": rounding_error(opened["visual"], storage, SAMPLED)},
        "truth": {"standin": True} if lists.generated else {},
        "versions": {"h5py": h5py.__version__, "hdf5": h5py.version.hdf5_version},
    }
    parts = {modality: [Part(features)] for modality, features in opened.items()}
    storages = {"audio": "float32", "visual": storage}
    features = FeatureSet(published.dataset, lists.classes, index, parts, storages, manifest, unit="clips")
    return conversion.convert(folder, features)


def check_classes(place: Path, published: PublishedSet, lists: files.Lists) -> None:
    """Raise `DataError` unless the classes are those of the set, in whatever order."""
    unknown = sorted(set(lists.classes) ^ set(published.classes))
    if unknown:
        raise DataError(
            f"{place}: {unknown[0]!r} is {'no' if unknown[0] in lists.classes else 'a'} class of {published.dataset}, "
            f"whose {len(published.classes)} classes these lists must name ({len(unknown)} differ). Are they those of "
            "another set?"
        )


def open_features(place: Path, modality: str, lists: files.Lists) -> Source:
    """The features of all clips in the order of the lists, visual ones as `(N, T, P, C)`. Raises `DataError`."""
    path = files.features_file(place, modality)
    if path is None:
        raise DataError(files.missing(place))
    clips = open_clips(path, lists.id.tolist())
    if modality == "audio":
        check_shape(clips, len(lists.id), (None,), "a vector for every clip of the lists.")
        return clips
    check_shape(clips, len(lists.id), (None, None), "tokens of so many channels for every clip of the lists.")
    tokens, channels = clips.shape[1:]
    if tokens % TIME:
        raise DataError(
            f"{path}: {tokens} tokens a clip are no multiple of {TIME} temporal places, as VideoMAE's 1568 are. "
            "Extract the features again."
        )
    return clips.reshaped((TIME, tokens // TIME, channels))
