"""What another feature set costs: AV-CIL's form of AVE (lists as JSON, features by clip id) in thirty lines.

The published lists are read where they are at hand; features are generated and small.
"""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from mmlib.data.features.checks import check_index
from mmlib.data.features.conversion import FeatureSet, Part, convert
from mmlib.data.features.layout import first_missing
from mmlib.data.features.sources import open_clips
from mmlib.data.prepared import check_prepared, open_prepared
from mmlib.data.published import compare_counts
from mmlib.errors import DataError

LISTS = {"all_id_category_dict.json": "split and class of every clip", "category_encode_dict.json": "class numbers"}
FEATURES = {"audio": "audio.npz", "visual": "visual_features.h5"}
SPLITS = {"train": "train", "val": "validation", "test": "test"}


def index(folder) -> tuple[list[str], dict]:
    """Classes in the published order, and columns by name."""
    listed, numbers = (json.loads((folder / name).read_text()) for name in LISTS)
    clips = [(clip, SPLITS[split], name) for split, part in listed.items() for clip, name in part.items()]
    ids, split, names = (list(values) for values in zip(*clips, strict=True))
    label = np.array([numbers.get(name, -1) for name in names])
    return sorted(numbers, key=numbers.get), {"id": ids, "label": label, "split": split, "group": ids}


def read(folder) -> FeatureSet:
    """The set in a folder. Raises `DataError`."""
    reason = first_missing(folder, LISTS | dict.fromkeys(FEATURES.values(), "features by clip id"))
    if reason:
        raise DataError(reason)
    classes, columns = index(folder)
    parts = {name: [Part(open_clips(folder / file, columns["id"]))] for name, file in FEATURES.items()}
    storage = {"audio": "float32", "visual": "float16"}
    return FeatureSet("av_cil", classes, columns, parts, storage, manifest={"source": {}}, unit="clips")


@pytest.fixture
def folder(tmp_path):
    """Four clips, and a file for each modality whose clips lie in another order."""
    split = {"train": {"d": "Cat", "b": "Bark"}, "val": {"c": "Cat"}, "test": {"a": "Cat"}}
    for name, content in zip(LISTS, (split, {"Bark": 1, "Cat": 0}), strict=True):
        (tmp_path / name).write_text(json.dumps(content))
    np.savez(tmp_path / "audio.npz", **{clip: np.full(3, row, np.float32) for row, clip in enumerate("abcd")})
    with h5py.File(tmp_path / "visual_features.h5", "w") as file:
        for row, clip in enumerate("abcd"):
            file[clip] = np.full((4, 2), row / 8, np.float32)
    return tmp_path


def test_every_clip_has_its_own_features(folder):
    prepared = open_prepared(convert(folder / "out", read(folder)))
    assert check_prepared(prepared.folder) == []
    assert prepared.index["id"].tolist() == ["d", "b", "c", "a"]
    np.testing.assert_array_equal(prepared.arrays["audio"], np.array([3, 1, 2, 0])[:, None].repeat(3, axis=1))
    np.testing.assert_array_equal(prepared.arrays["visual"][:, 3, 1], np.array([3, 1, 2, 0]) / 8)
    assert compare_counts(prepared, {"train": {"Cat": 2, "Bark": 4}, "test": {"Cat": 1}}) == [
        "av_cil: 1 train samples of Bark, published 4."
    ]


def test_published_lists(data_root):
    classes, columns = index(data_root / "lists" / "av_cil" / "AVE")
    check_index("av_cil", columns, len(classes))
    label, split = columns["label"], np.array(columns["split"])
    assert {name: int(np.sum(split == name)) for name in SPLITS.values()} == {
        "train": 3294,
        "validation": 391,
        "test": 394,
    }
    assert np.bincount(label[split == "train"] // 7).tolist() == [879, 897, 865, 653]  # of the four steps
    assert np.cumsum(np.bincount(label[split == "test"] // 7)).tolist() == [104, 210, 315, 394]


def test_what_is_wrong_is_said(folder):
    names = folder / "category_encode_dict.json"
    names.write_text('{"Cat": 0}')
    with pytest.raises(DataError, match="av_cil: 'b' has -1, expected a label from 0 to 0"):
        convert(folder / "out", read(folder))
    with h5py.File(folder / "visual_features.h5", "a") as file:
        del file["c"]
    with pytest.raises(DataError, match=r"visual_features.h5 lacks 1 of 4 clips, the first is c"):
        read(folder)
    names.unlink()
    with pytest.raises(DataError, match="category_encode_dict.json is missing: class numbers"):
        read(folder)
