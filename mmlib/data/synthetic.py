"""Generated audio-visual classes whose truth is known: unimodal strength, uninformative share, maximal correlation.

Construction, for K classes and N samples:

1. Latents. z1 ~ N(0, I_K) (visual), z2 = rho z1 + sqrt(1 - rho^2) n (audio), n ~ N(0, I_K) independent. The label is
   argmax_k (a z1 + b z2)_k: coordinate k is the evidence for class k, classes are equally likely, the best guess from
   one modality is its own argmax, and a, b weigh the modalities (1 and 1 here). SimAM^2's synthetic study forces a
   correlation; here it is built in.
2. Uninformative samples. In a share p of all samples one modality's latent is replaced by an independent draw from
   the same N(0, I_K), *after* the label is set. That modality then says nothing about the label or about its partner,
   and nothing betrays it. `audio_informative`, `visual_informative` in the index record which.
3. Rendering. Latent k sets the strength exp(GAIN z_k) of component k: in the waveform a tone swept up and down in its
   own band at its own slope, with random phases; in the frames a grating of its own orientation, drifting at a random
   phase. Phases are nuisance: independent of everything else. White noise follows at the given SNR.

Truth, recorded in the manifest. The Hirschfeld-Gebelein-Renyi maximal correlation (HGR) of z1 and z2 is exactly rho:
jointly Gaussian coordinate pairs have HGR |rho| each, and independent pairs give the maximum over pairs. Replacing a
share p by independent draws of the same marginals multiplies the conditional-expectation operator by (1 - p) on
zero-mean functions, so the rendered latents have HGR exactly (1 - p) rho. Rendering is injective in the latents and
its nuisance is independent between the modalities, so it keeps that value; additive noise (a further randomisation of
each modality alone) can only lower it: `hgr` is the value without noise and an upper bound with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.prepared import write_prepared
from mmlib.errors import ParameterError

LAYOUT = 1  # raise when the same options would write other content
SAMPLE_RATE = 8000  # Hz
SAMPLES = 3840  # 0.48 s
FRAMES, SIDE = 3, 32
GAIN = 1.0  # strength of a component is exp(GAIN * latent)
WEIGHTS = {"visual": 1.0, "audio": 1.0}  # a, b
SHARES = {"train": 0.6, "validation": 0.15, "test": 0.25}
CHUNK = 256
WAVEFORM, PICTURES = (np.int16, 0, 32767), (np.uint8, 128, 127)  # stored as, around, and how far from there


def prepare_folder(folder: Path, root: Path | None, options: dict[str, Any], inputs_hash: str) -> Path:
    """Generate and write the prepared folder. Raises `ParameterError` for an option out of range."""
    _check(options)
    rng = np.random.default_rng(options["seed"])
    labels, latents, informative = draw_latents(
        rng, options["samples"], options["classes"], options["correlation"], options["uninformative"]
    )
    waveform = render_audio(rng, latents["audio"], options["audio_snr_db"])
    frames = render_frames(rng, latents["visual"], options["visual_snr_db"])
    count = options["samples"]
    split = np.repeat(list(SHARES), _split_sizes(count))  # rows are exchangeable, so consecutive blocks will do
    return write_prepared(
        folder,
        dataset="synthetic",
        classes=[f"class {k}" for k in range(options["classes"])],
        index={
            "id": [f"{i:06d}" for i in range(count)],
            "label": labels,
            "split": split,
            "group": [f"{i:06d}" for i in range(count)],
            "audio_informative": informative["audio"],
            "visual_informative": informative["visual"],
        },
        arrays={
            "waveform": waveform,
            "frames": frames,
            "latent_audio": latents["audio"].astype(np.float32),
            "latent_visual": latents["visual"].astype(np.float32),
        },
        source={"generator": "mmlib.data.synthetic", "layout": LAYOUT, "sample_rate": SAMPLE_RATE, **options},
        truth=_truth(options, labels, latents, informative),
        replace=True,
    )


def _check(options: dict[str, Any]) -> None:
    limits = {
        "classes": (2, 12),
        "samples": (20, 1_000_000),
        "uninformative": (0.0, 1.0),
        "correlation": (0.0, 1.0),
        "audio_snr_db": (-60.0, 60.0),
        "visual_snr_db": (-60.0, 60.0),
    }
    for name, (low, high) in limits.items():
        if not low <= options[name] <= high:
            raise ParameterError(f"synthetic {name} is {options[name]}: it must lie between {low} and {high}.")


def _split_sizes(count: int) -> list[int]:
    edges = np.rint(np.cumsum([0.0, *SHARES.values()]) * count).astype(int)
    return np.diff(edges).tolist()


def draw_latents(
    rng: np.random.Generator, count: int, classes: int, correlation: float, uninformative: float
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Labels (N,), latents by modality (N, K) as rendered, and which are informative (N,) bool."""
    visual = rng.standard_normal((count, classes))  # z1
    audio = correlation * visual + np.sqrt(1 - correlation**2) * rng.standard_normal((count, classes))  # z2
    labels = np.argmax(WEIGHTS["visual"] * visual + WEIGHTS["audio"] * audio, axis=1)
    chosen = rng.permutation(count)[: round(uninformative * count)]
    informative = {"visual": np.ones(count, bool), "audio": np.ones(count, bool)}
    informative["visual"][chosen[::2]] = False
    informative["audio"][chosen[1::2]] = False
    latents = {"visual": visual, "audio": audio}
    for name, latent in latents.items():
        replaced = ~informative[name]
        latent[replaced] = rng.standard_normal((int(replaced.sum()), classes))
    return labels, latents, informative


