"""Kaldi's log-mel filter bank, as Kinetics-Sounds is prepared with (OGM-GE's `process_audio.py`, also used by VAL).

Published code does: the waveform minus its mean; torchaudio's Kaldi filter bank with 128 bands, Hanning window of
25 ms, 10 ms shift, `htk_compat`, no energy, no dither; zeros after the last frame, or a cut, to 1024 frames; then
(x + 4.503877) / (2 * 5.141276), so that padded frames are 0.438, not 0.
We do: the same for a whole batch in one call (the mean is removed when the sound is prepared, over the whole clip).
"""

from __future__ import annotations

import torch
import torchaudio.compliance.kaldi
from torch import Tensor
from torch.nn.functional import pad

MEAN, DEVIATION = -4.503877, 5.141276
WINDOW_S, SHIFT_S = 0.025, 0.010


def kaldi_filterbank(
    waveform: Tensor, frames: int, bands: int, sample_rate: int, lengths: Tensor | None = None
) -> Tensor:
    """Waveforms `(B, N)` to `(B, frames, bands)`. `lengths` (B,): samples of each row that are sound, not padding."""
    rows, samples = waveform.shape
    window, shift = round(sample_rate * WINDOW_S), round(sample_rate * SHIFT_S)
    wanted = (frames - 1) * shift + window  # samples under `frames` windows
    stride = -(-wanted // shift)  # frames from the start of one row to that of the next, when rows are joined
    padded = pad(waveform, (0, max(stride * shift - samples, 0)))[:, : stride * shift]  # (B, stride * shift)
    joined = torchaudio.compliance.kaldi.fbank(  # windows lie inside the sound, so rows do not touch each other
        padded.reshape(1, -1),
        htk_compat=True,
        sample_frequency=sample_rate,
        use_energy=False,
        window_type="hanning",
        num_mel_bins=bands,
        dither=0.0,
        frame_shift=SHIFT_S * 1000,
    )
    joined = pad(joined, (0, 0, 0, rows * stride - len(joined)))  # (B * stride, bands)
    values = joined.view(rows, stride, bands)[:, :frames]  # (B, frames, bands)
    sound = torch.full((rows,), samples) if lengths is None else lengths
    valid = ((sound - window).div(shift, rounding_mode="floor") + 1).clamp(min=0)  # (B,)
    outside = torch.arange(frames) >= valid[:, None]  # (B, frames)
    values = values.masked_fill(outside.to(values.device)[:, :, None], 0.0)
    return (values - MEAN) / (2 * DEVIATION)
