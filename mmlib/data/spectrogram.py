"""Log-magnitude spectrograms from batches of waveforms, in named presets that say where they come from.

Paper says (OGM-GE, whose data SimAM^2 copies): "spectrogram with window 512 and overlap 353" for CREMA-D.
Published code does: two things. The current CREMA-D code uses a *hop* of 353 on 22,050 Hz and no standardisation; an
early script used an *overlap* of 353 (hop 159) and standardised every clip. VGGSound uses 16 kHz, window 256, hop 128.
IEMF fills the edges with zeros, and resizes UrbanSound8K-AV's spectrograms to 128 x 128. Kinetics-Sounds is a Kaldi
filter bank.
We do: presets `ogm_head` (default for CREMA-D), `ogm_early`, `vggsound`, `iemf`, `iemf_urbansound`, `ks_fbank`; and
small presets for the small sets. Edges of a centred transform are filled by reflection where nothing is stated (OGM-GE:
what its librosa did by default then).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
import torchaudio.functional
from torch import Tensor

from mmlib.data.filterbank import kaldi_filterbank
from mmlib.data.transforms import resize_boxes
from mmlib.errors import ParameterError


@dataclass(frozen=True)
class SpectrogramPreset:
    """ln(|S| + floor), Hann window of `n_fft` samples; of mel bands instead of bins where given.

    `standardise` gives every clip zero mean and unit deviation over its whole spectrogram. `resize`: every spectrogram,
    up to the end of its own sound, is resized (antialiased bilinear) to so many pixels a side. `kaldi_frames`: a Kaldi
    filter bank of so many frames instead (`mmlib.data.filterbank`), time first.
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
    padding: Literal["reflect", "constant"] = "reflect"
    resize: int | None = None
    kaldi_frames: int | None = None

    def shape(self, samples: int) -> tuple[int, int]:
        """(frequency bins, time frames) for `samples` at the preset's sample rate; (time, bands) of a filter bank."""
        if self.kaldi_frames:
            return self.kaldi_frames, self.mels
        if self.resize:
            return self.resize, self.resize
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
            "iemf", 22050, 512, 353, "IEMF, CREMA-D and Kinetics-Sounds: 3 s -> 257 x 188", padding="constant"
        ),
        SpectrogramPreset(
            "iemf_urbansound",
            22050,
            512,
            353,
            "IEMF, UrbanSound8K-AV: any length -> 257 x T -> 128 x 128",
            padding="constant",
            resize=128,
        ),
        SpectrogramPreset(
            "ks_fbank",
            16000,
            400,
            160,
            "OGM-GE, Kinetics-Sounds, process_audio.py (also VAL): 10.24 s -> 1024 x 128 Kaldi filter bank",
            centred=False,
            mels=128,
            kaldi_frames=1024,
        ),
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


def spectrogram(
    waveform: Tensor, preset: SpectrogramPreset, sample_rate: int | None = None, lengths: Tensor | None = None
) -> Tensor:
    """Waveforms `(B, N)` float in [-1, 1] to spectrograms `(B, 1, F, T)`.

    A `sample_rate` (Hz) other than the preset's is resampled first. `lengths` (B,): how many of each row's samples are
    sound, the rest being zeros; only presets with `resize` or `kaldi_frames` ask for them.
    """
    if sample_rate is not None and sample_rate != preset.sample_rate:
        waveform = torchaudio.functional.resample(waveform, sample_rate, preset.sample_rate)
        lengths = None if lengths is None else lengths * preset.sample_rate // sample_rate
    if preset.kaldi_frames:
        return kaldi_filterbank(waveform, preset.kaldi_frames, preset.mels, preset.sample_rate, lengths).unsqueeze(1)
    window = torch.hann_window(preset.n_fft, dtype=waveform.dtype, device=waveform.device)
    complex_values = torch.stft(
        waveform,
        preset.n_fft,
        preset.hop,
        window=window,
        center=preset.centred,
        pad_mode=preset.padding,
        return_complex=True,
    )
    magnitude = complex_values.abs()  # (B, n_fft // 2 + 1, T)
    if preset.mels:
        magnitude = _mel_filters(preset.n_fft, preset.mels, preset.sample_rate).to(magnitude) @ magnitude  # (B, F, T)
    values = magnitude.add_(preset.floor).log_()
    if preset.standardise:
        mean = values.mean(dim=(1, 2), keepdim=True)
        values = (values - mean) / (values.std(dim=(1, 2), keepdim=True, unbiased=False) + 1e-9)
    if preset.resize:
        return _resized(values, preset, lengths)
    return values.unsqueeze(1)  # (B, 1, F, T)


def _resized(values: Tensor, preset: SpectrogramPreset, lengths: Tensor | None) -> Tensor:
    """Spectrograms `(B, F, T)`, each as far as its own sound reaches, to `(B, 1, size, size)`."""
    rows, bins, most = values.shape
    frames = torch.full((rows,), most) if lengths is None else (lengths // preset.hop + 1).clamp(max=most)
    boxes = torch.zeros(rows, 4, dtype=torch.long)  # top, left, height, width
    boxes[:, 2], boxes[:, 3] = bins, frames
    return resize_boxes(values.unsqueeze(-1), boxes, preset.resize)


@lru_cache
def _mel_filters(n_fft: int, mels: int, sample_rate: int) -> Tensor:
    """Triangular mel filters `(mels, n_fft // 2 + 1)`."""
    bins = n_fft // 2 + 1
    return torchaudio.functional.melscale_fbanks(bins, 0.0, sample_rate / 2, mels, sample_rate).T.contiguous()
