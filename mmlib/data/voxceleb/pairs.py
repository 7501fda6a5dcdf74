"""Training rows and lists of pairs: `synthetic_faces_voices` and `voxceleb1` through one door.

Published code does (FOP): shuffles the training rows once, never again, and cuts them into fixed batches without the
last, partial one; trains on every row, among them most likely the seen-heard test tracks; selects on the test list.
We do: rows in that one shuffled order, so that a loader without shuffling and with `drop_last` repeats it; leave the
seen-heard tracks out on request; give validation pairs of identities that nobody trains on or tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from mmlib.data import registry, splits
from mmlib.data.dataset import MultimodalDataset
from mmlib.data.prepared import Prepared, open_prepared
from mmlib.data.views import FeatureView
from mmlib.data.voxceleb import lists
from mmlib.data.voxceleb.conversion import MATCHING, TRAIN
from mmlib.data.voxceleb.files import MODALITIES
from mmlib.errors import BlockedError, DataError

# Kept in memory per modality; a larger one is read from disk batch by batch, and its pages are let go at once.
CACHE_BYTES = 256 << 20
CHUNK = 2048
HELD_OUT_SHARE = 0.1  # of the training identities, where there are no validation pairs


@dataclass(frozen=True)
class _Rows:
    """Rows of a list: `face` (R, Df), `voice` (R, Dv) float32, memory-mapped where large."""

    name: str
    face: np.ndarray
    voice: np.ndarray

    def chunks(self, rows: int = CHUNK) -> Iterator[dict[str, Tensor]]:
        """Inputs of consecutive rows, face (n, Df) and voice (n, Dv); memory stays that of one chunk."""
        views = {"face": FeatureView(self.face), "voice": FeatureView(self.voice)}
        for start in range(0, len(self.face), rows):
            part = np.arange(start, min(start + rows, len(self.face)))
            yield {name: view(part, None) for name, view in views.items()}


@dataclass(frozen=True)
class PairList(_Rows):
    """Pairs of one list: row p compares `voice[p]` with `face[p]`.

    `label` (P,) bool, true for one identity, from the label column; `voice_identity`, `face_identity` (P,) places in
    the names of all identities; `stratum` random, G, N, A or GNA; `setting` seen_heard, unseen_unheard or validation.
    """

    label: np.ndarray
    voice_identity: np.ndarray
    face_identity: np.ndarray
    stratum: str
    setting: str

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True)
class MatchingList(_Rows):
    """1:N trials: row t * size + c holds voice and face of candidate c of trial t; candidate 0 is the probe's identity.

    Voice to face: `voice[t * size]` against the faces of the trial; face to voice the other way. `identity` (rows,).
    """

    size: int
    identity: np.ndarray

    def __len__(self) -> int:
        """Trials."""
        return len(self.identity) // self.size


@dataclass(frozen=True)
class FaceVoiceData:
    """What a run trains and is measured on.

    `train`: batches of inputs face (B, Df), voice (B, Dv), targets (B,) among `identities`; `lists` by name:
    `validation`, `seen_heard_random`, ..., `unseen_unheard_GNA` as far as there are features; `matching` by name;
    `names`: all identities, in alphabetical order; `notes`: what was left out or held out.
    """

    train: MultimodalDataset
    identities: list[str]
    lists: dict[str, PairList]
    matching: dict[str, MatchingList]
    prepared: Prepared
    notes: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return self.prepared.classes

    @property
    def widths(self) -> dict[str, int]:
        """Features by modality."""
        return {name: self.prepared.arrays[name].shape[1] for name in MODALITIES}


def load_face_voice(parameters: Any) -> FaceVoiceData:
    """Training rows and lists for `FaceVoiceDataSettings`; prepares the data where needed.

    `exclude_seen_heard` leaves the tracks of the seen-heard test out of training. Without validation pairs among the
    files a tenth of the training identities is held out for some (`hold_out_validation`), which the notes say.

    Raises `DataError`, `BlockedError` (missing; unknown which rows are seen-heard), `ParameterError`.
    """
    prepared = splits.in_memory(open_prepared(Path(registry.prepare_for(parameters))))
    rows, notes = train_rows(prepared, parameters.exclude_seen_heard)
    present = prepared.manifest["source"]["lists"]
    found = {name: _pair_list(prepared, name) for name in lists.ALL_LISTS if name in present}
    notes += drop_one_kind(found)
    if lists.VALIDATION not in found and parameters.hold_out_validation:
        rows, held = hold_out(prepared, rows, parameters.data_seed)
        found = {lists.VALIDATION: held} | found
        notes.append(f"no validation pairs: {HELD_OUT_SHARE:.0%} of the training identities are held out for some")
    identities, targets = np.unique(prepared.labels[rows], return_inverse=True)
    if len(identities) < 2:
        raise DataError(f"{prepared.folder} has {len(identities)} identities to train on. Prepare it again with more.")
    wanted = np.zeros(len(prepared), np.int64)
    wanted[rows] = targets
    order = np.random.default_rng([parameters.seed, 5]).permutation(len(rows))
    views = {name: FeatureView(prepared.arrays[name]) for name in MODALITIES}
    train = MultimodalDataset(prepared, rows[order], views, split=TRAIN, targets=wanted, cache_bytes=CACHE_BYTES)
    train.classes = [prepared.classes[one] for one in identities]
    trials = {name: _matching(prepared, name) for name in present if name.startswith(MATCHING)}
    return FaceVoiceData(train, train.classes, found, trials, prepared, notes)


def train_rows(prepared: Prepared, exclude_seen_heard: bool) -> tuple[np.ndarray, list[str]]:
    """Rows to train on, in published order, and what is to be noted of them."""
    rows = np.flatnonzero(prepared.index["list"] == TRAIN)
    codes = prepared.index["set_code"][rows]
    if not exclude_seen_heard:
        return rows, []
    if (codes == 0).any():
        raise BlockedError(
            f"{prepared.folder}: it is not known which training rows are tracks of the seen-heard test. Put "
            "voice_set_labels.txt, in the order of the training rows, beside the lists, or set "
            "exclude_seen_heard = false and know that seen-heard numbers may rest on training examples."
        )
    kept = rows[codes != lists.SEEN_HEARD]
    left = len(rows) - len(kept)
    return kept, [f"{left} training rows are tracks of the seen-heard test and left out"] if left else []


def drop_one_kind(found: dict[str, PairList]) -> list[str]:
    """Take out strata whose pairs are all of one kind, and say so. Raises `DataError` where a random list is so."""
    notes = []
    for name, pairs in list(found.items()):
        if pairs.label.any() and not pairs.label.all():
            continue
        kind = "of one identity" if pairs.label.any() else "of two identities"
        if pairs.stratum == "random":
            raise DataError(f"{name}: all {len(pairs):,} pairs are {kind}; AUC and EER need both. Get the list again.")
        del found[name]
        notes.append(f"{name} is not measured: all its pairs are {kind}")
    return notes


def hold_out(prepared: Prepared, rows: np.ndarray, seed: int) -> tuple[np.ndarray, PairList]:
    """Training rows without some identities, and pairs of those: one per voice, same and other alternating."""
    rng = np.random.default_rng([seed, 6])
    names = rng.permutation(np.unique(prepared.labels[rows]))
    held = np.sort(names[: max(2, round(HELD_OUT_SHARE * len(names)))])
    if len(names) - len(held) < 2:
        raise DataError(f"{prepared.folder} has {len(names)} training identities, too few to hold {len(held)} out.")
    inside = np.isin(prepared.labels[rows], held)
    voice = rows[inside]
    who, same = prepared.labels[voice], np.arange(len(voice)) % 2 == 0
    other = held[(np.searchsorted(held, who) + rng.integers(1, len(held), len(voice))) % len(held)]
    shown = np.where(same, who, other)
    face = np.array([rng.choice(voice[who == one]) for one in shown])
    pairs = PairList(
        lists.VALIDATION,
        face=np.asarray(prepared.arrays["face"][face]),  # gathered: a tenth of the training rows at most
        voice=np.asarray(prepared.arrays["voice"][voice]),
        label=same,
        voice_identity=who,
        face_identity=shown,
        stratum="random",
        setting=lists.VALIDATION,
    )
    return rows[~inside], pairs


def _span(prepared: Prepared, name: str) -> slice:
    rows = np.flatnonzero(prepared.index["list"] == name)
    return slice(int(rows[0]), int(rows[-1]) + 1)


def _pair_list(prepared: Prepared, name: str) -> PairList:
    span, index = _span(prepared, name), prepared.index
    setting, _, stratum = (name, "", "random") if name == lists.VALIDATION else name.rpartition("_")
    features = {modality: prepared.arrays[modality][span] for modality in MODALITIES}
    who = {column: index[column][span] for column in ("voice_identity", "face_identity")}
    return PairList(name, **features, label=index["same"][span], **who, stratum=stratum, setting=setting)


def _matching(prepared: Prepared, name: str) -> MatchingList:
    span = _span(prepared, name)
    features = {modality: prepared.arrays[modality][span] for modality in MODALITIES}
    return MatchingList(name, **features, size=int(name.removeprefix(MATCHING)), identity=prepared.labels[span])
