"""How published code feeds a step, written from its description: encoded files, decoded and augmented one by one.

For benchmarks. Two ways: OGM-GE's reads every wav and computes its spectrogram when a sample is asked for, a toolkit's
(BalanceBenchmark) reads a spectrogram that was stored. Both decode JPEG frames with Pillow and augment each with
torchvision: random resized crop, flip, normalise. The wavs have the network's sample rate already, so that nothing is
resampled: the real files take longer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision import transforms

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RATE, SECONDS, N_FFT, HOP = 22_050, 3, 512, 353
HEIGHT, WIDTH = 360, 480  # of CREMA-D's videos


def write_clips(folder: Path, clips: int, frames: int = 3) -> None:
    """`{clip}.wav` (2.5 s), `{clip}_{frame}.jpg` and `{clip}.npy`, smooth pictures whose JPEGs have a usual size."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for clip in range(clips):
        sound = rng.normal(0, 0.1, int(2.5 * RATE)).astype(np.float32)
        soundfile.write(folder / f"{clip}.wav", sound, RATE, subtype="PCM_16")
        np.save(folder / f"{clip}.npy", spectrogram_of(sound))
        for frame in range(frames):
            coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
            coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(folder / f"{clip}_{frame}.jpg", quality=95)


def spectrogram_of(sound: np.ndarray) -> np.ndarray:
    """Three times over, 3 s, clipped, ln |STFT|: (257, 188)."""
    tiled = np.clip(np.tile(sound, 3)[: RATE * SECONDS], -1, 1)
    window = torch.hann_window(N_FFT)
    values = torch.stft(torch.from_numpy(tiled), N_FFT, HOP, window=window, pad_mode="reflect", return_complex=True)
    return np.log(np.abs(values.numpy()) + 1e-7)


class PublishedDataset(Dataset):
    """Samples (spectrogram (1, 257, 188), frames (3, T, 224, 224), label).

    Args:
        folder: of `write_clips`. frames: T.
        stored_spectrograms: read them instead of computing them.
    """

    def __init__(self, folder: Path, clips: int, frames: int, stored_spectrograms: bool = False) -> None:
        self.folder, self.clips, self.frames, self.stored = folder, clips, frames, stored_spectrograms
        self.augment = transforms.Compose(
            [
                transforms.RandomResizedCrop(224),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, DEVIATION),
            ]
        )

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, clip: int) -> tuple[torch.Tensor, torch.Tensor, int]:
        if self.stored:
            values = np.load(self.folder / f"{clip}.npy")
        else:
            sound, _ = soundfile.read(self.folder / f"{clip}.wav", dtype="float32")
            values = spectrogram_of(sound)
        shown = []
        for frame in range(self.frames):
            image = Image.open(self.folder / f"{clip}_{frame}.jpg").convert("RGB")
            shown.append(self.augment(image).unsqueeze(1))  # (3, 1, 224, 224)
        return torch.from_numpy(values).unsqueeze(0), torch.cat(shown, dim=1), clip % 6


def prepared_clips(folder: Path, clips: int, frames: int = 3) -> Path:
    """The same clips as `mmlib data prepare` leaves them: int16 sound of 3 s, 256 x 256 bytes."""
    from mmlib.data.prepared import PreparedWriter

    rng = np.random.default_rng(0)
    with PreparedWriter(folder, dataset="cremad", classes=["NEU", "HAP", "SAD", "FEA", "DIS", "ANG"]) as writer:
        sound = writer.array("waveform", (clips, RATE * SECONDS), np.int16)
        pictures = writer.array("frames", (clips, frames, 256, 256, 3), np.uint8)
        for clip in range(clips):
            sound[clip] = rng.normal(0, 3000, RATE * SECONDS)
            for frame in range(frames):
                coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
                pictures[clip, frame] = np.asarray(coarse.resize((256, 256), Image.Resampling.BICUBIC))
        names = [f"c{clip}" for clip in range(clips)]
        index = {
            "id": names,
            "label": [clip % 6 for clip in range(clips)],
            "split": ["train"] * clips,
            "group": names,
            "frames": [frames] * clips,
            "height": [HEIGHT] * clips,
            "width": [WIDTH] * clips,
        }
        return writer.finish(index=index, source={"preset": "ogm_head", "sample_rate": RATE}, truth={"generated": True})
