"""What MM-Debiased's list says of itself: forms of ids, true sources, what can be cut, what the splits share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from mmlib.data.mm_debiased.listing import FORMS, Listing
from mmlib.data.prepared_check import SPLITS

if TYPE_CHECKING:
    import pandas as pd

MOST_OF_VGGSOUND = 2  # clips of one video
SMALL = 25  # two integers up to this may be numbers of segments as well as seconds
FAMILIES = ("alone", "two", "ambiguous", "segments")
STATUSES = ("resolved", "presumed", "unresolved")
_EXPLAINED = {
    "resolved": "the id, or a list at hand, says from when to when",
    "presumed": "by the form of the id; the list that would confirm it is not at hand",
    "unresolved": "no public list says from when to when",
}


@dataclass(frozen=True)
class Audit:
    """The audit of a listing: `status` and `family` (N,) by clip, `families` of ids of the start form only ("" else).

    `of_kinetics` (N,) bool: clips of Kinetics-Sounds' train list; None where that is not at hand.
    """

    listing: Listing
    status: np.ndarray
    family: np.ndarray
    of_kinetics: np.ndarray | None
    lists: tuple[str, ...]

    def classes(self) -> pd.DataFrame:
        """Clips by class and subset."""
        return self._table(self.listing.subsets, SPLITS)

    def forms(self) -> pd.DataFrame:
        """Clips by class and form of the id."""
        return self._table(np.searchsorted(np.sort(FORMS), self.listing.forms), sorted(FORMS))[list(FORMS)]

    def forms_by_subset(self) -> pd.DataFrame:
        """Clips by form and, of the start form, by family; by subset."""
        import pandas as pd

        kinds = {form: self.listing.forms == form for form in FORMS}
        kinds |= {f"start: {family}": self.family == family for family in FAMILIES}
        columns = [[int((of & (self.listing.subsets == s)).sum()) for s in range(len(SPLITS))] for of in kinds.values()]
        table = pd.DataFrame(columns, index=list(kinds), columns=list(SPLITS))
        table["videos"] = [len(np.unique(self.listing.videos[of])) for of in kinds.values()]
        return table

    def statuses(self) -> pd.DataFrame:
        """Clips by class, subset and whether they can be cut."""
        import pandas as pd

        tables = {}
        for number, split in enumerate(SPLITS):
            inside = self.listing.subsets == number
            for status in STATUSES:
                of = inside & (self.status == status)
                tables[split, status] = np.bincount(self.listing.labels[of], minlength=len(self.listing.classes))
        return pd.DataFrame(tables, index=self.listing.classes)

    def shared_videos(self) -> dict[str, int]:
        """YouTube ids with clips in both of two subsets."""
        videos = [set(self.listing.videos[self.listing.subsets == number].tolist()) for number in range(len(SPLITS))]
        return {f"{SPLITS[a]} and {SPLITS[b]}": len(videos[a] & videos[b]) for a, b in combinations(range(3), 2)}

    def kinetics(self) -> pd.DataFrame | None:
        """Clips that are in Kinetics-Sounds' train list, by class and subset, where there are some."""
        if self.of_kinetics is None:
            return None
        table = self._table(self.listing.subsets, SPLITS, self.of_kinetics)
        return table[table.sum(axis=1) > 0]

    def lines(self) -> list[str]:
        """The audit in sentences."""
        listing, count = self.listing, len(self.listing)
        by_subset = ", ".join(
            f"{n:,} {s}" for s, n in zip(SPLITS, np.bincount(listing.subsets, minlength=3), strict=True)
        )
        videos, classes = len(np.unique(listing.videos)), len(listing.classes)
        lines = [f"{count:,} clips of {videos:,} videos, {classes} classes: {by_subset}."]
        forms = {form: int((listing.forms == form).sum()) for form in FORMS}
        lines.append(
            f"{forms['span']:,} ids name a clip of Kinetics-400 train, {forms['bare']:,} one of its validation list, "
            f"{forms['start']:,} a start second as VGGSound does (the published README has the first two the "
            "other way round)."
        )
        segments, ambiguous = (self.family == "segments", self.family == "ambiguous")
        lines.append(
            f"{int(segments.sum()):,} of the latter belong to {len(np.unique(listing.videos[segments])):,} videos with "
            f"three clips or more, which VGGSound has not: segments of an undocumented set, it seems; "
            f"{int(ambiguous.sum()):,} more may be."
        )
        for status in STATUSES:
            lines.append(f"{status}: {int((self.status == status).sum()):,} ({_EXPLAINED[status]}).")
        shared = ", ".join(f"{number:,} in {pair}" for pair, number in self.shared_videos().items())
        lines.append(f"videos with clips in two subsets: {shared}.")
        if self.of_kinetics is not None:
            test = self.of_kinetics & (listing.subsets == SPLITS.index("test"))
            lines.append(
                f"{int(self.of_kinetics.sum()):,} clips, {int(test.sum())} of them test, are in Kinetics-Sounds' train "
                "list: start no run from a model trained on that."
            )
        absent = [name for name in ("Kinetics-400 validation", "VGGSound", "Kinetics-Sounds") if name not in self.lists]
        return lines + ([f"not at hand: the lists of {', '.join(absent)}."] if absent else [])

    def _table(self, numbers: np.ndarray, names: tuple | list, inside: np.ndarray | None = None) -> pd.DataFrame:
        import pandas as pd

        counts = np.zeros((len(self.listing.classes), len(names)), int)
        chosen = slice(None) if inside is None else inside
        np.add.at(counts, (self.listing.labels[chosen], numbers[chosen]), 1)
        return pd.DataFrame(counts, index=self.listing.classes, columns=list(names))


