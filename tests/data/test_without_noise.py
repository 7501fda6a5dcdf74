"""Samples without their noise: the same signal, by the same draws, and nothing where no noise is known."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.data.loading import load_data
from mmlib.data.without_noise import clean_inputs, clean_views, rendered
from mmlib.experiments.classification import Parameters


def split_of(tmp_path, **changes):
    given = {"synthetic_samples": 60, "data_store": str(tmp_path), **changes}
    return load_data(Parameters.resolve(given))["test"]


def correlation(one, two):
    return np.corrcoef(np.ravel(one).astype(float), np.ravel(two).astype(float))[0, 1]


def test_it_is_the_signal_that_the_noise_lies_on(tmp_path):
    loud = split_of(tmp_path, synthetic_audio_snr_db=60.0, synthetic_visual_snr_db=60.0)
    faint = split_of(tmp_path, synthetic_audio_snr_db=-10.0, synthetic_visual_snr_db=-10.0)
    rows, stored = np.arange(60), {"audio": "waveform", "visual": "frames"}
    for name, clean in rendered(loud.prepared.manifest["source"], rows).items():
        with_little, with_much = (split.prepared.arrays[stored[name]] for split in (loud, faint))
        assert correlation(clean, with_little) > 0.9999
        centre = 128 if name == "visual" else 0
        scale = np.std(clean.astype(float) - centre) / np.std(with_little.astype(float) - centre)
        assert scale == pytest.approx(1, abs=0.02)
        np.testing.assert_array_equal(clean, rendered(faint.prepared.manifest["source"], rows)[name])
        # Power of noise is ten times the signal's: a correlation of 1 / sqrt(11).
        assert correlation(clean, with_much) == pytest.approx(11**-0.5, abs=0.03)


def test_a_few_samples_are_what_they_are_among_all(tmp_path):
    source = split_of(tmp_path).prepared.manifest["source"]
    whole, few = (rendered(source, np.array(rows)) for rows in (range(60), [41, 3]))
    for name, values in few.items():
        np.testing.assert_array_equal(values, whole[name][[41, 3]])


def test_encoders_would_be_given_the_same_shapes(tmp_path):
    split = split_of(tmp_path)
    given, clean = split[np.arange(3)].inputs, clean_inputs(split, np.arange(3))
    assert {name: values.shape for name, values in clean.items()} == {n: v.shape for n, v in given.items()}
    assert not any(bool((given[name] == clean[name]).all()) for name in given)


def test_only_the_modality_that_is_shown(tmp_path):
    assert list(clean_views(split_of(tmp_path, modalities="audio"), np.arange(2))) == ["audio"]


def test_noise_on_recordings_is_left_out(data_root, tmp_path):
    given = {"dataset": "grid_words", "data_root": str(data_root), "data_store": str(tmp_path), "audio_snr_db": -15.0}
    split = load_data(Parameters.resolve(given))["test"]
    (name, clean), *others = clean_views(split, np.arange(2)).items()
    assert (name, others) == ("audio", [])
    assert split.views["audio"].snr_db == -15
    stored = np.asarray(split.prepared.arrays["waveform"][split.rows[:2]]) / 32768
    np.testing.assert_allclose(clean.view.waveform(clean.rows).numpy(), stored, atol=1e-6)


def test_data_without_known_noise_have_no_such_view(tmp_path):
    split = split_of(tmp_path, dataset="synthetic_trio", modulated_tensors="matrices")
    assert clean_views(split, np.arange(2)) == {}
