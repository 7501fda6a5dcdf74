"""Which views each dataset is seen through: the one place that knows a dataset's arrays and its preset by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmlib.data.media.presets import PRESETS, MediaPreset
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
# How published data sets are shown whose folder does not say by which preset it was made.
MEDIA_PRESETS = {"cremad": "ogm_head", "vggsound": "vggsound"}


def build_views(prepared: Prepared, parameters: Any, training: bool) -> dict[str, View]:
    """Audio and visual views of a prepared dataset for `parameters`; `training` turns augmentation on."""
    rate = int(prepared.manifest["source"]["sample_rate"])
    shown = media_preset(prepared)
    if shown is not None:
        return _media_views(prepared, parameters, training, shown, rate)
    audio = AudioView(
        prepared.arrays["waveform"],
        rate,
        _spectrogram(parameters, DEFAULT_PRESETS[prepared.dataset]),
        training=training,
        snr_db=parameters.audio_snr_db,
        lengths=prepared.index.get("samples"),
    )
    return {"audio": audio, "visual": FrameView(prepared.arrays["frames"])}


def media_preset(prepared: Prepared) -> MediaPreset | None:
    """The preset a folder of media was made by; None for a folder that holds none."""
    name = prepared.manifest["source"].get("preset") or MEDIA_PRESETS.get(prepared.dataset)
    return PRESETS.get(name)


def _spectrogram(parameters: Any, default: str) -> SpectrogramPreset:
    return find_preset(getattr(parameters, "spectrogram", "") or default)


def _media_views(prepared: Prepared, parameters: Any, training: bool, shown: MediaPreset, rate: int) -> dict[str, View]:
    """What was recorded, at full shape, with the transforms of the published loaders."""
    waveform, index = prepared.arrays["waveform"], prepared.index
    audio = AudioView(
        waveform,
        rate,
        _spectrogram(parameters, shown.spectrogram),
        training=training,
        lengths=index.get("samples"),
        crop=shown.crop if shown.crop and shown.crop < waveform.shape[1] else None,
        crop_at=parameters.test_crop if shown.crop else "center",
    )
    frames, pick = getattr(parameters, "frames", None), parameters.frame_pick
    visual = PhotoView(
        prepared.arrays["frames"],
        training=training,
        frames=frames or shown.frames_shown,
        pick=shown.shown if shown.shown and pick == "first" and frames is None else pick,
        mean=IMAGENET_MEAN,
        deviation=IMAGENET_DEVIATION,
        size=shown.image_size,
        valid=index.get("frames"),
        sizes=np.stack([index["height"], index["width"]], axis=1) if "height" in index else None,
        test_share=shown.image_size / shown.test_resize if shown.test_resize else None,
    )
    return {"audio": audio, "visual": visual}
