"""Log-magnitude spectrograms from batches of waveforms, in named presets that say where they come from.

Paper says (OGM-GE, whose data SimAM^2 copies): "spectrogram with window 512 and overlap 353" for CREMA-D.
Published code does: two things. The current CREMA-D code uses a *hop* of 353 on 22,050 Hz and no standardisation; an
early script used an *overlap* of 353 (hop 159) and standardised every clip. VGGSound uses 16 kHz, window 256, hop 128.
We do: presets `ogm_head` (default for CREMA-D), `ogm_early`, `vggsound`; and small presets for the small sets. Edges of
a centred transform are filled by reflection (the padding is not stated anywhere).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
import torchaudio.functional
from torch import Tensor

from mmlib.errors import ParameterError


@dataclass(frozen=True)
class SpectrogramPreset:
    """ln(|S| + floor), Hann window of `n_fft` samples; of mel bands instead of bins where given.

    `standardise` gives every clip zero mean and unit deviation over its whole spectrogram.
    """

    name: str
    sample_rate: int  # Hz
    n_fft: int
    hop: int  # samples
    source: str
    centred: bool = True
    floor: float = 1e-7
    mels: int | None = None
    standardise: bool = False

    def shape(self, samples: int) -> tuple[int, int]:
        """(frequency bins, time frames) for `samples` at the preset's sample rate."""
        frames = samples // self.hop + 1 if self.centred else (samples - self.n_fft) // self.hop + 1
        return self.mels or self.n_fft // 2 + 1, frames


PRESETS: dict[str, SpectrogramPreset] = {
    preset.name: preset
    for preset in (
        SpectrogramPreset("ogm_head", 22050, 512, 353, "OGM-GE, CREMA-D, current code: 3 s -> 257 x 188"),
        SpectrogramPreset(
            "ogm_early",
            16000,
            512,
            159,
            "OGM-GE, early script (overlap 353, every clip standardised): 3 s -> 257 x 299",
            centred=False,
            standardise=True,
        ),
        SpectrogramPreset("vggsound", 16000, 256, 128, "OGM-GE, VGGSound: 5 s -> 129 x 626"),
        SpectrogramPreset(
            "grid_words",
            16000,
            256,
            128,
            "ours: 0.5 s -> 40 mel bands x 63, every word standardised (its level follows the noise)",
            floor=1e-2,
            mels=40,
            standardise=True,
        ),
        SpectrogramPreset(
            "av_digits",
            8000,
            256,
            96,
            "ours: 0.7 s -> 40 mel bands x 59, every recording standardised (speakers differ in loudness)",
            floor=1e-2,
            mels=40,
            standardise=True,
        ),
        SpectrogramPreset(
            "synthetic",
            8000,
            128,
            64,
            "ours: 0.48 s -> 65 x 61",
            floor=1e-2,
        ),
    )
}


def find_preset(name: str) -> SpectrogramPreset:
    """The preset called `name`. Raises `ParameterError` naming the known ones."""
    try:
        return PRESETS[name]
    except KeyError:
        raise ParameterError(
            f"spectrogram preset {name!r} does not exist. Choose one of: {', '.join(PRESETS)}."
        ) from None


def spectrogram(waveform: Tensor, preset: SpectrogramPreset, sample_rate: int | None = None) -> Tensor:
    """Waveforms `(B, N)` float in [-1, 1] to spectrograms `(B, 1, F, T)`.

    A `sample_rate` (Hz) other than the preset's is resampled first.
    """
    if sample_rate is not None and sample_rate != preset.sample_rate:
        waveform = torchaudio.functional.resample(waveform, sample_rate, preset.sample_rate)
    window = torch.hann_window(preset.n_fft, dtype=waveform.dtype, device=waveform.device)
    complex_values = torch.stft(
        waveform,
        preset.n_fft,
        preset.hop,
        window=window,
        center=preset.centred,
        pad_mode="reflect",
        return_complex=True,
    )
    magnitude = complex_values.abs()  # (B, n_fft // 2 + 1, T)
    if preset.mels:
        magnitude = _mel_filters(preset.n_fft, preset.mels, preset.sample_rate).to(magnitude) @ magnitude  # (B, F, T)
    values = magnitude.add_(preset.floor).log_()
    if preset.standardise:
        mean = values.mean(dim=(1, 2), keepdim=True)
        values = (values - mean) / (values.std(dim=(1, 2), keepdim=True, unbiased=False) + 1e-9)
    return values.unsqueeze(1)  # (B, 1, F, T)


@lru_cache
def _mel_filters(n_fft: int, mels: int, sample_rate: int) -> Tensor:
    """Triangular mel filters `(mels, n_fft // 2 + 1)`."""
    bins = n_fft // 2 + 1
    return torchaudio.functional.melscale_fbanks(bins, 0.0, sample_rate / 2, mels, sample_rate).T.contiguous()
