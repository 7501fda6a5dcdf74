"""What the splits of a data set share, and how many clips of each class they hold: printed, and kept in the manifest.

Published splits are rarely described: all 91 actors of CREMA-D occur in train and in test, slices of one recording of
UrbanSound8K fall on both sides. A reader of a table should not have to find that out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from mmlib.data.media.reasons import Reason
from mmlib.data.media.source import Clip
from mmlib.data.prepared_check import SPLITS

LIKE_A_TRAIN_CLIP = "train has the same actor, sentence and emotion in another intensity"
MANY_CLASSES = 40  # beyond, counts are summed up, not listed


def audit_splits(clips: Sequence[Clip], classes: Sequence[str], group: str) -> dict[str, Any]:
    """The audit of listed clips; `group`: what `Clip.group` means, in the plural (`"actors"`), empty where nothing.

    Counts and groups are those of clips without a problem; a shared id is looked for in all rows of the lists.
    """
    usable = [clip for clip in clips if clip.problem is None]
    repeated = [clip for clip in clips if clip.problem is Reason.DUPLICATE_ID]
    columns = ([c.label for c in usable], [c.split for c in usable], [c.group for c in usable])
    audit = audit_columns(*(np.asarray(column) for column in columns), classes, group)
    ids = {split: {clip.id for clip in (*usable, *repeated) if clip.split == split} for split in SPLITS}
    return audit | {"shared_ids": {f"{a} and {b}": len(ids[a] & ids[b]) for a, b in _pairs(audit)}}


def audit_columns(
    labels: np.ndarray, splits: np.ndarray, groups: np.ndarray, classes: Sequence[str], group: str
) -> dict[str, Any]:
    """The audit of index columns `(N,)`: clips, classes and groups of each split, groups that two splits share."""
    present = [split for split in SPLITS if np.any(splits == split)]
    by_split = {split: set(groups[splits == split].tolist()) for split in present}
    audit: dict[str, Any] = {
        "grouped_by": group,
        "clips": {split: int(np.sum(splits == split)) for split in present},
        "clips_by_class": {split: _counts(labels[splits == split], classes) for split in present},
        "groups": {split: len(found) for split, found in by_split.items()},
    }
    audit["shared_groups"] = {f"{a} and {b}": len(by_split[a] & by_split[b]) for a, b in _pairs(audit)}
    if "train" in present and "test" in present:
        known = np.isin(groups[splits == "test"], list(by_split["train"]))
        audit["test_clips_of_groups_in_train"] = int(known.sum())
    return audit


def _pairs(audit: dict[str, Any]) -> list[tuple[str, str]]:
    return list(combinations(audit["clips"], 2))


def _counts(labels: np.ndarray, classes: Sequence[str]) -> dict[str, int]:
    counts = np.bincount(labels, minlength=len(classes))
    if len(classes) > MANY_CLASSES:
        held = counts[counts > 0]
        return {"classes present": len(held), "fewest clips": int(held.min()), "most clips": int(held.max())}
    return {str(name): int(count) for name, count in zip(classes, counts, strict=True)}


def _told(counts: dict[str, int]) -> str:
    present = [f"{name} {count}" for name, count in counts.items() if count]
    absent = len(counts) - len(present)
    return ", ".join(present) + (f"; {absent} classes absent" if absent else "")


def audit_lines(audit: dict[str, Any]) -> list[str]:
    """The audit in sentences, a line each."""
    if not audit:
        return []
    group, lines = audit["grouped_by"], []
    for split in (split for split in SPLITS if split in audit["clips"]):
        of = f" of {audit['groups'][split]} {group}" if group else ""
        lines.append(f"{split}: {audit['clips'][split]} clips{of} ({_told(audit['clips_by_class'][split])})")
    for pair, shared in audit["shared_groups"].items():
        both = {"ids": audit.get("shared_ids", {}).get(pair), group: shared if group else None}
        told = [f"{what} in both {count}" for what, count in both.items() if count is not None]
        lines += [f"{pair}: {', '.join(told)}"] if told else []
    if group and audit.get("test_clips_of_groups_in_train"):
        known, all_of_them = audit["test_clips_of_groups_in_train"], audit["clips"]["test"]
        lines.append(f"{known} of {all_of_them} test clips belong to {group} that train has too")
    if audit.get("test_clips_like_a_train_clip"):
        lines.append(f"{audit['test_clips_like_a_train_clip']} test clips: {LIKE_A_TRAIN_CLIP}")
    return lines
