"""`load_data`: from parameters to the datasets of a run."""

import torch
from loading_settings import epoch_of, loading_parameters

from mmlib.data.loading import load_data


def test_published_layout_at_full_shape(standin):
    batch = epoch_of(standin["train"])[0]
    assert batch.inputs["audio"].shape[1:] == (1, 257, 188)
    assert batch.inputs["visual"].shape[1:] == (3, 2, 224, 224)
    assert len(standin["validation"]) == 4  # carved: a stand-in has train and test only, as published
    again = epoch_of(standin["train"], 1)[0]
    assert not torch.equal(batch.inputs["visual"], again.inputs["visual"])


def test_prepared_once(store):
    first = load_data(loading_parameters(store))["train"].prepared
    second = load_data(loading_parameters(store))["train"].prepared
    assert first.folder == second.folder
    changed = load_data(loading_parameters(store, synthetic_correlation=0.5))["train"].prepared
    assert changed.folder != first.folder
