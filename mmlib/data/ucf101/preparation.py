"""UCF-101 to the prepared format: a row for every clip that can be read, reasons for the others, little memory."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.media.reasons import Reason, SkippedClip
from mmlib.data.prepared import PreparedWriter, temporary_prefix
from mmlib.data.progress import Progress
from mmlib.data.ucf101.files import STORED, ClipContent, Finder, read_clip
from mmlib.data.ucf101.flow import NAME
from mmlib.data.ucf101.lists import ListedClip, find_lists, read_lists
from mmlib.errors import DataError, ParameterError

LAYOUT = 1  # raise when the same files and options would give other content
AT_ONCE = 32  # clips read before they are written
GENERATED = "generated.json"  # lies beside generated files: what is made of them is a stand-in


def prepare_raw(folder: Path, source: Path, options: Mapping[str, Any], inputs_hash: str) -> Path:
    """Read all listed clips and write the prepared folder. Raises `DataError`, `ParameterError`."""
    size = options["image_size"]
    if not 16 <= size <= 512:
        raise ParameterError(f"ucf101: option image_size is {size}, but must be from 16 to 512 pixels.")
    classes, clips = read_lists(find_lists(source, options["split"]))
    scratch = Path(tempfile.mkdtemp(prefix=temporary_prefix(folder), suffix=".tmp", dir=folder.parent))
    try:
        kept, skipped, computed = _read_all(scratch, source, clips, size)
        for split in ("train", "test"):
            if not any(clip.split == split for clip in kept):
                why = skipped[0]["detail"] if skipped else "none is listed"
                raise DataError(f"{source}: no {split} clip of the lists can be used (the first: {why}).")
        shapes = {"frames": (STORED, size, size, 3), "flow": (STORED, 2, size, size)}
        paths = {name: _with_header(scratch, name, (len(kept), *shape)) for name, shape in shapes.items()}
        with PreparedWriter(folder, dataset="ucf101", classes=classes) as writer:
            for name, path in paths.items():
                writer.adopt(name, path)
            return writer.finish(
                index={
                    "id": [clip.id for clip in kept],
                    "label": np.array([clip.label for clip in kept], np.int64),
                    "split": [clip.split for clip in kept],
                    "group": [clip.group for clip in kept],
                },
                source={
                    "layout": LAYOUT,
                    "inputs_sha256": inputs_hash,
                    "split_list": options["split"],
                    "flow_computed": computed,
                    "flow_by": NAME if computed else "published files",
                    "options": dict(options),
                },
                counts={"listed": len(clips), "found": len(kept), "decoded": len(kept), "skipped": len(skipped)},
                skipped=skipped,
                truth={"standin": True} if (source / GENERATED).is_file() else {},
            )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _read_all(
    scratch: Path, source: Path, clips: Sequence[ListedClip], size: int
) -> tuple[list[ListedClip], list[dict[str, str]], int]:
    """Write the content of clips one after the other; those kept, those skipped, and how often flow was computed."""
    finder, progress = Finder(source), Progress("ucf101", len(clips), "clips")
    kept, skipped, computed = [], [], 0

    def read(clip: ListedClip) -> ClipContent | SkippedClip:
        try:
            return read_clip(finder.files(clip), size)
        except SkippedClip as problem:
            return problem

    with (
        open(scratch / "frames.bin", "wb") as frames,
        open(scratch / "flow.bin", "wb") as flow,
        ThreadPoolExecutor(os.cpu_count()) as threads,
    ):
        for start in range(0, len(clips), AT_ONCE):
            some = clips[start : start + AT_ONCE]
            for clip, content in zip(some, threads.map(read, some), strict=True):
                if isinstance(content, SkippedClip):
                    reason = Reason(content.reason).value
                    skipped.append({"id": clip.id, "split": clip.split, "reason": reason, "detail": content.detail})
                    continue
                frames.write(np.ascontiguousarray(content.frames).data)
                flow.write(np.ascontiguousarray(content.flow).data)
                kept.append(clip)
                computed += content.computed
            progress.advance(len(some))
    return kept, skipped, computed


def _with_header(scratch: Path, name: str, shape: tuple[int, ...]) -> Path:
    """The bytes written as an array file."""
    raw, path = scratch / f"{name}.bin", scratch / f"{name}.npy"
    with open(path, "wb") as target, open(raw, "rb") as content:
        np.lib.format.write_array_header_1_0(target, {"descr": "|u1", "fortran_order": False, "shape": shape})
        shutil.copyfileobj(content, target, 1 << 24)
    raw.unlink()
    return path
