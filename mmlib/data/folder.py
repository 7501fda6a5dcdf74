"""A person's own data: class folders of videos, prepared and trained like the published sets.

    SOURCE/CLASS/clip.mp4                    divided into train, validation and test here, or
    SOURCE/{train,validation,test}/CLASS/... as they are (`val` is read as validation)

Any container that holds sound and pictures will do; a `clip.wav` beside `clip.mp4` is heard instead of the video's own
sound. `group` is a regular expression on file names whose first bracket is what must not cross splits (a speaker, a
recording): `--set group='^([^_]+)_'`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.listed import VIDEOS
from mmlib.data.media.presets import find_media_preset
from mmlib.data.media.reasons import Reason
from mmlib.data.media.source import Clip, MediaSource, mark_duplicates
from mmlib.data.prepared import Prepared
from mmlib.data.published import missing_media
from mmlib.data.split_audit import audit_splits
from mmlib.data.splits import GROUP_SHARES
from mmlib.errors import DataError, ParameterError

_SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}


def missing(root: Path) -> str | None:
    """Why `root` holds no folder prepared from a person's own videos, or None."""
    return missing_media("folder", root)


def notes(prepared: Prepared) -> list[str]:
    """Nothing is published about a person's own data; classes that a split lacks are worth a word."""
    lines = []
    for split in prepared.manifest["splits"]:
        absent = np.setdiff1d(np.arange(len(prepared.classes)), prepared.labels[prepared.rows(split)])
        names = ", ".join(prepared.classes[label] for label in absent[:5])
        lines += [f"folder: {split} has no clip of {len(absent)} classes ({names})."] if len(absent) else []
    return lines


def media_source(folder: Path, options: Mapping[str, Any]) -> MediaSource:
    """Every video below the class folders. Raises `DataError`, `ParameterError` (the group expression)."""
    find_media_preset(options["preset"])
    places = _places(folder)
    classes = sorted({path.name for paths in places.values() for path in paths})
    if len(classes) < 2:
        raise DataError(f"{folder} has {len(classes)} class folders with videos; a data set needs two or more.")
    group = _grouping(options["group"])
    clips = [
        clip
        for split, paths in places.items()
        for path in paths
        for clip in _of_class(path, classes.index(path.name), split, group)
    ]
    clips = mark_duplicates(clips)
    if set(places) == {""}:
        clips = _divided(clips, options["seed"])
    audit = audit_splits(clips, classes, "groups" if options["group"] else "")
    settings = {"group": options["group"], "divided_here": set(places) == {""}, "seed": options["seed"]}
    return MediaSource("folder", classes, clips, options["preset"], settings=settings, audit=audit)


def _places(folder: Path) -> dict[str, list[Path]]:
    """Class folders by split; under "" where the source is not divided."""
    below = _folders(folder)
    if below and all(path.name in _SPLITS for path in below):
        found = {_SPLITS[path.name]: _classes(path) for path in below}
        if not {"train", "test"} <= set(found):
            raise DataError(f"{folder} is divided, but has no folder train or no folder test.")
        return found
    return {"": _classes(folder)}


def _classes(folder: Path) -> list[Path]:
    return [path for path in _folders(folder) if _videos(path)]


def _folders(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]


def _videos(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEOS and not path.name.startswith("."))


def _grouping(pattern: str) -> Any:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ParameterError(f"folder: option group is no regular expression ({error}).") from error
    if pattern and compiled.groups < 1:
        raise ParameterError("folder: option group needs a bracket, such as '^([^_]+)_'.")
    return compiled if pattern else None


def _of_class(folder: Path, label: int, split: str, group: Any) -> list[Clip]:
    clips = []
    for path in _videos(folder):
        name = "/".join([part for part in (split, folder.name, path.stem) if part])
        form = group.search(path.name) if group else None
        beside = path.with_suffix(".wav")
        clip = Clip(name, label, split, form[1] if form else name, beside if beside.exists() else path, path)
        if group and not form:
            clip = clip.skipped(Reason.WRONG_ID_FORM, f"{path.name} does not match the expression of option group")
        clips.append(clip)
    return clips


def _divided(clips: list[Clip], seed: int) -> list[Clip]:
    """Splits by whole groups; where every clip is its own group, that many of every class."""
    rng = np.random.default_rng([seed, 3])
    shares = {"test": 2 * GROUP_SHARES["test"], "validation": GROUP_SHARES["validation"]}  # small sets: a larger test
    label_of = {clip.group: clip.label for clip in clips if clip.problem is None}
    split_of: dict[str, str] = {}
    for label in sorted(set(label_of.values())):
        names = rng.permutation(sorted(name for name, of in label_of.items() if of == label)).tolist()
        edges = np.cumsum([max(1, round(share * len(names))) if len(names) > 2 else 0 for share in shares.values()])
        for place, name in enumerate(names):
            split_of[name] = next((s for s, edge in zip(shares, edges, strict=True) if place < edge), "train")
    return [replace(clip, split=split_of.get(clip.group, "train")) for clip in clips]
