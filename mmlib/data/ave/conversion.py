"""AVE's published files as a feature set: 8.3 GB of float64 are read in pieces, 2.1 GB of float16 written.

Prepared arrays: `audio` (N, 10, Fa) float32 (the published numbers are float32 stored as float64, so nothing is lost),
`visual` (N, 10, H, W, C) in the chosen storage, `segments` (N, 10) int64, the class of every second. Rows are the clips
that an order file names, in the order of Annotations.txt, then the background-only clips where both feature files of
them are there. Index columns beside the fixed four: `sample` (line of Annotations.txt, row of the feature files; of the
noisy files for background-only clips), `order` (place in the published order file), `onset`, `offset`, `leaky`
(validation or test clip whose video is also in train) and `background_only`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.ave import files
from mmlib.data.ave.annotations import Annotations, read_annotations
from mmlib.data.ave.classes import BACKGROUND, CLASSES, SEGMENTS
from mmlib.data.ave.labels import differing_rows
from mmlib.data.features import conversion
from mmlib.data.features.conversion import FeatureSet, Part
from mmlib.errors import DataError

GENERATED_ID = "SYN"  # generated folders name their videos SYN00000 and so on; YouTube's ids have eleven characters


@dataclass(frozen=True)
class Rows:
    """The rows of a prepared folder: index columns `(N,)` by name, and the class of every segment `(N, 10)`."""

    columns: dict[str, np.ndarray]
    segments: np.ndarray
    clips: int  # annotated clips among the rows; the rest are background-only


def convert(
    folder: Path, source_folder: Path, dataset: str, storage: str, source: dict[str, Any], truth: dict[str, Any]
) -> Path:
    """Write `folder` from the published files in `source_folder`. Raises `DataError` (malformed), `OutputsError`."""
    import h5py

    annotations = read_annotations(source_folder / files.ANNOTATIONS)
    listed = len(annotations)
    rows = arrange(annotations, files.read_orders(source_folder, listed), count_background(source_folder))
    differing = differing_labels(source_folder, annotations)
    background, unused = len(rows.segments) - rows.clips, listed - rows.clips
    manifest = {
        "source": {**source, "labels_differing": differing, "background_only": background},
        "truth": truth,
        "counts": {"listed": listed, "found": listed, "decoded": rows.clips, "skipped": unused},
        "skipped": [{"id": files.ANNOTATIONS, "reason": f"{unused} clips are in no order file"}] if unused else [],
        "versions": {"h5py": h5py.__version__, "hdf5": h5py.version.hdf5_version},
    }
    parts = {name: _parts(source_folder, name, rows, listed) for name in files.FEATURES}
    storages, segments = {"audio": "float32", "visual": storage}, {"segments": rows.segments}
    features = FeatureSet(dataset, CLASSES, rows.columns, parts, storages, manifest, segments, unit="clips")
    return conversion.convert(folder, features)


def is_generated(annotations: Annotations) -> bool:
    """Whether the clips are named as `mmlib.data.ave.synthetic` names them."""
    first = str(annotations.video[0])
    return first.startswith(GENERATED_ID) and len(first) < 11


def differing_labels(folder: Path, annotations: Annotations) -> dict[str, int]:
    """Clips whose labels differ from the rebuilt ones, by label file that is there. Raises `DataError` (malformed)."""
    there = [name for name in files.LABELS if (folder / name).is_file()]
    return {name: differing_rows(folder / name, annotations.label, annotations.segments) for name in there}


def arrange(annotations: Annotations, orders: dict[str, np.ndarray], background: int) -> Rows:
    """Rows of the prepared folder: clips of all splits by sample number, then `background` background-only clips."""
    sample = np.concatenate(list(orders.values()))
    split = np.repeat(list(orders), [len(order) for order in orders.values()])
    place = np.concatenate([np.arange(len(order)) for order in orders.values()])
    by_sample = np.argsort(sample)
    sample, split, place = sample[by_sample], split[by_sample], place[by_sample]
    video = annotations.video[sample]
    leaky = (split != "train") & np.isin(video, video[split == "train"])
    extra = np.arange(background)
    zeros = np.zeros(background, np.int64)
    names = [f"background_{number:03d}" for number in extra]
    columns = {
        "id": [f"{number:04d}_{name}" for number, name in zip(sample, video, strict=True)] + names,
        "label": np.concatenate([annotations.label[sample], np.full(background, BACKGROUND)]),
        "split": np.concatenate([split, np.full(background, "train", split.dtype)]),
        "group": [*video.tolist(), *names],
        "sample": np.concatenate([sample, extra]),
        "order": np.concatenate([place, len(orders["train"]) + extra]),
        "onset": np.concatenate([annotations.onset[sample], zeros]),
        "offset": np.concatenate([annotations.offset[sample], zeros]),
        "leaky": np.concatenate([leaky, zeros.astype(bool)]),
        "background_only": np.arange(len(sample) + background) >= len(sample),
    }
    segments = np.concatenate([annotations.segments[sample], np.full((background, SEGMENTS), BACKGROUND, np.int64)])
    return Rows({name: np.asarray(values) for name, values in columns.items()}, segments, len(sample))


def count_background(folder: Path) -> int:
    """How many background-only clips there are; none unless both modalities have them."""
    paths = {name: folder / file for name, file in files.BACKGROUND_FEATURES.items()}
    if not all(path.is_file() for path in paths.values()):
        return 0
    audio, visual = (len(files.open_features(path, None, files.SHAPES[name])) for name, path in paths.items())
    if audio != visual:
        raise DataError(
            f"{paths['visual']} has {visual} clips and {paths['audio'].name} {audio}: they must belong together. Get "
            "both again."
        )
    return audio


def _parts(folder: Path, name: str, rows: Rows, clips: int) -> list[Part]:
    """The files of a modality whose rows follow each other in the prepared array, checked."""
    features = files.open_features(folder / files.FEATURES[name], clips, files.SHAPES[name])
    extra = len(rows.segments) - rows.clips
    parts = [Part(features, rows.columns["sample"][: rows.clips])]
    if extra:
        parts.append(Part(files.open_features(folder / files.BACKGROUND_FEATURES[name], extra, features.shape[1:])))
    return parts
