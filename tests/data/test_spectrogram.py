"""Spectrogram presets: published shapes, and a plain numpy computation as reference."""

import numpy as np
import pytest
import torch

from mmlib.data.spectrogram import PRESETS, find_preset, spectrogram
from mmlib.errors import ParameterError


def mel_scale(hertz):
    return 2595 * np.log10(1 + hertz / 700)


def shrink(values, size):
    """Antialiased bilinear resize of (H, W) to (size, size), one output value after the other."""
    for axis in (0, 1):
        values = np.moveaxis(values, axis, 0)
        source = len(values)
        step, support = source / size, max(source / size, 1.0)
        rows = []
        for place in range(size):
            weights = np.clip(1 - np.abs(np.arange(source) + 0.5 - (place + 0.5) * step) / support, 0, None)
            rows.append(np.tensordot(weights / weights.sum(), values, 1))
        values = np.moveaxis(np.stack(rows), 0, axis)
    return values


def kaldi(waveform, preset):
    """Kaldi's filter bank of one clip (N,): offset, pre-emphasis, Hanning, power, mel triangles, logarithm."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399)
    mel = 1127 * np.log(1 + np.arange(257) * (preset.sample_rate / 512) / 700)
    edges = np.linspace(1127 * np.log(1 + 20 / 700), 1127 * np.log(1 + preset.sample_rate / 2 / 700), preset.mels + 2)
    rows = np.zeros((preset.kaldi_frames, preset.mels))
    for number, start in enumerate(range(0, len(waveform) - 399, 160)):
        frame = waveform[start : start + 400] - waveform[start : start + 400].mean()
        frame = frame - 0.97 * np.concatenate([frame[:1], frame[:-1]])
        power = np.abs(np.fft.rfft(frame * window, 512)) ** 2
        rising = (mel - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
        falling = (edges[2:, None] - mel) / (edges[2:] - edges[1:-1])[:, None]
        bands = np.clip(np.minimum(rising, falling), 0, None)
        bands[:, -1] = 0  # Kaldi leaves the Nyquist bin out
        rows[number] = np.log(np.maximum(bands @ power, np.finfo(np.float32).eps))
    return (rows + 4.503877) / (2 * 5.141276)


def reference(waveform, preset):
    """One clip (N,), float64, frame by frame."""
    if preset.kaldi_frames:
        return kaldi(waveform, preset)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(preset.n_fft) / preset.n_fft)
    padded = np.pad(waveform, preset.n_fft // 2, mode=preset.padding) if preset.centred else waveform
    starts = range(0, len(padded) - preset.n_fft + 1, preset.hop)
    magnitude = np.stack([np.abs(np.fft.rfft(padded[s : s + preset.n_fft] * window)) for s in starts], axis=1)
    if preset.mels:
        bins = np.linspace(0, preset.sample_rate / 2, preset.n_fft // 2 + 1)
        edges = 700 * (10 ** (np.linspace(0, mel_scale(preset.sample_rate / 2), preset.mels + 2) / 2595) - 1)
        bands = []
        for low, centre, high in zip(edges[:-2], edges[1:-1], edges[2:], strict=True):
            rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
            bands.append(np.clip(np.minimum(rising, falling), 0, None))
        magnitude = np.stack(bands) @ magnitude
    values = np.log(magnitude + preset.floor)
    if preset.resize:
        values = shrink(values, preset.resize)
    return (values - values.mean()) / values.std() if preset.standardise else values


@pytest.mark.parametrize(
    ("name", "samples", "rate", "shape"),
    [
        ("ogm_head", 66_150, 22_050, (257, 188)),
        ("ogm_early", 48_000, 16_000, (257, 299)),
        ("ogm_early", 160_000, 16_000, (257, 1004)),
        ("ogm_early", 66_150, 22_050, (257, 299)),  # resampled from what CREMA-D is prepared at
        ("vggsound", 80_000, 16_000, (129, 626)),
        ("iemf", 66_150, 22_050, (257, 188)),
        ("iemf_urbansound", 88_200, 22_050, (128, 128)),
        ("ks_fbank", 164_080, 16_000, (1024, 128)),
        ("grid_words", 8_000, 16_000, (40, 63)),
        ("av_digits", 5_600, 8_000, (40, 59)),
        ("synthetic", 3_840, 8_000, (65, 61)),
    ],
)
def test_shapes(name, samples, rate, shape):
    preset = PRESETS[name]
    assert spectrogram(torch.randn(2, samples), preset, rate).shape == (2, 1, *shape)
    if rate == preset.sample_rate:
        assert preset.shape(samples) == shape


@pytest.mark.parametrize("name", list(PRESETS))
def test_equals_numpy_reference(name):
    preset = PRESETS[name]
    waveform = np.random.default_rng(0).standard_normal((2, 4000)) * 0.2
    expected = np.stack([reference(clip, preset) for clip in waveform])[:, None]
    in_double = spectrogram(torch.from_numpy(waveform), preset).numpy()
    np.testing.assert_allclose(in_double, expected, rtol=1e-5, atol=2e-5 if preset.mels else 1e-7)
    in_single = spectrogram(torch.from_numpy(waveform).float(), preset).numpy()
    np.testing.assert_allclose(in_single, expected, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("name", ["ks_fbank", "iemf_urbansound"])
def test_padding_does_not_count(name):
    """Rows of different lengths, padded to one, give what each would alone."""
    preset = PRESETS[name]
    waveform = torch.randn(3, 20_000) * 0.2
    lengths = torch.tensor([20_000, 9_001, 500])
    waveform[torch.arange(20_000) >= lengths[:, None]] = 0
    batch = spectrogram(waveform, preset, lengths=lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = reference(waveform[row, :length].double().numpy(), preset)
        np.testing.assert_allclose(batch[row, 0].numpy(), alone, rtol=1e-3, atol=2e-3)


def test_padded_filter_bank_frames_have_the_published_value():
    values = spectrogram(torch.zeros(1, 400), PRESETS["ks_fbank"])
    assert values[0, 0, 1:].unique().numpy() == pytest.approx([0.438012], abs=1e-6)


def test_a_filter_bank_is_cut_after_its_last_frame():
    waveform = torch.randn(1, 200_000)
    values = spectrogram(waveform, PRESETS["ks_fbank"])
    torch.testing.assert_close(values, spectrogram(waveform[:, :164_080], PRESETS["ks_fbank"]))


def test_silence_is_the_floor():
    preset = PRESETS["ogm_head"]
    values = spectrogram(torch.zeros(1, 66_150), preset)
    torch.testing.assert_close(values, torch.full_like(values, float(np.log(1e-7))))


def test_silence_stays_finite_when_standardised():
    assert torch.isfinite(spectrogram(torch.zeros(1, 8_000), PRESETS["grid_words"])).all()


def test_a_tone_is_at_its_bin():
    time = torch.arange(80_000) / 16_000
    values = spectrogram(torch.sin(2 * torch.pi * 1000 * time)[None], PRESETS["vggsound"])
    assert values[0, 0, :, 300].argmax() == 1000 / 16_000 * 256


def test_level_does_not_matter_where_standardised():
    waveform = torch.randn(1, 8_000)
    loud, quiet = (spectrogram(waveform * gain, PRESETS["grid_words"]) for gain in (20.0, 200.0))
    torch.testing.assert_close(loud, quiet, atol=0.05, rtol=0)


def test_batch_equals_one_by_one():
    waveform = torch.randn(5, 8_000)
    whole = spectrogram(waveform, PRESETS["grid_words"])
    assert torch.equal(whole, torch.cat([spectrogram(row[None], PRESETS["grid_words"]) for row in waveform]))


def test_no_mel_band_is_empty():
    for preset in PRESETS.values():
        values = spectrogram(torch.randn(1, 8_000), preset)
        assert values.std(dim=-2 if preset.kaldi_frames else -1).min() > 0


def test_unknown_preset():
    with pytest.raises(ParameterError, match="ogm_head"):
        find_preset("ogm")
