"""Generated clips as the published files of a set of AV-CIL: names, classes, forms and types; sizes as asked for.

Files are written clip by clip, so that a stand-in may be larger than the memory.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.av_cil import files
from mmlib.data.av_cil.conversion import TIME
from mmlib.data.av_cil.generator import OPTIONS, Clips, Generator
from mmlib.data.av_cil.published import PublishedSet
from mmlib.data.features.standin import write_new_folder
from mmlib.data.hdf5 import new_hdf5
from mmlib.data.progress import Progress
from mmlib.errors import ParameterError

CHANNELS, POSITIONS = 768, 196
STRENGTH = 12.0  # of both modalities: learnable from few clips among 768 channels
TIMED = ("av_cil_vggsound100",)  # sets whose clip ids end with the second at which they begin
IN_DICTIONARY = ("av_cil_ave",)  # sets whose visual tokens are one pickled dictionary; the others have an .h5


def write_files(
    folder: str | Path,
    published: PublishedSet,
    *,
    share: float = 0.0,
    channels: int = CHANNELS,
    positions: int = POSITIONS,
    seed: int = 0,
) -> Path:
    """Write a folder of published files with that share of every class's clips, at least one in each split.

    Tokens are (8 `positions`, `channels`) float32. The folder appears whole or not at all, and must not exist.
    Raises `UsageError` (it exists), `ParameterError`, `OutputsError`.
    """
    if not 0 <= share <= 1:
        raise ParameterError(f"a stand-in with a share of {share} of the clips: choose from 0 (one each) to 1.")
    generator = make_generator(published, share, channels, positions, seed)
    return write_new_folder(folder, lambda scratch: _write(scratch, published, generator))


def make_generator(published: PublishedSet, share: float, channels: int, positions: int, seed: int) -> Generator:
    """The clips of a stand-in."""
    counts = np.array(list(published.counts.values())).T  # (splits, K)
    sizes = {"classes": len(published.classes), "steps": published.steps, "channels": channels, "seed": seed}
    strength = {"audio_strength": STRENGTH, "visual_strength": STRENGTH}
    options = OPTIONS | sizes | strength | {"time": TIME, "positions": positions}
    return Generator(options, np.maximum(1, np.rint(share * counts)).astype(np.int64))


def clip_names(published: PublishedSet, clips: Clips) -> np.ndarray:
    """Ids as the set writes them, (N,)."""
    if published.dataset not in TIMED:
        return clips.id
    return np.array([f"{name}_{10 * row % 300:06d}" for row, name in enumerate(clips.id.tolist())])


def _write(folder: Path, published: PublishedSet, generator: Generator) -> None:
    clips = generator.clips
    names = clip_names(published, clips)
    _write_lists(folder, published, clips, names)
    for below in files.BELOW:
        (folder / below).mkdir()
    audio, visual = (folder / below for below in files.BELOW)
    vectors: dict[str, np.ndarray] = {}
    tokens = _kept_beside(generator, names, vectors)
    if published.dataset in IN_DICTIONARY:
        save_dictionary(visual / "visual_pretrained_feature_dict.npy", names.tolist(), tokens)
    else:
        _write_h5(visual / "visual_features.h5", names.tolist(), tokens)
    np.save(audio / "audio_pretrained_feature_dict.npy", vectors, allow_pickle=True)


def _write_lists(folder: Path, published: PublishedSet, clips: Clips, names: np.ndarray) -> None:
    classes = published.classes
    named: dict[str, dict[str, str]] = {}
    listed: dict[str, dict[int, list[str]]] = {}
    for code, split in files.SPLITS.items():
        inside = clips.split == split
        ids, labels = names[inside], clips.label[inside]
        named[code] = {name: classes[label] for name, label in zip(ids.tolist(), labels, strict=True)}
        listed[code] = {label: ids[labels == label].tolist() for label in range(len(classes))}
    numbers = {name: number for number, name in enumerate(classes)}
    for name, content in ((files.NUMBERS, numbers), (files.NAMES, named), (files.CLIPS, listed)):
        np.save(folder / f"{name}.npy", content, allow_pickle=True)


def _kept_beside(generator: Generator, names: np.ndarray, vectors: dict[str, np.ndarray]) -> Iterator[np.ndarray]:
    """The tokens (T P, C) of one clip after the other; the audio vectors, which are small, go into `vectors`."""
    progress = Progress("generated features", len(names), "clips")
    for rows, features in generator.chunks():
        vectors.update(zip(names[rows].tolist(), features["audio"], strict=True))
        for tokens in features["visual"]:
            yield tokens.reshape(-1, tokens.shape[-1])
        progress.advance(rows.stop - rows.start)


def _write_h5(path: Path, names: list[str], tokens: Iterator[np.ndarray]) -> None:
    with new_hdf5(path) as file:
        for name, values in zip(names, tokens, strict=True):
            file.create_dataset(name, data=values)


class _Next:
    """Pickled, it is the next array of an iterator."""

    def __init__(self, values: Iterator[np.ndarray]) -> None:
        self.values = values

    def __reduce__(self) -> Any:
        return next(self.values).__reduce__()


def save_dictionary(path: Path, names: list[str], values: Iterator[np.ndarray]) -> None:
    """What `np.save(path, {name: array, ...})` writes, with one array in memory at a time."""
    content: Mapping[str, _Next] = {name: _Next(values) for name in names}
    outer = np.empty((), object)
    outer[()] = content
    with open(path, "wb") as stream:
        header = {"descr": "|O", "fortran_order": False, "shape": ()}
        np.lib.format.write_array_header_1_0(stream, header)
        pickler = pickle.Pickler(stream, protocol=4)
        pickler.fast = True  # it remembers nothing, or it would hold every array to the end
        pickler.dump(outer)
