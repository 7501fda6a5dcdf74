"""The sound of a media file: decoded to mono float32 at its own rate, then resampled and fitted as a preset says.

Published code does: `librosa.load` (mono = mean of the channels, resampled by `kaiser_best`), or wav files written by
`ffmpeg` (16 kHz, mono, 16 bit), or torchaudio. We do: the same with PyAV (which is FFmpeg) and torchaudio, with the
sound where its time stamps say (`mmlib.data.media.clock`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmlib.data.media.clock import Clock, Placement
from mmlib.data.media.opening import MAX_SAMPLES, opened
from mmlib.data.media.reasons import Reason, SkippedClip
from mmlib.data.media.source import SoundRequest

if TYPE_CHECKING:
    from av import AudioFrame

RATES = (1_000, 768_000)  # Hz that are believed
WAV_RATE = 16_000  # Hz, of the wav files published pipelines keep
# As librosa's kaiser_best; the numbers are those of torchaudio's documentation for it.
_KAISER_BEST = {
    "resampling_method": "sinc_interp_kaiser",
    "lowpass_filter_width": 64,
    "rolloff": 0.9475937167399596,
    "beta": 14.769656459379492,
}
_KERNEL = 1 << 22  # elements of a resampling kernel: rates without a common divisor would make it huge


@dataclass(frozen=True)
class Sound:
    """`samples` (L,) float32 mono in [-1, 1] at `rate` Hz, as many as are needed.

    `decoded`: how many samples a channel the whole file holds, at `own_rate`. `damaged`: packets that could not be
    decoded (what they held is missing, silence stands there). `placement`: where silence was put.
    """

    samples: np.ndarray
    rate: int
    decoded: int
    own_rate: int
    damaged: int = 0
    placement: Placement = field(default_factory=Placement)


def decode_sound(path: Path, request: SoundRequest, start_s: float | None = None, end_s: float | None = None) -> Sound:
    """The sound of `path` at the request's rate, not yet of its length. Raises `SkippedClip`."""
    by_ffmpeg = request.resampling == "ffmpeg" or request.through_wav
    sound = _decode(path, WAV_RATE if by_ffmpeg else None, request, (start_s or 0.0, end_s))
    if not len(sound.samples):
        if sound.damaged:
            raise SkippedClip(Reason.UNDECODABLE, f"{path.name}: none of its sound can be decoded")
        raise SkippedClip(Reason.ZERO_LENGTH, f"{path.name}: its sound has no samples")
    if sound.rate == request.rate:
        return sound
    samples = resample(sound.samples, sound.rate, request.rate, request.resampling)
    return replace(sound, samples=samples, rate=request.rate)


def _decode(path: Path, rate: int | None, request: SoundRequest, window: tuple[float, float | None]) -> Sound:
    """The sound inside the window, at `rate` by FFmpeg's resampler, else at its own."""
    import av

    with opened(path) as container:
        if not container.streams.audio:
            raise SkippedClip(Reason.NO_AUDIO_STREAM, f"{path.name} has no sound")
        stream = container.streams.audio[0]
        stream.thread_type = "NONE"
        own_rate = stream.sample_rate or 0
        if not RATES[0] <= own_rate <= RATES[1] or not 1 <= (stream.channels or 0) <= 64:
            detail = f"{path.name}: its sound says {own_rate} Hz, {stream.channels} channels"
            raise SkippedClip(Reason.UNDECODABLE, detail)
        keeper = _Keeper(path, rate or own_rate, request, window)
        passing = _Resampled(keeper, rate) if rate else _Mono(keeper)
        clock, origin = Clock(own_rate), (container.start_time or 0) / 1e6
        decoded = damaged = 0
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                damaged += 1
                continue
            for frame in frames:
                if frame.sample_rate != own_rate:
                    raise SkippedClip(Reason.UNDECODABLE, f"{path.name}: the rate of its sound changes")
                decoded += frame.samples
                start = clock.place(None if frame.time is None else frame.time - origin, frame.samples)
                if start is not None:
                    passing.flush()
                    keeper.silence_until(round(start * (rate or own_rate) / own_rate))
                passing.add(frame)
        passing.flush()
        samples = np.concatenate(keeper.pieces) if keeper.pieces else np.zeros(0, np.float32)
        return Sound(samples, rate or own_rate, decoded, own_rate, damaged, clock.placement)


class _Keeper:
    """Keeps the samples inside the window, as many as are needed: memory stays bounded however long the file is."""

    def __init__(self, path: Path, rate: int, request: SoundRequest, window: tuple[float, float | None]) -> None:
        self.path, self.pieces, self._seen, self._kept = path, [], 0, 0
        self._first = round(window[0] * rate)
        self._last = None if window[1] is None else round(window[1] * rate)
        needed = MAX_SAMPLES + 1
        if not request.subtract_mean:  # what lies behind the end of the stored sound changes nothing
            needed = math.ceil(request.samples * rate / request.rate) + rate // 2
        self._needed = needed

    def keep(self, piece: np.ndarray) -> None:
        first = max(self._first - self._seen, 0)
        last = len(piece) if self._last is None else min(max(self._last - self._seen, 0), len(piece))
        self._seen += len(piece)
        piece = piece[first : min(last, first + self._needed - self._kept)]
        if len(piece):
            self.pieces.append(piece)
            self._kept += len(piece)
        if self._kept > MAX_SAMPLES:
            raise SkippedClip(Reason.TOO_LARGE, f"{self.path.name}: its sound has over {MAX_SAMPLES:,} samples")

    def silence_until(self, place: int) -> None:
        """Go on at sample `place`, with silence before it."""
        while self._seen < place:
            self.keep(np.zeros(min(place - self._seen, 1 << 20), np.float32))


