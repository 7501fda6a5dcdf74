"""Which views each dataset is seen through: the one place that knows a dataset's arrays and its preset by name."""

from __future__ import annotations

from typing import Any

from mmlib.data.prepared import Prepared
from mmlib.data.spectrogram import SpectrogramPreset, find_preset
from mmlib.data.transforms import IMAGENET_DEVIATION, IMAGENET_MEAN
from mmlib.data.views import AudioView, FrameView, PhotoView, View

DEFAULT_PRESETS = {
    "synthetic": "synthetic",
    "grid_words": "grid_words",
    "av_digits": "av_digits",
    "cremad": "ogm_head",
    "vggsound": "vggsound",
}
FRAMES_SHOWN = {"cremad": 1, "vggsound": 3}  # what upstream's loaders read
VGGSOUND_CROP = 80_000  # 5 s of 10 s at 16 kHz


def build_views(prepared: Prepared, parameters: Any, training: bool) -> dict[str, View]:
    """Audio and visual views of a prepared dataset for `parameters`; `training` turns augmentation on."""
    preset = find_preset(getattr(parameters, "spectrogram", "") or DEFAULT_PRESETS[prepared.dataset])
    rate = int(prepared.manifest["source"]["sample_rate"])
    if prepared.dataset in FRAMES_SHOWN:
        return _published_views(prepared, parameters, training, preset, rate)
    audio = AudioView(
        prepared.arrays["waveform"],
        rate,
        preset,
        training=training,
        snr_db=parameters.audio_snr_db,
        lengths=prepared.index.get("samples"),
    )
    return {"audio": audio, "visual": FrameView(prepared.arrays["frames"])}


def _published_views(
    prepared: Prepared, parameters: Any, training: bool, preset: SpectrogramPreset, rate: int
) -> dict[str, View]:
    """CREMA-D and VGGSound at full shape, with upstream's transforms."""
    vggsound = prepared.dataset == "vggsound"
    audio = AudioView(
        prepared.arrays["waveform"],
        rate,
        preset,
        training=training,
        crop=VGGSOUND_CROP if vggsound else None,
        crop_at=parameters.test_crop if vggsound else "center",
    )
    visual = PhotoView(
        prepared.arrays["frames"],
        training=training,
        frames=getattr(parameters, "frames", None) or FRAMES_SHOWN[prepared.dataset],
        pick=parameters.frame_pick,
        mean=IMAGENET_MEAN,
        deviation=IMAGENET_DEVIATION,
        valid=prepared.index.get("frames"),
    )
    return {"audio": audio, "visual": visual}
