"""Generated data: the truth that was built in is the truth that is there."""

import numpy as np
import pytest

from mmlib.data import synthetic
from mmlib.data.prepared import open_prepared
from mmlib.data.registry import DATASETS
from mmlib.errors import ParameterError

OPTIONS = {**DATASETS["synthetic"].options, "samples": 200}


def make(folder, **changes):
    return open_prepared(synthetic.prepare_folder(folder, None, OPTIONS | changes, ""))


def maximal_correlation(x, y, degree=2):
    """Largest canonical correlation between polynomial features of two scalars, on (N,) samples."""
    features = [np.stack([z**d for d in range(1, degree + 1)], axis=1) for z in (x, y)]
    whitened = [np.linalg.qr(f - f.mean(axis=0))[0] for f in features]
    return np.linalg.svd(whitened[0].T @ whitened[1], compute_uv=False)[0]


def test_shapes_and_splits(tmp_path):
    prepared = make(tmp_path / "s")
    assert prepared.arrays["waveform"].shape == (200, synthetic.SAMPLES)
    assert prepared.arrays["waveform"].dtype == np.int16
    assert prepared.arrays["frames"].shape == (200, 3, 32, 32)
    assert prepared.arrays["frames"].dtype == np.uint8
    assert prepared.manifest["splits"] == {"train": 120, "validation": 30, "test": 50}
    assert len(prepared.classes) == OPTIONS["classes"]


def test_same_seed_same_content_other_seed_other_content(tmp_path):
    first = make(tmp_path / "a").manifest_hash
    assert make(tmp_path / "b").manifest_hash == first
    assert make(tmp_path / "c", seed=1).manifest_hash != first


def test_classes_are_balanced_in_the_long_run():
    labels, _, _ = synthetic.draw_latents(np.random.default_rng(0), 30_000, 5, 0.6, 0.2)
    np.testing.assert_allclose(np.bincount(labels) / 30_000, 0.2, atol=0.01)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_uninformative_share_is_exact_and_hits_one_modality(tmp_path, share):
    prepared = make(tmp_path / "s", uninformative=share)
    audio, visual = prepared.index["audio_informative"], prepared.index["visual_informative"]
    assert np.sum(~audio) + np.sum(~visual) == round(200 * share)
    assert not np.any(~audio & ~visual)
    assert abs(int(np.sum(~audio)) - int(np.sum(~visual))) <= 1
    assert prepared.truth["uninformative_share"] == pytest.approx(share)


def test_uninformative_latents_say_nothing_about_the_label():
    labels, latents, informative = synthetic.draw_latents(np.random.default_rng(0), 40_000, 4, 0.7, 0.5)
    for name, latent in latents.items():
        right = latent.argmax(axis=1) == labels
        assert right[~informative[name]].mean() == pytest.approx(0.25, abs=0.02)
        assert right[informative[name]].mean() > 0.6


@pytest.mark.parametrize(("correlation", "share"), [(0.0, 0.0), (0.7, 0.0), (0.7, 0.4), (1.0, 0.0), (1.0, 0.25)])
def test_recorded_maximal_correlation_is_that_of_the_rendered_latents(tmp_path, correlation, share):
    _, latents, _ = synthetic.draw_latents(np.random.default_rng(1), 40_000, 3, correlation, share)
    truth = make(tmp_path / "s", correlation=correlation, uninformative=share).truth
    assert truth["hgr"] == pytest.approx((1 - share) * correlation)
    for k in range(3):
        estimate = maximal_correlation(latents["audio"][:, k], latents["visual"][:, k])
        assert estimate == pytest.approx(truth["hgr"], abs=0.02)
    across = maximal_correlation(latents["audio"][:, 0], latents["visual"][:, 1])
    assert across < 0.02  # other coordinates are independent, so the maximum over pairs is the pair's own


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 10.0])
def test_noise_has_the_asked_level(snr_db):
    signal = np.random.default_rng(0).standard_normal((50, 4000)).astype(np.float32) * 3
    noisy = synthetic._noisy(np.random.default_rng(1), signal, snr_db)
    power = np.mean(signal**2) / np.mean((noisy - signal) ** 2)
    assert 10 * np.log10(power) == pytest.approx(snr_db, abs=0.1)


def test_latents_can_be_read_from_clean_renderings():
    """Rendering is injective: the strength of each grating, measured by its Fourier power, gives the latent back."""
    latent = np.random.default_rng(0).standard_normal((40, 4))
    frames = synthetic.render_frames(np.random.default_rng(1), latent, 60.0).astype(np.float64)
    y, x = np.mgrid[:32, :32]
    for k in range(4):
        angle = np.pi * k / 4
        wave = np.exp(2j * np.pi / 6 * (np.cos(angle) * x + np.sin(angle) * y))
        taper = np.outer(np.hanning(32), np.hanning(32))  # keeps the other gratings out
        strength = np.abs(((frames[:, 0] - 128) * wave * taper).sum(axis=(1, 2)))
        assert np.corrcoef(np.log(strength), latent[:, k])[0, 1] > 0.9


@pytest.mark.parametrize(
    ("name", "value"),
    [("correlation", 1.5), ("uninformative", -0.1), ("classes", 1), ("samples", 3), ("audio_snr_db", 99.0)],
)
def test_options_out_of_range(tmp_path, name, value):
    with pytest.raises(ParameterError, match=name):
        make(tmp_path / "s", **{name: value})


@pytest.mark.parametrize("count", [0, 1, 65_536, 65_537, 200_001])
def test_passing_over_noise_leaves_the_generator_where_drawing_it_does(count):
    drawn, passed = (np.random.default_rng(5) for _ in range(2))
    synthetic.draw_noise(drawn, (count,))
    synthetic.pass_over_noise(passed, count)
    assert drawn.bit_generator.state == passed.bit_generator.state
    assert drawn.random() == passed.random()
