"""From AVE's published files to the prepared format, once: 8.3 GB of float64 read in pieces, 2.1 GB of float16 written.

Prepared arrays: `audio` (N, 10, Fa) float32 (the published numbers are float32 stored as float64, so nothing is lost),
`visual` (N, 10, H, W, C) in the chosen storage, `segments` (N, 10) int64, the class of every second. Rows are the clips
that an order file names, in the order of Annotations.txt, then the background-only clips where both feature files of
them are there. Index columns beside the fixed four: `sample` (line of Annotations.txt, row of the feature files; of the
noisy files for background-only clips), `order` (place in the published order file), `onset`, `offset`, `leaky`
(validation or test clip whose video is also in train) and `background_only`.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.ave import files
from mmlib.data.ave.annotations import Annotations, read_annotations
from mmlib.data.ave.classes import BACKGROUND, CLASSES, SEGMENTS
from mmlib.data.ave.compare import compare_labels
from mmlib.data.pieces import ArrayPieces
from mmlib.data.prepared import PreparedWriter
from mmlib.data.progress import Progress
from mmlib.errors import DataError, ParameterError

PIECE_BYTES = 64 << 20  # read at a time
GENERATED_ID = "SYN"  # generated folders name their videos SYN00000 and so on; YouTube's ids have eleven characters
STORAGE = {"float16": np.float16, "float32": np.float32}


@dataclass(frozen=True)
class Rows:
    """The rows of a prepared folder: index columns `(N,)` by name, and the class of every segment `(N, 10)`."""

    columns: dict[str, np.ndarray]
    segments: np.ndarray
    clips: int  # annotated clips among the rows; the rest are background-only


def convert(
    folder: Path, source_folder: Path, dataset: str, storage: str, source: dict[str, Any], truth: dict[str, Any]
) -> Path:
    """Write `folder` from the published files in `source_folder`; after a kill, go on with what was converted.

    Memory: a piece of `PIECE_BYTES` and its copies. Raises `DataError` for malformed files, `OutputsError`.
    """
    annotations = read_annotations(source_folder / files.ANNOTATIONS)
    orders = files.read_orders(source_folder, len(annotations))
    rows = arrange(annotations, orders, count_background(source_folder))
    agreement = compare_labels(source_folder, annotations)
    paths = {name: _sources(source_folder, name, rows, len(annotations)) for name in files.FEATURES}
    started = folder.parent / f".{folder.name}.partial"
    done = {name: _convert_array(started, name, rows, paths[name], storage) for name in paths}
    with PreparedWriter(folder, dataset=dataset, classes=CLASSES, replace=True) as writer:
        for name, path in done.items():
            writer.adopt(name, path)
        writer.array("segments", rows.segments.shape, rows.segments.dtype)[...] = rows.segments
        unused = len(annotations) - rows.clips
        writer.finish(
            index=rows.columns,
            source={
                **source,
                "labels_differing": agreement,
                "background_only": len(rows.segments) - rows.clips,
            },
            truth=truth,
            counts={
                "listed": len(annotations),
                "found": len(annotations),
                "decoded": rows.clips,
                "skipped": unused,
            },
            skipped=[{"id": files.ANNOTATIONS, "reason": f"{unused} clips are in no order file"}] if unused else [],
            versions=_versions(),
        )
    shutil.rmtree(started, ignore_errors=True)
    return folder


def convert_published(folder: Path, source_folder: Path, options: dict[str, Any], source: dict[str, Any]) -> Path:
    """`convert` for the data set `ave`; a folder of generated files is marked as a stand-in."""
    check_storage("ave", options["storage"])
    truth = {"standin": True} if is_generated(read_annotations(source_folder / files.ANNOTATIONS)) else {}
    return convert(folder, source_folder, "ave", options["storage"], source | options, truth)


def is_generated(annotations: Annotations) -> bool:
    """Whether the clips are named as `mmlib.data.ave.synthetic` names them."""
    first = str(annotations.video[0])
    return first.startswith(GENERATED_ID) and len(first) < 11


def check_storage(dataset: str, storage: str) -> None:
    """Raise `ParameterError` for a number format that features are not stored in."""
    if storage not in STORAGE:
        raise ParameterError(f"{dataset}: storage is {storage!r}, choose one of: {', '.join(STORAGE)}.")


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
    columns = {
        "id": [f"{number:04d}_{name}" for number, name in zip(sample, video, strict=True)]
        + [f"background_{number:03d}" for number in extra],
        "label": np.concatenate([annotations.label[sample], np.full(background, BACKGROUND)]),
        "split": np.concatenate([split, np.full(background, "train", split.dtype)]),
        "group": [*video.tolist(), *(f"background_{number:03d}" for number in extra)],
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
    counts = {}
    for name, path in paths.items():
        with files.open_array(path) as stored:
            files.check_shape(stored, None, files.SHAPES[name])
            counts[name] = stored.shape[0]
    if counts["audio"] != counts["visual"]:
        raise DataError(
            f"{paths['visual']} has {counts['visual']} clips and {paths['audio'].name} {counts['audio']}: they must "
            "belong together. Get both again."
        )
    return counts["audio"]


@dataclass(frozen=True)
class _Source:
    """Rows to take from a file: `wanted` (n,), ascending."""

    path: Path
    wanted: np.ndarray
    sizes: tuple[int, ...]


def _sources(folder: Path, name: str, rows: Rows, clips: int) -> list[_Source]:
    """The files of a modality whose rows follow each other in the prepared array, checked."""
    path = folder / files.FEATURES[name]
    with files.open_array(path) as stored:
        files.check_shape(stored, clips, files.SHAPES[name])
        sizes = stored.shape[1:]
    found = [_Source(path, rows.columns["sample"][: rows.clips], sizes)]
    extra = len(rows.segments) - rows.clips
    if extra:
        path = folder / files.BACKGROUND_FEATURES[name]
        with files.open_array(path) as stored:
            files.check_shape(stored, extra, sizes)
        found.append(_Source(path, np.arange(extra), sizes))
    return found


def _convert_array(folder: Path, name: str, rows: Rows, sources: list[_Source], storage: str) -> Path:
    sizes = sources[0].sizes
    dtype = np.dtype(STORAGE[storage] if name == "visual" else np.float32)
    pieces = ArrayPieces(folder, name, (len(rows.segments), *sizes), dtype)
    if pieces.done:
        print(f"{name} features: going on after {pieces.done:,} clips of an interrupted conversion", flush=True)
    progress = Progress(f"{name} features", len(rows.segments), "clips", done=pieces.done)
    before = 0
    for source in sources:
        _convert_file(source, pieces, before, progress)
        before += len(source.wanted)
    return pieces.path


def _convert_file(source: _Source, pieces: ArrayPieces, before: int, progress: Progress) -> None:
    """Append the wanted rows of one file that are not done yet, a contiguous piece of the file at a time."""
    wanted = source.wanted[max(0, pieces.done - before) :]
    if not len(wanted):
        return
    step = max(1, PIECE_BYTES // (int(np.prod(source.sizes)) * 8))
    with files.open_array(source.path) as stored:
        for start in range(int(wanted[0]), int(wanted[-1]) + 1, step):
            inside = wanted[(wanted >= start) & (wanted < start + step)]
            if len(inside):
                values = stored.read(slice(start, int(inside[-1]) + 1))
                files.check_finite(source.path, values, start)
                pieces.append(_stored(source.path, values[inside - start], pieces.dtype))
                progress.advance(len(inside))


def _stored(path: Path, values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    limit = np.finfo(dtype).max
    if max(values.max(), -values.min()) > limit:
        raise DataError(
            f"{path} holds values beyond {limit:g}, more than {dtype} can store. Convert with --set storage=float32."
        )
    return values.astype(dtype)


def _versions() -> dict[str, str]:
    import h5py

    return {"h5py": h5py.__version__, "hdf5": h5py.version.hdf5_version}