def render_audio(rng: np.random.Generator, latent: np.ndarray, snr_db: float) -> np.ndarray:
    """Waveforms (N, SAMPLES) int16: per latent a sawtooth-swept tone in its own band, phases random, plus noise."""
    signal = audio_signal(latent, draw_sweeps(rng, *latent.shape))
    return quantised(_noisy(rng, signal, snr_db), *WAVEFORM)


def draw_sweeps(rng: np.random.Generator, count: int, classes: int) -> np.ndarray:
    """Where in its sweep each tone of each sample starts, and at which phase: (2, N, K), shares of a period."""
    sizes = [min(CHUNK, count - start) for start in range(0, count, CHUNK)]
    return np.concatenate([np.stack([rng.random((2, n)) for _ in range(classes)], axis=2) for n in sizes], axis=1)


def audio_signal(latent: np.ndarray, sweeps: np.ndarray) -> np.ndarray:
    """Waveforms (n, SAMPLES) float32 without noise, of latents (n, K) and their `sweeps` (2, n, K)."""
    count, classes = latent.shape
    centres = np.geomspace(500, 3200, classes)  # Hz
    slopes = np.linspace(-1, 1, classes) * 8000 + 500  # Hz per second; the sign and size of the sweep mark the class
    time = np.arange(SAMPLES) / SAMPLE_RATE
    signal = np.zeros((count, SAMPLES), np.float32)
    for start in range(0, count, CHUNK):
        rows = slice(start, start + CHUNK)
        for k in range(classes):
            onset, phase = sweeps[:, rows, k : k + 1]
            period = (time + onset * 0.06) % 0.06 - 0.03  # a sweep every 60 ms, starting anywhere
            cycles = centres[k] * period + 0.5 * slopes[k] * period**2 + phase
            signal[rows] += np.exp(GAIN * latent[rows, k : k + 1]) * np.cos(2 * np.pi * cycles)
    return signal


def render_frames(rng: np.random.Generator, latent: np.ndarray, snr_db: float) -> np.ndarray:
    """Frames (N, FRAMES, SIDE, SIDE) uint8: per latent a drifting grating of its own orientation, plus noise."""
    signal = frame_signal(latent, draw_drifts(rng, *latent.shape))
    return quantised(_noisy(rng, signal, snr_db), *PICTURES)


def draw_drifts(rng: np.random.Generator, count: int, classes: int) -> np.ndarray:
    """At which phase each grating of each sample starts and how far it drifts: (2, N, K) float32, radians."""
    drawn = [rng.random((2, count)).astype(np.float32) * 2 * np.pi for _ in range(classes)]
    return np.stack(drawn, axis=2)


def frame_signal(latent: np.ndarray, drifts: np.ndarray) -> np.ndarray:
    """Frames (n, FRAMES, SIDE, SIDE) float32 without noise, of latents (n, K) and their `drifts` (2, n, K)."""
    count, classes = latent.shape
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    signal = np.zeros((count, FRAMES, SIDE, SIDE), np.float32)
    step = np.arange(FRAMES, dtype=np.float32)[:, None, None]
    for k in range(classes):
        angle = np.pi * k / classes
        across = 2 * np.pi / 6 * (np.cos(angle) * x + np.sin(angle) * y)  # six pixels per cycle
        phase, drift = drifts[:, :, k, None, None, None]
        strength = np.exp(GAIN * latent[:, k]).astype(np.float32)[:, None, None, None]
        signal += strength * np.cos(across + phase + (drift - np.pi) / 2 * step)  # (N, T, H, W)
    return signal


def _noisy(rng: np.random.Generator, signal: np.ndarray, snr_db: float) -> np.ndarray:
    """Add white noise `snr_db` below the mean power of the whole set, so that its level betrays no sample."""
    deviation = np.sqrt(np.mean(np.square(signal, dtype=np.float64)) * 10 ** (-snr_db / 10))
    return signal + np.float32(deviation) * draw_noise(rng, signal.shape)


def draw_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """White noise of variance one, float32: the last that is drawn for a modality."""
    return rng.standard_normal(shape, dtype=np.float32)


def pass_over_noise(rng: np.random.Generator, count: int) -> None:
    """Leave the generator as `draw_noise` of so many values does, without their room."""
    buffer = np.empty(1 << 16, np.float32)
    for start in range(0, count, len(buffer)):
        rng.standard_normal(out=buffer[: count - start], dtype=np.float32)


def quantised(values: np.ndarray, dtype: type, centre: int, reach: int, deviation: float | None = None) -> np.ndarray:
    """One scale for the whole set: six deviations, the values' own unless given, fill the range; more is clipped."""
    scaled = values * np.float32(reach / (6 * (values.std() if deviation is None else deviation))) + centre
    limits = np.iinfo(dtype)
    return np.clip(np.rint(scaled), limits.min, limits.max).astype(dtype)


def _truth(
    options: dict[str, Any],
    labels: np.ndarray,
    latents: dict[str, np.ndarray],
    informative: dict[str, np.ndarray],
) -> dict[str, Any]:
    both = WEIGHTS["visual"] * latents["visual"] + WEIGHTS["audio"] * latents["audio"]
    uninformative = {name: int(np.sum(~flags)) for name, flags in informative.items()}
    share = sum(uninformative.values()) / len(labels)
    guesses = {"audio": latents["audio"], "visual": latents["visual"], "both": both}
    return {
        "correlation": options["correlation"],
        "hgr_latents": options["correlation"],
        "hgr": (1 - share) * options["correlation"],
        "hgr_note": "without noise; the noise at the given SNR can only lower it",
        "uninformative": uninformative,
        "uninformative_share": share,
        "label_weights": WEIGHTS,
        "snr_db": {"audio": options["audio_snr_db"], "visual": options["visual_snr_db"]},
        "accuracy_of_latents": {name: float(np.mean(np.argmax(z, axis=1) == labels)) for name, z in guesses.items()},
    }
