"""VoxCeleb1's published files as a feature set.

Arrays `face` (N, Df) and `voice` (N, Dv) float32. Rows: the training rows in published order, then the pairs of every
list that has features, then matching trials, candidate after candidate. Index columns beside the fixed four (`label`
and `group` are the voice's identity): `list` (train, validation, seen_heard_random, ..., matching_10),
`voice_identity`, `face_identity` (places in the classes), `same`, `set_code` (training rows: 1; 3 seen-heard test
track; 0 unknown) and `trial` (-1 where there is none).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.features import conversion
from mmlib.data.features.checks import check_aligned, check_width
from mmlib.data.features.conversion import FeatureSet, Part
from mmlib.data.features.sources import Source, open_source
from mmlib.data.voxceleb import files, lists
from mmlib.data.voxceleb.identities import encode, set_codes
from mmlib.errors import DataError

TRAIN = "train"
MATCHING = "matching_"
_AGAIN = "Write the file again: N rows per trial, the right one first, the identity in the last column."
_WIDTHS = "Is it the right file? The widths are the parameters face_features and voice_features."


@dataclass(frozen=True)
class Block:
    """Consecutive rows of the prepared folder: features by modality, index columns (n,) by name."""

    name: str
    tables: dict[str, Source]
    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.tables["face"])


def convert(
    folder: Path,
    source_folder: Path,
    dataset: str,
    widths: Mapping[str, int],
    source: dict[str, Any],
    truth: dict[str, Any],
) -> Path:
    """Write `folder` from the published files in `source_folder`.

    `widths`: features by modality, 0 for as many as the training file has. Raises `DataError` (malformed, misaligned),
    `OutputsError`.
    """
    import pandas as pd

    names, codes = lists.read_identities(files.find_file(source_folder, files.IDENTITIES))
    blocks = [train_block(source_folder, names, codes, widths)]
    sizes = {modality: table.shape[1] for modality, table in blocks[0].tables.items()}
    skipped = []
    for name in lists.ALL_LISTS:
        block, reason = pair_block(source_folder, name, names, codes, sizes)
        blocks += [block] if block else []
        skipped += [{"id": lists.ALL_LISTS[name], "reason": reason}] if reason else []
    for size, paths in files.matching_features(source_folder).items():
        blocks.append(matching_block(size, paths, names, sizes))
    rows = sum(len(block) for block in blocks)
    manifest = {
        "source": {**source, "set_codes": codes.tolist(), "lists": {block.name: len(block) for block in blocks}},
        "truth": truth,
        "counts": {"listed": rows, "found": rows, "decoded": rows, "skipped": len(skipped)},
        "skipped": skipped,
        "versions": {"pandas": pd.__version__},
    }
    parts = {modality: [Part(block.tables[modality]) for block in blocks] for modality in files.MODALITIES}
    storage = dict.fromkeys(files.MODALITIES, "float32")
    features = FeatureSet(dataset, names.tolist(), index_columns(blocks, names), parts, storage, manifest)
    return conversion.convert(folder, features)


def _tables(paths: Mapping[str, Path], widths: Mapping[str, int], labelled: bool) -> dict[str, Source]:
    return {
        modality: check_width(open_source(path, labelled=labelled), widths[modality] or None, _WIDTHS)
        for modality, path in paths.items()
    }


def train_block(folder: Path, names: np.ndarray, codes: np.ndarray, widths: Mapping[str, int]) -> Block:
    """The training rows; face and voice of a row must carry the same label."""
    paths = {modality: files.find_features(folder, stem) for modality, stem in files.TRAIN.items()}
    tables = _tables(paths, widths, labelled=True)
    check_aligned(tables["face"], tables["voice"], "training example")
    labels = tables["face"].labels
    identity = encode(paths["face"], labels, names, codes)
    where = files.find_file(folder, files.VOICE_CODES)
    columns = _columns(identity, identity, np.ones(len(labels), bool), TRAIN)
    columns["set_code"] = set_codes(where, names, identity)
    return Block(TRAIN, tables, columns)


def pair_block(
    folder: Path, name: str, names: np.ndarray, codes: np.ndarray, sizes: Mapping[str, int]
) -> tuple[Block | None, str]:
    """The pairs of a list, or why it is left out. Raises `DataError` where list and features do not belong together."""
    listed, paths = files.find_file(folder, lists.ALL_LISTS[name]), files.list_features(folder, name)
    if listed is None and not paths:
        return None, ""
    if listed is None:
        raise DataError(
            f"{next(iter(paths.values()))} has no list: put {lists.ALL_LISTS[name]} into {folder}. Its label column "
            "says which pairs are of one person; the order of the rows does not."
        )
    if len(paths) < 2:
        lacking = [modality for modality in files.MODALITIES if modality not in paths]
        return None, f"no {' and no '.join(lacking)} features"
    pairs = lists.read_pairs(listed)
    tables = _tables(paths, sizes, labelled=False)
    for table in tables.values():
        if len(table) != len(pairs):
            raise DataError(
                f"{table.path} has {len(table)} rows, {listed.name} {len(pairs)} pairs: row i belongs to pair i. "
                "Extract the features of this list again."
            )
    for column, numbers in (("voice", pairs.voice_identity), ("face", pairs.face_identity)):
        outside = (numbers < 1) | (numbers > len(names))
        if outside.any():
            row = int(np.argmax(outside))
            raise DataError(
                f"{listed}, line {row + 2}: {column} identity {numbers[row]} is not one of the {len(names)} in "
                f"{files.IDENTITIES}. Get both of one source."
            )
    split = "validation" if name == lists.VALIDATION else "test"
    return Block(name, tables, _columns(pairs.voice_identity - 1, pairs.face_identity - 1, pairs.same, split)), ""


def matching_block(size: int, paths: dict[str, Path], names: np.ndarray, sizes: Mapping[str, int]) -> Block:
    """Trials of `size` rows; the first row is the right one, face and voice of every row are of one identity."""
    tables = _tables(paths, sizes, labelled=True)
    check_aligned(tables["face"], tables["voice"], "matching example")
    path, labels = tables["face"].path, tables["face"].labels
    if len(labels) % size:
        raise DataError(f"{path} has {len(labels)} rows, no multiple of {size} candidates. {_AGAIN}")
    place = {name: number for number, name in enumerate(names)}
    unknown = next((label for label in labels if label not in place), None)
    if unknown is not None:
        raise DataError(f"{path}: the identity {unknown!r} is not in {files.IDENTITIES}. {_AGAIN}")
    identity = np.array([place[label] for label in labels])
    blocks = identity.reshape(-1, size)
    twice = (blocks[:, 1:] == blocks[:, :1]).any(axis=1)
    if twice.any():
        raise DataError(
            f"{path}, row {int(np.argmax(twice)) * size + 1}: the right identity stands twice in its trial. {_AGAIN}"
        )
    columns = _columns(identity, identity, np.ones(len(identity), bool), "test")
    columns["trial"] = np.arange(len(identity)) // size
    return Block(f"{MATCHING}{size}", tables, columns)


def _columns(voice: np.ndarray, face: np.ndarray, same: np.ndarray, split: str) -> dict[str, np.ndarray]:
    count = len(voice)
    return {
        "label": voice,
        "voice_identity": voice,
        "face_identity": face,
        "same": same,
        "split": np.full(count, split),
        "set_code": np.zeros(count, np.int64),
        "trial": np.full(count, -1),
    }


def index_columns(blocks: Sequence[Block], names: np.ndarray) -> dict[str, np.ndarray]:
    """Index columns of all rows."""
    columns = {key: np.concatenate([block.columns[key] for block in blocks]) for key in blocks[0].columns}
    columns["list"] = np.concatenate([np.full(len(block), block.name) for block in blocks])
    columns["id"] = np.array([f"{block.name}:{row:06d}" for block in blocks for row in range(len(block))])
    columns["group"] = names[columns["label"]]
    return columns
