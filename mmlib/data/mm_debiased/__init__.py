"""MM-Debiased (10 classes): assembled from its list, clip by clip, with what the list itself does not say.

Paper says: clips of VGGSound and Kinetics-400 whose modalities contribute about equally.
Published code does: one JSON file of 14,025 clip ids with subset and label; it tells neither where a clip lies nor, for
a part of them, from when to when; its README takes the two forms of ids the wrong way round.
We do: read the form of every id (`listing`), say which are resolved and what the splits share (`audit`), and cut what
can be cut: `ID_000010_000020` is Kinetics-400's clip from 10 s to 20 s (train), a bare `ID` a clip of its validation
list, `ID_10` the ten seconds of VGGSound from 10 s on. Ids whose video has three clips or more cannot be VGGSound's,
which has two at most; they look like numbers of segments of longer videos and are skipped as unresolved, unless a file
is called exactly like them. A run on it must not start from a Kinetics-Sounds model: 1,109 clips are in its train list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmlib.data.listed import VIDEOS, Found
from mmlib.data.media.reasons import Reason
from mmlib.data.media.source import Clip, MediaSource, mark_missing
from mmlib.data.mm_debiased.audit import Audit, audit_listing
from mmlib.data.mm_debiased.listing import Listing, find_kinetics, find_listing, find_pairs, read_listing
from mmlib.data.prepared import SPLITS, Prepared
from mmlib.data.published import missing_media
from mmlib.data.split_audit import audit_splits

SECONDS = 10


def missing(root: Path) -> str | None:
    """Why `root` holds no prepared MM-Debiased, or None."""
    return missing_media("mm_debiased", root)


def notes(prepared: Prepared) -> list[str]:
    """How much of the list is here."""
    counts = prepared.manifest["counts"]
    return [f"mm_debiased: {len(prepared):,} clips of {counts['listed']:,} listed."]


def report(root: Path) -> list[str]:
    """The audit of the list, where it lies below a data root. Raises `DataError` for a malformed one."""
    path = find_listing(root, "")
    return audit_of(path, root, "").lines() if path is not None else []


def audit_of(path: Path, root: Path, lists: str) -> Audit:
    """The audit of a list file, with the lists that lie beside it or below `root`."""
    places = _places(path, root, lists)
    return audit_listing(read_listing(path), *find_pairs(places), find_kinetics(places))


def _places(path: Path, root: Path, lists: str) -> list[Path]:
    return [path.parent, *([Path(lists).expanduser()] if lists else []), root]


def media_source(folder: Path, options: Mapping[str, Any]) -> MediaSource:
    """The listed clips, found among raw clips or whole videos below `folder`. Raises `DataError`.

    A file called like its id is the clip; it may also be called by YouTube id, start and end as downloaders write them
    (`ID_000010_000020`, `ID_000010`); a whole video `ID` is cut.
    """
    path = find_listing(folder, options["lists"], required=True)
    listing = read_listing(path)
    audit = audit_of(path, folder, options["lists"])
    found = Found(folder, VIDEOS)
    status = audit.status.tolist()
    validation, _ = find_pairs(_places(path, folder, options["lists"]))
    bare = validation or {}
    starts = [bare.get(str(v), -1) if s < 0 else int(s) for v, s in zip(listing.videos, listing.starts, strict=True)]
    located = zip(_clips(listing), starts, status, strict=True)
    clips = mark_missing([_located(clip, start, how, found) for clip, start, how in located])
    shared = audit_splits(clips, listing.classes, "source videos")
    settings = {"ids": {name: status.count(name) for name in sorted(set(status))}}
    return MediaSource("mm_debiased", listing.classes, clips, options["preset"], settings=settings, audit=shared)


def _clips(listing: Listing) -> list[Clip]:
    columns = (listing.keys, listing.labels, listing.subsets, listing.videos)
    return [Clip(str(k), int(label), SPLITS[int(s)], str(v)) for k, label, s, v in zip(*columns, strict=True)]


def _located(clip: Clip, start: int, status: str, found: Found) -> Clip:
    """The clip with its file, or with the reason why there is none; `start` -1 where nothing says it."""
    video, stems = clip.group, [clip.id]
    if start >= 0 and status != "unresolved":
        end = start + SECONDS
        stems += [
            f"{video}_{start:06d}_{end:06d}",
            f"{video}_{start:06d}",
            f"{video}_{start}_{end}",
            f"{video}_{start}",
        ]
    path = next((found.files[stem][0] for stem in stems if stem in found.files), None)
    if path is not None:
        return replace(clip, sound=path, pictures=path)
    if status == "unresolved":
        return clip.skipped(Reason.MISSING, "no public list says where this clip begins, and no file is called like it")
    if start >= 0 and video in found.files:
        whole = found.files[video][0]
        return replace(clip, sound=whole, pictures=whole, start_s=float(start), end_s=float(start + SECONDS))
    return clip
