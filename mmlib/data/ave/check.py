"""What `mmlib data check` says of AVE: counts against the published ones, label files, clips that leak from train."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmlib.data.ave import files
from mmlib.data.ave.annotations import read_annotations
from mmlib.data.ave.classes import (
    BACKGROUND,
    BACKGROUND_CLIPS,
    CLASSES,
    CLIPS,
    EVENTS,
    LEAKY_TEST,
    LEAKY_VALIDATION,
    PUBLISHED,
)
from mmlib.data.ave.conversion import Rows, arrange, count_background, differing_labels, is_generated
from mmlib.data.prepared import SPLITS, Prepared
from mmlib.errors import DataError

SHOWN = 3  # differences printed one by one
STANDIN = "these clips are generated, a stand-in for AVE: a number obtained on them says nothing of it"


def report(root: Path) -> list[str]:
    """What the published files under a data root hold, a sentence each; what is not there is left out.

    Feature files are not read beyond their headers. Raises `DataError` for malformed files.
    """
    folder = files.find_folder(root)
    if not (folder / files.ANNOTATIONS).is_file():
        return []
    annotations = read_annotations(folder / files.ANNOTATIONS)
    videos = len(np.unique(annotations.video))
    empty = np.flatnonzero(annotations.onset == annotations.offset)
    lines = [
        f"{folder / files.ANNOTATIONS}: {len(annotations):,} clips of {videos:,} videos"
        + (f", {len(annotations)} of {CLIPS:,} published" if len(annotations) != CLIPS else "")
        + (f"; without an event: clip {', '.join(map(str, empty))}" if empty.size else "")
    ]
    lines += [STANDIN] if is_generated(annotations) else []
    for name, differing in differing_labels(folder, annotations).items():
        lines.append(f"{name}: differs from Annotations.txt in {differing:,} of {len(annotations):,} clips")
    lines += [line for name in files.FEATURES for line in _features(folder, name, len(annotations))]
    if all((folder / name).is_file() for name in files.ORDERS.values()):
        lines += describe(arrange(annotations, files.read_orders(folder, len(annotations)), count_background(folder)))
    return lines


def _features(folder: Path, name: str, clips: int) -> list[str]:
    path = folder / files.FEATURES[name]
    if not path.is_file():
        return []
    source = files.open_features(path, clips, files.SHAPES[name])
    return [f"{path.name}: {source.dtype} {source.shape}"]


def notes(prepared: Prepared) -> list[str]:
    """The same of a prepared folder. Raises `DataError` when its arrays are not AVE's."""
    if prepared.classes != list(CLASSES) or "segments" not in prepared.arrays:
        raise DataError(f"{prepared.folder}: its classes or arrays are not AVE's. Prepare it again.")
    clips = int(np.sum(~prepared.index["background_only"]))
    visual = prepared.arrays["visual"]
    return [
        *([STANDIN] if prepared.origin == "stand-in" else []),
        f"visual features: {visual.dtype} {visual.shape}",
        *describe(Rows(prepared.index, np.asarray(prepared.arrays["segments"]), clips)),
    ]


def describe(rows: Rows) -> list[str]:
    """Splits, comparison with the published counts, clips that share their video with train, background-only clips."""
    extra = rows.columns["background_only"]
    lines = []
    for split in SPLITS:
        segments = rows.segments[(rows.columns["split"] == split) & ~extra]
        share = np.mean(segments == BACKGROUND) if segments.size else 0.0
        lines.append(f"{split}: {len(segments):,} clips, {segments.size:,} segments, {share:.2%} background")
    lines += _compared(rows)
    lines += _leaks(rows)
    found = int(extra.sum())
    lines.append(
        f"background-only clips: {found}, published {BACKGROUND_CLIPS}"
        + ("" if found else " (audio_feature_noisy.h5 and visual_feature_noisy.h5; weak supervision trains with them)")
    )
    return lines


def _compared(rows: Rows) -> list[str]:
    differences = []
    for place, name in enumerate(EVENTS):
        for split, (clips, events) in zip(SPLITS, PUBLISHED[name], strict=True):
            of_class = (rows.columns["label"] == place) & (rows.columns["split"] == split)
            found = int(of_class.sum()), int(np.sum(rows.segments[of_class] == place))
            if found != (clips, events):
                differences.append(
                    f"{split}, {name}: {found[0]} clips and {found[1]} event segments, published {clips} and {events}"
                )
    if not differences:
        return ["clips and event segments of every class and split: as published"]
    more = [f"{len(differences) - SHOWN} more classes and splits differ so"] if len(differences) > SHOWN else []
    return differences[:SHOWN] + more


def _leaks(rows: Rows) -> list[str]:
    """Which clips share their video with train; accuracy is to be reported with and without them."""
    lines = []
    for split, published in (("test", LEAKY_TEST), ("validation", LEAKY_VALIDATION)):
        found = rows.columns["sample"][rows.columns["leaky"] & (rows.columns["split"] == split)]
        agree = "as published" if tuple(found.tolist()) == published else f"published {len(published)}"
        names = f": {', '.join(map(str, found))}" if 0 < len(found) <= 20 else ""
        lines.append(f"{len(found)} {split} clips share their video with a train clip ({agree}){names}")
    return lines
