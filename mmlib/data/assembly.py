"""Which views each dataset is seen through: the one place that knows a dataset's arrays and its preset by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmlib.data.media.presets import PRESETS, MediaPreset
from mmlib.data.photographs import PhotoView
from mmlib.data.prepared import Prepared
from mmlib.data.prepared_check import ITEM
from mmlib.data.spectrogram import SpectrogramPreset, find_preset
from mmlib.data.transforms import IMAGENET_DEVIATION, IMAGENET_MEAN
from mmlib.data.two_streams import FlowSegments, PictureSegments
from mmlib.data.views import AudioView, FeatureView, FrameView, ItemView, PictureView, TokenView, View
from mmlib.errors import DataError, ParameterError

DEFAULT_PRESETS = {
    "synthetic": "synthetic",
    "grid_words": "grid_words",
    "av_digits": "av_digits",
    "cremad": "ogm_head",
    "vggsound": "vggsound",
}
# How published data sets are shown whose folder does not say by which preset it was made.
MEDIA_PRESETS = {"cremad": "ogm_head", "vggsound": "vggsound"}
# What `spectrogram = iemf` means where it is not the preset of that name, and the preset of media it needs.
IEMF_SPECTROGRAMS = {"urbansound8k_av": "iemf_urbansound"}
IEMF_MEDIA = {"urbansound8k_av": "iemf_urbansound", "kinetics_sounds": "iemf_kinetics"}
STORED_VIEWS = {"features": FeatureView, "tokens": TokenView, "pictures": PictureView}


def build_views(prepared: Prepared, parameters: Any, training: bool) -> dict[str, View]:
    """Views of a prepared dataset for `parameters`, by modality; `training` turns augmentation on.

    A folder whose source names its `modalities` is shown as it is stored; others hold sound and pictures, shown as
    audio and visual. Raises `DataError`.
    """
    stored = prepared.manifest["source"].get("modalities")
    if stored is not None:
        return {name: _stored_view(prepared, name, kind) for name, kind in stored.items()}
    if prepared.dataset == "ucf101":
        pictures = {"mean": IMAGENET_MEAN, "deviation": IMAGENET_DEVIATION, "training": training}
        visual = PictureSegments(prepared.arrays["frames"], **pictures)
        return {"visual": visual, "flow": FlowSegments(prepared.arrays["flow"], training=training)}
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
        lengths=prepared.beside("waveform", "samples"),
    )
    return _sound_and_pictures(prepared, audio, FrameView(prepared.arrays["frames"]))


def _stored_view(prepared: Prepared, name: str, kind: str) -> View:
    if name not in prepared.arrays or kind not in STORED_VIEWS:
        raise DataError(
            f"{prepared.folder}: its source says that {name!r} is shown as {kind!r}. Prepare the data again with "
            f"modalities among the arrays ({', '.join(prepared.arrays)}), each one of {', '.join(STORED_VIEWS)}."
        )
    return _by_row(prepared, name, STORED_VIEWS[kind](prepared.arrays[name]))


def _by_row(prepared: Prepared, array: str, view: View) -> View:
    """The view, through the items that rows share where the array has a row for each item."""
    return ItemView(view, prepared.index[ITEM]) if prepared.by_item(array) else view


def _sound_and_pictures(prepared: Prepared, audio: View, visual: View) -> dict[str, View]:
    return {"audio": _by_row(prepared, "waveform", audio), "visual": _by_row(prepared, "frames", visual)}


def media_preset(prepared: Prepared) -> MediaPreset | None:
    """The preset a folder of media was made by; None for a folder that holds none."""
    name = prepared.manifest["source"].get("preset") or MEDIA_PRESETS.get(prepared.dataset)
    return PRESETS.get(name)


def _spectrogram(parameters: Any, default: str) -> SpectrogramPreset:
    return find_preset(getattr(parameters, "spectrogram", "") or default)


def _media_views(prepared: Prepared, parameters: Any, training: bool, shown: MediaPreset, rate: int) -> dict[str, View]:
    """What was recorded, at full shape, with the transforms of the published loaders."""
    waveform = prepared.arrays["waveform"]
    audio = AudioView(
        waveform,
        rate,
        _media_spectrogram(prepared, parameters, shown),
        training=training,
        lengths=prepared.beside("waveform", "samples"),
        crop=shown.crop if shown.crop and shown.crop < waveform.shape[1] else None,
        crop_at=parameters.test_crop if shown.crop else "center",
    )
    height, width = (prepared.beside("frames", side) for side in ("height", "width"))
    frames, pick = getattr(parameters, "frames", None), parameters.frame_pick
    valid = prepared.beside("frames", "frames")
    if pick == "middle":
        _check_middle(prepared, frames or shown.frames_shown, valid)
    visual = PhotoView(
        prepared.arrays["frames"],
        training=training,
        frames=frames or shown.frames_shown,
        pick=shown.shown if shown.shown and pick == "first" and frames is None else pick,
        mean=IMAGENET_MEAN,
        deviation=IMAGENET_DEVIATION,
        size=getattr(parameters, "image_size", None) or shown.image_size,
        valid=valid,
        sizes=None if height is None else np.stack([height, width], axis=1),
        test_share=shown.image_size / shown.test_resize if shown.test_resize else None,
        frozen_copies=getattr(parameters, "frozen_copies", 0),
        resize=getattr(parameters, "resize", "exact"),
    )
    return _sound_and_pictures(prepared, audio, visual)


def _media_spectrogram(prepared: Prepared, parameters: Any, shown: MediaPreset) -> SpectrogramPreset:
    """The spectrogram asked for, else the preset's own. IEMF's needs the sound that IEMF's presets store."""
    if getattr(parameters, "spectrogram", "") != "iemf":
        return _spectrogram(parameters, shown.spectrogram)
    needed = PRESETS[IEMF_MEDIA.get(prepared.dataset, "iemf")]
    sound, stored = needed.request.sound, shown.request.sound
    if (stored.rate, stored.samples, stored.fit) != (sound.rate, sound.samples, sound.fit):
        raise DataError(
            f"{prepared.folder} was prepared as {shown.name}: {stored.samples:,} samples at {stored.rate:,} Hz. "
            f"spectrogram = 'iemf' is made of {sound.samples:,} at {sound.rate:,} Hz: prepare {prepared.dataset} into "
            f"another folder with --set preset={needed.name}, or leave spectrogram empty."
        )
    return find_preset(IEMF_SPECTROGRAMS.get(prepared.dataset, "iemf"))


def _check_middle(prepared: Prepared, frames: int, valid: np.ndarray | None) -> None:
    """Raise where there is no middle frame to choose."""
    if frames != 1:
        raise ParameterError(f"frame_pick = 'middle' shows one frame of a clip; frames is {frames}: set frames = 1.")
    most = prepared.arrays["frames"].shape[1] if valid is None else int(valid.max(initial=0))
    if most < 2:
        raise DataError(
            f"{prepared.folder} holds one frame of each clip, so frame_pick = 'middle' would show the first. Prepare "
            f"{prepared.dataset} from its videos with a preset that stores several, or use frame_pick = 'first'."
        )
