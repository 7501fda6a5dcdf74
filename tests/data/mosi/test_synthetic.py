"""Generated sentiment: what is built in is there, at the places that are said."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.data.mosi.scores import classes_of
from mmlib.data.mosi.synthetic import CHANNELS
from mmlib.data.prepared import open_prepared
from mmlib.data.registry import prepare
from mmlib.errors import ParameterError


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    folder = prepare("synthetic_sentiment", data_root=None, store=store, options={"samples": 600, "noise_share": 0.3})
    return open_prepared(folder, verify=True)


def test_targets_are_scores_and_labels_their_classes(prepared):
    assert prepared.targets.dtype.kind == "f"
    assert np.abs(prepared.targets).max() <= 3
    np.testing.assert_array_equal(prepared.labels, classes_of(prepared.targets))
    assert (prepared.targets == 0).sum() > 20
    assert prepared.origin == "generated"


@pytest.mark.parametrize("modality", CHANNELS)
def test_noise_is_where_it_is_said_and_tells_another_score(prepared, modality):
    steps, noise = prepared.arrays[modality], prepared.arrays[f"{modality}_noise"].astype(bool)
    there = np.arange(steps.shape[1]) < prepared.index["steps"][:, None]
    assert not steps[~there].any()
    assert not noise[~there].any()
    assert noise[there].mean() == pytest.approx(0.3, abs=0.03)
    # By least squares a score is read from the mean signal step, and not from the mean noise step.
    means = [(steps * kept[..., None]).sum(axis=1) / np.maximum(1, kept.sum(axis=1))[:, None]
             for kept in (there & ~noise, noise)]  # fmt: skip
    read = [np.c_[mean, np.ones(len(mean))] @ np.linalg.lstsq(np.c_[mean, np.ones(len(mean))], prepared.targets,
            rcond=None)[0] for mean in means]  # fmt: skip
    told = [np.corrcoef(values, prepared.targets)[0, 1] for values in read]
    assert told[0] > 0.7
    assert told[1] < 0.4


def test_modalities_have_noise_of_their_own(prepared):
    one, other = (prepared.arrays[f"{name}_noise"].ravel() for name in ("text", "audio"))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.2  # both are zero after a sample's end


@pytest.mark.parametrize("wrong", [{"samples": 5}, {"steps": 1}, {"noise_share": 1.0}])
def test_options_out_of_range(tmp_path, wrong):
    with pytest.raises(ParameterError, match="it needs 20 samples"):
        prepare("synthetic_sentiment", data_root=None, store=tmp_path, options=wrong)
