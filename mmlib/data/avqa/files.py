"""The published files of MUSIC-AVQA: questions and features, where they lie, and what they hold.

Paper says (Li et al., CVPR 2022): 45,867 questions on 9,288 videos; VGGish vectors of every second, ResNet-18 maps of
every frame at 1 frame per second.
Published code does: questions in `json/avqa-{train,val,test}.json` (a corrected release in `json_update/`), records
whose lists are text; features of 60 seconds in a file for every video, `.npy` (MUSIC-AVQA) or, the maps, `.h5` with a
dataset `features` (IEMF), of which every sixth second is used.
We do: read the same. Lists within records are parsed as data, never run. A folder of features may also be one `.h5` or
`.npz` with an array named like each video.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mmlib.data.avqa.asked import CODES
from mmlib.data.avqa.generator import EVERY, STORED
from mmlib.data.avqa.questions import AGAIN, Question, read_record
from mmlib.data.features.layout import first_missing
from mmlib.data.features.sources import HDF5, Source, opened_clips
from mmlib.errors import DataError, UsageError
from mmlib.files import read_json

PLACES = ("music_avqa", "music_avqa/data", "MUSIC-AVQA", "MUSIC-AVQA/data", "")  # below a data root
# By modality: folders that may hold a file for every video (the first there is, is read), what a file is, its shape.
FEATURES = {
    "audio": (("feats/vggish", "vggish"), "VGGish vectors", (STORED, 128)),
    "visual": (
        ("feats/res18_14x14", "feats/visual_14x14", "res18_14x14", "visual_14x14"),
        "ResNet-18 maps",
        (STORED, 512, 14, 14),
    ),
}
KEYS = ("features",)
USED = STORED // EVERY  # seconds


def find_folder(root: Path, release: str) -> Path:
    """The folder under a data root whose subfolder `release` holds questions; the first place where none does."""
    places = [root / name for name in PLACES]
    return next((place for place in places if (place / release).is_dir()), places[0])


def question_files(place: Path, release: str) -> dict[str, Path]:
    """The file of each split, there or not."""
    return {split: place / release / f"avqa-{code}.json" for split, code in CODES.items()}


def features_place(place: Path, modality: str) -> Path | None:
    """The folder, or the archive, with the features of a modality; None where there is none."""
    names = FEATURES[modality][0]
    found = (place / f"{name}{ending}" for name in names for ending in ("", *HDF5, ".npz"))
    return next((path for path in found if path.exists()), None)


def missing(place: Path, release: str) -> str | None:
    """The first file or folder that is not there and what it is; None when all are there."""
    needed = {f"{release}/{path.name}": "the questions" for path in question_files(place, release).values()}
    reason = first_missing(place, needed)
    if reason:
        return reason
    absent = (modality for modality in FEATURES if features_place(place, modality) is None)
    return next((_absent(place, modality) for modality in absent), None)


def _absent(place: Path, modality: str) -> str:
    names, what, shape = FEATURES[modality]
    return f"{place / names[0]} is missing: {what} {shape}, a file <video_id>.npy or .h5 for every video."


def inputs(place: Path, release: str) -> dict[str, Path]:
    """Every file or folder the conversion reads, by what it is."""
    paths = question_files(place, release) | {name: features_place(place, name) for name in FEATURES}
    return {name: path for name, path in paths.items() if path is not None and path.exists()}


def read_questions(path: Path, split: str) -> list[Question]:
    """The questions of one file in its order. Raises `DataError`: not readable, a malformed record, an id twice."""
    try:
        records = read_json(path)
    except (UsageError, OSError) as error:
        reason = error.__cause__ if isinstance(error, UsageError) else error.strerror
        raise DataError(f"{path} cannot be read as JSON ({reason}). {AGAIN}") from error
    if not isinstance(records, list) or not records:
        raise DataError(f"{path} holds no list of questions. {AGAIN}")
    questions = [read_record(record, split, str(path), place) for place, record in enumerate(records)]
    first: dict[int, int] = {}
    for place, question in enumerate(questions):
        if first.setdefault(question.number, place) != place:
            raise DataError(
                f"{path}: question_id {question.number} stands twice, in records {first[question.number]} and {place}. "
                f"{AGAIN}"
            )
    return questions


def open_seconds(place: Path, modality: str, videos: Sequence[str]) -> Source:
    """The seconds of every video that are used, (N, 10, ...): the first, the seventh and so on.

    A video must have so many seconds that ten are used, 55 to 60: sound may end before the picture, which published
    code does not mind. Nothing but headers is read before rows are asked for, and of the rows no other seconds. Raises
    `DataError`: a video without features, of another shape, damaged.
    """
    where = features_place(place, modality)
    if where is None:
        raise DataError(_absent(place, modality))
    with opened_clips(where, KEYS) as get:
        found = [get(video) for video in videos]
    lacking = [video for video, clip in zip(videos, found, strict=True) if clip is None]
    if lacking:
        raise DataError(
            f"{where} lacks {len(lacking):,} of the {len(videos):,} videos that are asked about, the first is "
            f"{lacking[0]}. Extract or download their features."
        )
    _check_shapes(where, modality, videos, found)

    def read(first: int, last: int, step: int, width: int | None) -> Iterator[np.ndarray]:
        with opened_clips(where, KEYS) as get:
            for start in range(first, last, step):
                yield np.stack([_used_seconds(get(name)) for name in videos[start : min(start + step, last)]])

    return Source(where, (len(videos), USED, *found[0].shape[1:]), found[0].dtype, read, names=tuple(videos))


def _check_shapes(where: Path, modality: str, videos: Sequence[str], found: Sequence[Source]) -> None:
    """Raise `DataError` for the first video whose features are not as published, or not as those of the first."""
    _, what, shape = FEATURES[modality]
    first = found[0].shape
    for video, clip in zip(videos, found, strict=True):
        used = -(-clip.shape[0] // EVERY)
        if len(clip.shape) != len(shape) or clip.shape[1:] != first[1:] or used != USED:
            raise DataError(
                f"{where}: {video} is {clip.dtype} {clip.shape}, {videos[0]} {first}; expected {what} {shape}: "
                f"{STORED - EVERY + 1} to {STORED} seconds, and the other sizes alike in all. Extract it again."
            )


def _used_seconds(clip: Source) -> np.ndarray:
    return np.concatenate([next(clip.blocks(second, second + 1)) for second in range(0, len(clip), EVERY)])
