"""Three generated modalities: what is stored, and that each tells the class as far as it is said to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmlib.data.loading import load_data
from mmlib.data.prepared import check_prepared, open_prepared
from mmlib.data.registry import prepare
from mmlib.data.synthetic_trio import CHANNELS, FEWEST, SHORTEST, STEPS, TOKENS, UNINFORMATIVE, WIDTH, WORDS
from mmlib.errors import ParameterError
from mmlib.experiments.classification import Parameters


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    options = {"samples": 2000, "classes": 3}
    return prepare("synthetic_trio", data_root=None, store=tmp_path_factory.mktemp("trio"), options=options)


def test_is_a_sound_prepared_folder_of_these_shapes(folder):
    assert check_prepared(folder) == []
    prepared = open_prepared(folder)
    assert {name: array.shape for name, array in prepared.arrays.items()} == {
        "vector": (2000, WIDTH),
        "sequence": (2000, STEPS, CHANNELS),
        "tokens": (2000, TOKENS),
    }
    assert [len(prepared.rows(split)) for split in ("train", "validation", "test")] == [1200, 300, 500]
    assert prepared.origin == "generated"


def test_padding_is_zero_at_the_end_and_nowhere_else(folder):
    arrays = open_prepared(folder).arrays
    for values, shortest in ((arrays["tokens"] != 0, FEWEST), ((arrays["sequence"] != 0).any(axis=2), SHORTEST)):
        lengths = values.sum(axis=1)
        assert lengths.min() == shortest
        assert np.array_equal(values, np.arange(values.shape[1]) < lengths[:, None])
    assert arrays["tokens"].max() == 3 * WORDS


def test_each_modality_misleads_in_its_share_and_tells_the_class_otherwise(folder):
    prepared = open_prepared(folder)
    for modality, share in UNINFORMATIVE.items():
        assert 1 - prepared.index[f"{modality}_informative"].mean() == pytest.approx(share, abs=0.04)
    # The class whose words are most frequent, where tokens are informative.
    tokens, informative = prepared.arrays["tokens"], prepared.index["tokens_informative"]
    counts = np.stack([((tokens - 1) // WORDS == k) & (tokens > 0) for k in range(3)]).sum(axis=2)
    right = counts.argmax(axis=0) == prepared.labels
    assert right[informative].mean() > 0.8
    assert right[~informative].mean() < 0.5


def test_views_are_features_and_integer_tokens(folder, tmp_path):
    values = {"dataset": "synthetic_trio", "synthetic_samples": 60, "data_store": str(tmp_path)}
    batch = load_data(Parameters.resolve(values))["train"][np.arange(4)]
    assert {name: value.dtype for name, value in batch.inputs.items()} == {
        "vector": torch.float32,
        "sequence": torch.float32,
        "tokens": torch.int64,
    }


def test_the_seed_decides_and_nonsense_is_refused(tmp_path):
    def labels(**options):
        made = prepare("synthetic_trio", data_root=None, store=tmp_path, options={"samples": 60, **options})
        return open_prepared(made).arrays["vector"]

    assert np.array_equal(labels(seed=1), labels(seed=1))
    assert not np.array_equal(labels(seed=1), labels(seed=2))
    with pytest.raises(ParameterError, match="classes is 1, samples 60; it needs 2 and 20 at least"):
        labels(classes=1)
