"""Parameters of the data of event localisation, for `mmlib.data.ave.load_segments`. Torch is not loaded here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mmlib.experiments.settings import Count, DataSettings, NotNegative, about


class SegmentDataSettings(DataSettings):
    """Which clips with ten labelled segments, under which supervision."""

    dataset: Literal["synthetic_ave", "grid_digits", "ave"] = about(
        "synthetic_ave", "data set; synthetic_ave is generated and needs nothing"
    )
    supervision: Literal["full", "weak"] = about("full", "labels of training: every segment's, or the clip's only")
    clip_target: Literal["mil", "prob"] = about(
        "mil", "weak: the clip's class, or the share of segments per class (tells how long the event lasts)"
    )
    background_clips: bool = about(True, "weak: add the background-only clips to train, where the data set has them")
    feature_storage: Literal["float16", "float32"] = about("float16", "number format of the prepared visual features")
    grid_noise: NotNegative = about(0.0, "grid_digits: white noise on the sound, its RMS relative to the sound's own")
    synthetic_clips: Annotated[int, Field(ge=12)] = about(480, "synthetic_ave: clips in all splits together")
    synthetic_classes: Annotated[int, Field(ge=4, le=28, multiple_of=2)] = about(8, "synthetic_ave: events that occur")
    synthetic_audio_features: Count = about(32, "synthetic_ave: length of an audio feature")
    synthetic_visual_features: Count = about(64, "synthetic_ave: channels of a visual map")
    synthetic_map: Annotated[int, Field(ge=3)] = about(7, "synthetic_ave: side of a visual map, cells")
    synthetic_snr_audio: NotNegative = about(0.6, "synthetic_ave: strength of the event in the audio")
    synthetic_snr_visual: NotNegative = about(0.5, "synthetic_ave: strength of the event in the map")
    synthetic_noise: NotNegative = about(0.5, "synthetic_ave: standard deviation of the noise")