class _Resampled:
    """Decoded frames through FFmpeg's resampler to 16-bit mono at `rate`; anew after each flush."""

    def __init__(self, keeper: _Keeper, rate: int) -> None:
        self.keeper, self.rate, self._resampler = keeper, rate, None

    def add(self, frame: AudioFrame) -> None:
        import av

        self._resampler = self._resampler or av.AudioResampler("s16", "mono", self.rate)
        self.keeper.keep(_joined(self._resampler.resample(frame)))

    def flush(self) -> None:
        """Pass on what the resampler holds back."""
        if self._resampler is not None:
            self.keeper.keep(_joined(self._resampler.resample(None)))
            self._resampler = None


class _Mono:
    """Decoded frames to the mean of their channels, float32 in [-1, 1], many at a time: frames are small."""

    def __init__(self, keeper: _Keeper, together: int = 64) -> None:
        self.keeper, self.together, self._frames, self._kind = keeper, together, [], None

    def add(self, frame: AudioFrame) -> None:
        kind = (frame.format.name, frame.layout.nb_channels, frame.format.is_planar)
        if kind != self._kind or len(self._frames) == self.together:
            self.flush()
        self._kind = kind
        self._frames.append(frame.to_ndarray())  # planar: (channels, samples); packed: (1, samples * channels)

    def flush(self) -> None:
        """Pass on what was collected."""
        if not self._frames:
            return
        _, channels, planar = self._kind
        values = np.concatenate(self._frames, axis=1)
        self._frames = []
        self.keeper.keep(_mono(values if planar else values.reshape(-1, channels).T))


def _mono(values: np.ndarray) -> np.ndarray:
    """(channels, samples) of any type to their mean (samples,), float32 in [-1, 1]."""
    if values.dtype == np.uint8:
        scaled = (values.astype(np.float32) - 128) / 128
    elif values.dtype.kind == "i":
        scaled = (values / -float(np.iinfo(values.dtype).min)).astype(np.float32)
    else:
        scaled = values.astype(np.float32, copy=False)
    return scaled.mean(axis=0, dtype=np.float32)


def _joined(frames: list[AudioFrame]) -> np.ndarray:
    """16-bit mono frames of the resampler as float32 in [-1, 1]."""
    pieces = [frame.to_ndarray().reshape(-1) for frame in frames if frame is not None]
    return np.concatenate(pieces).astype(np.float32) / 32768 if pieces else np.zeros(0, np.float32)


def resample(samples: np.ndarray, rate: int, wanted: int, method: str) -> np.ndarray:
    """Sound `(L,)` float32 from `rate` to `wanted` Hz by torchaudio (`kaiser_best`, `sinc_hann`) or FFmpeg.

    Rates so awkward that torchaudio's kernel would not fit in memory are left to FFmpeg.
    """
    divisor = math.gcd(rate, wanted)
    old, new = rate // divisor, wanted // divisor
    if method == "ffmpeg" or new * (old + 140 * max(1, old // new + 1)) > _KERNEL:
        return _resample_by_ffmpeg(samples, rate, wanted)
    import torch
    from torchaudio.functional import resample as by_torchaudio

    options = _KAISER_BEST if method == "kaiser_best" else {}
    return by_torchaudio(torch.from_numpy(samples), rate, wanted, **options).numpy()


def _resample_by_ffmpeg(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    import av

    frame = av.AudioFrame.from_ndarray(samples[None], "fltp", "mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler("fltp", "mono", wanted)
    pieces = [part.to_ndarray()[0] for part in (*resampler.resample(frame), *resampler.resample(None))]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def fit(samples: np.ndarray, request: SoundRequest) -> tuple[np.ndarray, int]:
    """Sound `(L,)` at the request's rate to `(samples,)` in its dtype, and how many of them are real, not padding."""
    if not np.isfinite(samples).all():
        samples = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
    if request.subtract_mean:
        samples = samples - samples.mean(dtype=np.float64).astype(np.float32)
    wanted = request.samples
    if request.fit == "tile3":
        samples = np.tile(samples[:wanted], 3)[:wanted] if len(samples) < wanted else samples
    elif request.fit == "double":
        samples = np.tile(samples, 1 << max(0, math.ceil(math.log2(wanted / len(samples)))))
    real = min(len(samples), wanted)
    fitted = np.zeros(wanted, np.float32)
    fitted[:real] = np.clip(samples[:real], -1.0, 1.0)
    if request.dtype == "int16":
        return np.rint(fitted * 32768).clip(-32768, 32767).astype(np.int16), real
    return fitted, real