def audit_listing(
    listing: Listing,
    validation: dict[str, int] | None = None,
    vggsound: set[tuple[str, int]] | None = None,
    kinetics_train: set[str] | None = None,
) -> Audit:
    """Audit a listing, with the lists that are at hand (None: not).

    Args:
        validation: start second by YouTube id, of Kinetics-400's validation list.
        vggsound: (YouTube id, start second) of VGGSound's list.
        kinetics_train: clip ids of OGM-GE's Kinetics-Sounds train list.
    """
    family = start_families(listing)
    status = np.full(len(listing), "resolved", dtype="<U10")
    bare, start = listing.forms == "bare", listing.forms == "start"
    status[bare] = "presumed" if validation is None else _where(listing, bare, lambda row: row[0] in validation)
    if vggsound is None:
        status[start] = np.where(np.isin(family[start], ("ambiguous", "segments")), "unresolved", "presumed")
    else:
        status[start] = _where(listing, start, lambda row: row in vggsound)
    lists = {"Kinetics-400 validation": validation, "VGGSound": vggsound, "Kinetics-Sounds": kinetics_train}
    of_kinetics = None if kinetics_train is None else np.isin(listing.keys, sorted(kinetics_train))
    return Audit(
        listing, status, family, of_kinetics, tuple(name for name, given in lists.items() if given is not None)
    )


def start_families(listing: Listing) -> np.ndarray:
    """Of ids of the start form: `alone` in their video, `two` of it, `ambiguous` (two, both small) or `segments`."""
    family = np.full(len(listing), "", dtype="<U9")
    start = np.flatnonzero(listing.forms == "start")
    _, video, count = np.unique(listing.videos[start], return_inverse=True, return_counts=True)
    largest = np.zeros(len(count), int)
    np.maximum.at(largest, video, listing.starts[start])
    two = np.where(largest <= SMALL, "ambiguous", "two")
    of_video = np.where(count > MOST_OF_VGGSOUND, "segments", np.where(count == MOST_OF_VGGSOUND, two, "alone"))
    family[start] = of_video[video]
    return family


def _where(listing: Listing, rows: np.ndarray, known: Callable[[tuple[str, int]], bool]) -> np.ndarray:
    pairs = zip(listing.videos[rows].tolist(), listing.starts[rows].tolist(), strict=True)
    return np.array(["resolved" if known(pair) else "unresolved" for pair in pairs], dtype="<U10")
