"""What a sound prepared folder holds, in lines: arrays, counts, what was skipped and why, what its splits share."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mmlib.data.media import clock
from mmlib.data.prepared import Prepared
from mmlib.data.prepared_blocks import unsealed
from mmlib.data.split_audit import audit_columns, audit_lines


def report_lines(prepared: Prepared) -> list[str]:
    """The report, a line each; the audit is made anew from the index, as the clips are that were kept."""
    arrays = [f"{name} {array.dtype} {tuple(array.shape)}" for name, array in prepared.arrays.items()]
    lines = [f"{prepared.origin} {prepared.dataset}, {len(prepared)} rows: {', '.join(arrays)}"]
    preset = prepared.manifest["source"].get("preset")
    lines += [f"preset {preset}"] if preset else []
    counts = prepared.manifest["counts"]
    if {"listed", "found", "decoded", "skipped"} <= set(counts):
        lines.append(", ".join(f"{counts[name]:,} {name}" for name in ("listed", "found", "decoded", "skipped")))
    if unsealed(prepared.manifest):
        lines.append(unsealed(prepared.manifest))
    lines += clock.lines(prepared.manifest["source"])
    reasons = Counter(entry.get("reason", "") for entry in prepared.manifest["skipped"]).most_common()
    lines += [f"skipped, {reason}: {count:,}" for reason, count in reasons]
    group = prepared.manifest["source"].get("audit", {}).get("grouped_by")
    if group is not None:
        index = prepared.index
        lines += audit_lines(audit_columns(index["label"], index["split"], index["group"], prepared.classes, group))
    return lines


def count_problems(manifest: dict[str, Any]) -> list[str]:
    """Where the counts of a manifest of media contradict each other or its list of skipped clips; a sentence each."""
    noted = manifest["source"].get("skipped_by_reason")
    if noted is None:  # not prepared from media: other data sets count other things
        return []
    counts, skipped, rows = manifest["counts"], manifest["skipped"], manifest["index"]["rows"]
    expected = {"decoded": rows, "skipped": len(skipped), "listed": rows + len(skipped)}
    problems = [
        f"counts.{name} is {counts.get(name)}, the folder has {value}."
        for name, value in expected.items()
        if counts.get(name) != value
    ]
    by_reason = Counter(entry.get("reason", "") for entry in skipped)
    if noted != dict(by_reason):
        problems.append(f"source.skipped_by_reason is {noted}, its clips give {dict(sorted(by_reason.items()))}.")
    return problems
