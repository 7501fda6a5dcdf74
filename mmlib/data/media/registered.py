"""Prepare a registered data set from its raw media: what `mmlib data prepare DATASET --source DIR --out DIR` does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmlib.data.catalogue import DATASETS, DatasetInfo
from mmlib.data.media import clock
from mmlib.data.media.prepare import Options, prepare_media
from mmlib.data.media.presets import find_media_preset
from mmlib.data.media.reasons import Reason
from mmlib.data.media.source import MediaSource
from mmlib.data.split_audit import audit_lines
from mmlib.errors import ParameterError

PLANTED = "planted.json"  # lies beside generated media: what is made of them is a stand-in
# Options of every data set of media, beside its own.
COMMON: dict[str, Any] = {"image_size": 256}


def media_options(info: DatasetInfo) -> dict[str, Any]:
    """Names and defaults of what can be set when preparing from raw media."""
    return dict(info.media or {}) | COMMON


def prepare_registered(
    info: DatasetInfo, source: Path, out: Path, settings: Mapping[str, Any], options: Options
) -> Path:
    """The prepared folder `out/<name>`, made from the media in `source`, or found there.

    `settings`: preparation options that change what is written (`media_options`). Raises `ParameterError` for unknown
    ones, `DataError` (files of the source missing, too many skipped), `OutputsError`.
    """
    from mmlib.data.registry import resolve_options

    if info.media is None:
        raw = ", ".join(name for name, other in DATASETS.items() if other.media is not None)
        raise ParameterError(f"{info.name} is not prepared from raw media. Data sets that are: {raw}.")
    resolved = resolve_options(replace(info, options=media_options(info)), settings)
    size = resolved.pop("image_size")
    if not 16 <= size <= 2048:
        raise ParameterError(f"image_size is {size}, but must be from 16 to 2048 pixels.")
    listed: MediaSource = info.module.media_source(source, resolved)
    request = listed.request or find_media_preset(listed.preset).request
    if request.frames is not None and (size != COMMON["image_size"] or listed.request is None):
        request = replace(request, frames=replace(request.frames, size=(size, size)))
    truth = {"standin": True} if (source / PLANTED).is_file() else {}
    return prepare_media(replace(listed, request=request, truth=truth), out / info.name, options)


def summary(manifest: Mapping[str, Any]) -> list[str]:
    """What was made of the listed clips, in lines: counts, every reason with an example, the audit of the splits."""
    counts = manifest["counts"]
    lines = [", ".join(f"{counts[name]:,} {name}" for name in ("listed", "found", "decoded", "skipped"))]
    if counts.get("decoded_with_damage"):
        lines[0] += f"; {counts['decoded_with_damage']:,} kept clips are damaged in places (column `damaged`)"
    lines += clock.lines(manifest["source"])
    for reason, number in Counter(entry["reason"] for entry in manifest["skipped"]).most_common():
        example = next(entry for entry in manifest["skipped"] if entry["reason"] == reason)
        lines.append(
            f"skipped, {reason}: {number:,} ({Reason(reason).explain}), such as {example['id']}:"
            f" {example['detail'] or 'no detail'}"
        )
    return lines + [f"listed {line}" for line in audit_lines(manifest["source"].get("audit", {}))]


def parse_limit(text: str | None) -> float | None:
    """`5%`, `0.05` (shares) or `20` (clips) as `Options.max_skipped`. Raises `ParameterError`."""
    if text is None:
        return None
    try:
        value = float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = -1.0
    if value < 0 or (text.endswith("%") and value >= 1) or (value >= 1 and value != int(value)):
        raise ParameterError(f"--max-skipped {text}: expected a share such as 5% or 0.05, or a number of clips.")
    return value
