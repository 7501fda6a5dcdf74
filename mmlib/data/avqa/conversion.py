"""MUSIC-AVQA's published files as a prepared folder: 24 MB a video are published, 4 MB read, 2 MB kept as float16.

Rows are the questions of train, validation and test, items the videos as they first appear among them. Videos are
shared: the release divides questions, so most videos of validation and test are in train as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmlib.data.avqa import files
from mmlib.data.avqa.asked import ask
from mmlib.data.avqa.generator import GENERATED_ID
from mmlib.data.avqa.published import PublishedSet
from mmlib.data.avqa.questions import Question
from mmlib.data.avqa.tokens import check_rule
from mmlib.data.features import conversion
from mmlib.data.features.checks import check_storage, rounding_error
from mmlib.data.features.conversion import FeatureSet, Part

SAMPLED = 8  # videos whose rounding is measured


def convert(
    folder: Path, place: Path, published: PublishedSet, options: dict[str, Any], source: dict[str, Any]
) -> Path:
    """Write `folder` from the published files in `place`; after a kill, go on. Raises `DataError`, `OutputsError`.

    Of every video only the ten seconds used are read, a few videos at a time. A value that `storage` cannot hold, a NaN
    or an infinity is refused, with the folder or file, and a NaN with its video.
    """
    import h5py

    check_storage(published.dataset, options["storage"])
    check_rule(published.dataset, options["tokens"])
    asked = ask(read_all(place, published), options["tokens"])
    opened = {modality: files.open_seconds(place, modality, asked.videos) for modality in files.FEATURES}
    manifest = {
        "source": {
            **source,
            **asked.source,
            "rounding_error": rounding_error(opened["visual"], options["storage"], SAMPLED),
        },
        "truth": {"standin": True} if is_generated(asked.videos[0]) else {},
        "versions": {"h5py": h5py.__version__, "hdf5": h5py.version.hdf5_version},
    }
    features = FeatureSet(
        published.dataset,
        asked.answers,
        asked.index,
        {modality: [Part(values)] for modality, values in opened.items()},
        dict.fromkeys(opened, options["storage"]),
        manifest,
        arrays={"question": asked.tokens},
        unit="videos",
        items=len(asked.videos),
    )
    return conversion.convert(folder, features)


def read_all(place: Path, published: PublishedSet) -> list[Question]:
    """The questions of all three splits. Raises `DataError`."""
    paths = files.question_files(place, published.release)
    return [question for split, path in paths.items() for question in files.read_questions(path, split)]


def is_generated(video: str) -> bool:
    """Whether a video is named as `mmlib.data.avqa.standin` names them."""
    return video.startswith(GENERATED_ID)
