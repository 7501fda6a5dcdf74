"""Whose row is it: training labels as identities, and which training rows are tracks of the seen-heard test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmlib.data.voxceleb import lists
from mmlib.errors import DataError

GENERATED = "Person_"  # begins every name that `mmlib.data.voxceleb.generator` gives


def is_generated(names: np.ndarray) -> bool:
    """Whether all identities are named as generated ones are: the folder is then a stand-in, not VoxCeleb1."""
    return all(str(name).startswith(GENERATED) for name in names)


def encode(path: Path, labels: np.ndarray, names: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Identity (N,) of every training row, as a place in `names`.

    Labels are names, or whole numbers: then the k-th smallest is the k-th training identity in alphabetical order, as a
    label encoder would have made them. Raises `DataError` naming the row of a label that is neither.
    """
    kinds, of = np.unique(labels, return_inverse=True)
    place = {name: number for number, name in enumerate(names)}
    numbers = all(kind.removesuffix(".0").isdigit() for kind in kinds)
    if numbers and not all(kind in place for kind in kinds):
        trained = np.flatnonzero(codes == lists.TRAIN)
        if len(kinds) != len(trained):
            raise DataError(
                f"{path} numbers {len(kinds)} identities, the list of identities has {len(trained)} for training: it "
                "is not known who is who. Export the labels as names."
            )
        rank = np.argsort(np.argsort([float(kind) for kind in kinds]))
        return trained[rank][of]
    unknown = [kind for kind in kinds if kind not in place]
    if unknown:
        row = int(np.argmax(labels == unknown[0])) + 1
        raise DataError(
            f"{path}, row {row}: the label {str(unknown[0])!r:.80} is no identity of the list of identities."
        )
    identity = np.array([place[kind] for kind in kinds])[of]
    stranger = codes[identity] != lists.TRAIN
    if stranger.any():
        row = int(np.argmax(stranger))
        raise DataError(f"{path}, row {row + 1}: {names[identity[row]]} is not a training identity, but held out.")
    return identity


def set_codes(path: Path | None, names: np.ndarray, identity: np.ndarray) -> np.ndarray:
    """Set code of every training row (N,), from the set codes of the voice tracks; 0 where they do not tell.

    Training rows name no track. They can be the tracks of code 1 and 3 in the order of the list (as in the authors'
    own file, by its number of rows), or those of code 1 alone; identities decide.
    """
    if path is not None:
        tracks, codes = lists.read_set_codes(path)
        place = {name: number for number, name in enumerate(names)}
        who = np.array([place.get(track.partition("/")[0], -1) for track in tracks])
        for kinds in ((lists.TRAIN, lists.SEEN_HEARD), (lists.TRAIN,)):
            chosen = np.isin(codes, kinds)
            if np.array_equal(who[chosen], identity):
                return codes[chosen]
    return np.zeros(len(identity), np.int64)
