"""Carving a validation split, and holding whole groups out."""

from types import SimpleNamespace

import numpy as np
import pytest

from mmlib.data.prepared import open_prepared, write_prepared
from mmlib.data.splits import by_group, carve, split_rows
from mmlib.errors import DataError, ParameterError

LABELS = np.repeat([0, 1, 2, 3], [100, 40, 5, 1])
ROWS = np.arange(len(LABELS))


def test_carving_is_stratified_and_loses_nothing():
    rest, carved = carve(ROWS, LABELS, 0.1, seed=0)
    np.testing.assert_array_equal(np.bincount(LABELS[carved], minlength=4), [10, 4, 1, 0])
    np.testing.assert_array_equal(np.sort(np.concatenate([rest, carved])), ROWS)


def test_carving_follows_the_seed():
    assert np.array_equal(carve(ROWS, LABELS, 0.1, 3)[1], carve(ROWS, LABELS, 0.1, 3)[1])
    assert not np.array_equal(carve(ROWS, LABELS, 0.1, 3)[1], carve(ROWS, LABELS, 0.1, 4)[1])


def test_every_class_keeps_a_training_row():
    rest, carved = carve(ROWS, LABELS, 0.99, seed=0)
    assert (np.bincount(LABELS[rest], minlength=4) >= 1).all()
    assert len(rest) + len(carved) == len(ROWS)


@pytest.mark.parametrize("fraction", [-0.1, 1.0])
def test_fraction_out_of_range(fraction):
    with pytest.raises(ParameterError, match="validation_fraction"):
        carve(ROWS, LABELS, fraction, 0)


def prepared(folder, groups, dataset="cremad"):
    count = len(groups)
    return open_prepared(
        write_prepared(
            folder,
            dataset=dataset,
            classes=["a"],
            index={
                "id": [str(i) for i in range(count)],
                "label": [0] * count,
                "split": ["train"] * (count - 1) + ["test"],
                "group": groups,
            },
            arrays={},
            source={},
        )
    )


def test_groups_never_cross(tmp_path):
    data = prepared(tmp_path / "p", [f"actor{i % 20}" for i in range(200)])
    rows = split_rows(data, SimpleNamespace(split="speaker", data_seed=0, validation_fraction=0.1))
    groups = {name: set(data.index["group"][chosen]) for name, chosen in rows.items()}
    assert {name: len(found) for name, found in groups.items()} == {"train": 16, "validation": 2, "test": 2}
    assert len(set.union(*groups.values())) == 20
    assert sum(map(len, rows.values())) == 200


def test_too_few_groups(tmp_path):
    with pytest.raises(DataError, match="only 2 groups"):
        by_group(prepared(tmp_path / "p", ["a", "b", "b"]), 0)


def test_no_validation_when_none_is_asked(tmp_path):
    data = prepared(tmp_path / "p", list("abcdef"))
    rows = split_rows(data, SimpleNamespace(split="official", data_seed=0, validation_fraction=0))
    assert {name: len(found) for name, found in rows.items()} == {"train": 5, "validation": 0, "test": 1}
