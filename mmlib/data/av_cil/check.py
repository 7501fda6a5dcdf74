"""What `mmlib data check` says of a set of AV-CIL: features, counts by split, step and class beside published ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmlib.data.av_cil import files
from mmlib.data.av_cil.conversion import check_classes, open_features
from mmlib.data.av_cil.generator import task_blocks
from mmlib.data.av_cil.published import PublishedSet
from mmlib.data.prepared import SPLITS, Prepared
from mmlib.errors import DataError

SHOWN = 3  # differences printed one by one
STANDIN = "these clips are generated, a stand-in: a number obtained on them says nothing of the published set"


def report(published: PublishedSet, place: Path) -> list[str]:
    """What the published files in a folder hold, a sentence each; what is not there is left out.

    Features are not read beyond their headers. Raises `DataError` for malformed files.
    """
    if not all(name in files.inputs(place) for name in files.INDEX):
        return []
    lists = files.read_lists(place)
    check_classes(place, published, lists)
    lines = [STANDIN] if lists.generated else []
    lines += describe(published, lists.classes, lists.label, lists.split, lists.leaky)
    for modality in files.FEATURES:
        path = files.features_file(place, modality)
        if path is not None:
            source = open_features(place, modality, lists)
            lines.append(f"{path.name}: {source.dtype} {source.shape}")
    return lines


def notes(published: PublishedSet, prepared: Prepared) -> list[str]:
    """The same of a prepared folder. Raises `DataError` when its classes or arrays are not those of the set."""
    if set(prepared.classes) != set(published.classes) or not set(files.FEATURES) <= set(prepared.arrays):
        raise DataError(
            f"{prepared.folder}: its classes or arrays are not those of {published.dataset}. Prepare it again."
        )
    visual, error = prepared.arrays["visual"], prepared.manifest["source"]["rounding_error"]
    cost = f"; {visual.dtype} costs a relative error of {error:.1e} per feature (root mean square)" if error else ""
    index = prepared.index
    return [
        *([STANDIN] if prepared.origin == "stand-in" else []),
        *describe(published, prepared.classes, index["label"], index["split"], index["leaky"]),
        f"visual tokens: {visual.dtype} {visual.shape}{cost}",
    ]


def describe(
    published: PublishedSet, classes: list[str], label: np.ndarray, split: np.ndarray, leaky: np.ndarray
) -> list[str]:
    """Order of the classes, clips by split, step and class beside the published ones, clips that share a video."""
    counts = np.stack([np.bincount(label[split == name], minlength=len(classes)) for name in SPLITS])  # (splits, K)
    expected = np.array([published.counts[name] for name in classes]).T
    lines = [f"{len(classes)} classes in {published.steps} steps, {_order(published, classes)}"]
    tasks = task_blocks(len(classes), published.steps)
    for name, found, told in zip(SPLITS, counts, expected, strict=True):
        steps, wanted = ([int(values[task].sum()) for task in tasks] for values in (found, told))
        by_step = "by step" if name == "train" else "seen after each step"
        if name != "train":
            steps, wanted = np.cumsum(steps).tolist(), np.cumsum(wanted).tolist()
        agree = "as published" if steps == wanted else f"published {', '.join(f'{n:,}' for n in wanted)}"
        lines.append(f"{name}: {found.sum():,} clips; {by_step} {', '.join(f'{n:,}' for n in steps)} ({agree})")
    lines += _by_class(classes, counts, expected)
    return lines + _leaks(published, split, leaky)


def _order(published: PublishedSet, classes: list[str]) -> str:
    if classes == published.classes:
        return "in the published order"
    first = next(k for k, name in enumerate(classes) if name != published.classes[k])
    return (
        f"in another order than published: class {first} is {classes[first]!r}, published {published.classes[first]!r}"
    )


def _by_class(classes: list[str], counts: np.ndarray, expected: np.ndarray) -> list[str]:
    differing = np.argwhere((counts != expected).T)
    if not len(differing):
        return ["clips of every class and split: as published"]
    lines = [
        f"{SPLITS[s]}, {classes[k]}: {counts[s, k]:,} clips, published {expected[s, k]:,}" for k, s in differing[:SHOWN]
    ]
    return lines + ([f"{len(differing) - SHOWN} more classes and splits differ so"] if len(differing) > SHOWN else [])


def _leaks(published: PublishedSet, split: np.ndarray, leaky: np.ndarray) -> list[str]:
    """Clips that share their video with train: their accuracy says less of other videos."""
    found = [int(leaky[split == name].sum()) for name in ("validation", "test")]
    if not any(found) and not any(published.leaky):
        return []
    agree = "as published" if found == list(published.leaky) else "published {:,} and {:,}".format(*published.leaky)
    return [f"{found[0]:,} validation and {found[1]:,} test clips share their video with a train clip ({agree})"]
