"""What is stored and shown of every clip, by name: sound, frames, spectrogram, image size. Torch-free.

| preset | published in | sound | spectrogram | frames stored, shown | image |
|---|---|---|---|---|---|
| `ogm_head` | OGM-GE, CREMA-D, current code | 22,050 Hz, three times over, 3 s | 257 x 188 | 1 a second, first | 224 |
| `ogm_early` | OGM-GE, early script | 16 kHz, 10 s | 257 x 1004, standardised | 1 a second, first | 224 |
| `iemf` | IEMF, CREMA-D | 22,050 Hz, three times over, 3 s | 257 x 188, zeros at the edges | 1 a second, first | 224 |
| `iemf_kinetics` | IEMF, Kinetics-Sounds | 16 kHz wav, then as `iemf` | as `iemf` | ten, numbers 1, 4, 7 | 224 |
| `iemf_urbansound` | IEMF, UrbanSound8K-AV | 22,050 Hz, uncut | resized to 128 x 128 | one image | 128 |
| `ks_fbank` | OGM-GE, VAL, Kinetics-Sounds | 16 kHz, 10.24 s, mean removed | 1024 x 128 Kaldi | ten, 1, 4, 7 | 224 |
| `val_kinetics` | VAL, Kinetics-Sounds | as `ks_fbank` | 1024 x 128 Kaldi | 1 a second, one of each third | 224 |
| `vggsound` | OGM-GE, VGGSound | 16 kHz wav, doubled to 10 s, 5 s shown | 129 x 626 | 1 a second, first 3 | 224 |

Published code leaves open, and we choose: how sound is resampled for `ogm_*` (librosa's `kaiser_best`, its default
then), how `ogm_early` fills 10 s (three times over, then zeros), and which frame IEMF's unpublished script took (the
first; three are stored, so that a run can show the middle one).
"""

from __future__ import annotations

from dataclasses import dataclass

from mmlib.data.media.source import ClipRequest, FrameRequest, SoundRequest
from mmlib.errors import ParameterError


@dataclass(frozen=True)
class MediaPreset:
    """`request`: what is stored. `spectrogram`: a name of `mmlib.data.spectrogram.PRESETS`.

    `shown`: places of the stored frames that a network sees, or a rule that picks them (`mmlib.data.views`); None where
    the experiment's `frame_pick` says.
    `image_size`: pixels a side. `crop`: samples shown of the stored sound, where fewer.
    `test_resize`: side to which a test image is resized before its centre is cut; None: straight to `image_size`.
    """

    name: str
    source: str
    request: ClipRequest
    spectrogram: str
    frames_shown: int
    shown: tuple[int, ...] | str | None = None
    image_size: int = 224
    crop: int | None = None
    test_resize: int | None = None


_KINETICS_FRAMES = FrameRequest("ten", 10, minimum=10)
_KINETICS_SOUND = SoundRequest(16_000, 164_080, "zeros", "ffmpeg", subtract_mean=True, dtype="float32")
_CREMAD_SOUND = SoundRequest(22_050, 66_150, "tile3")

PRESETS: dict[str, MediaPreset] = {
    preset.name: preset
    for preset in (
        MediaPreset(
            "ogm_head",
            "OGM-GE, CREMA-D, current code",
            ClipRequest(_CREMAD_SOUND, FrameRequest("every_second", 3)),
            "ogm_head",
            frames_shown=1,
        ),
        MediaPreset(
            "ogm_early",
            "OGM-GE, early script of the repository's history",
            ClipRequest(SoundRequest(16_000, 160_000, "tile3"), FrameRequest("every_second", 3)),
            "ogm_early",
            frames_shown=1,
        ),
        MediaPreset(
            "iemf",
            "IEMF, CREMA-D: one image for a clip",
            ClipRequest(SoundRequest(22_050, 66_150, "tile3", "sinc_hann"), FrameRequest("every_second", 3)),
            "iemf",
            frames_shown=1,
        ),
        MediaPreset(
            "iemf_kinetics",
            "IEMF, Kinetics-Sounds: frames 1, 4 and 7 of ten",
            ClipRequest(SoundRequest(22_050, 66_150, "tile3", "sinc_hann", through_wav=True), _KINETICS_FRAMES),
            "iemf",
            frames_shown=3,
            shown=(1, 4, 7),
        ),
        MediaPreset(
            "iemf_urbansound",
            "IEMF, UrbanSound8K-AV: uncut sound of at most 4 s, spectrogram resized to 128 x 128",
            ClipRequest(SoundRequest(22_050, 88_200, "zeros", "sinc_hann"), FrameRequest("first", 1)),
            "iemf_urbansound",
            frames_shown=1,
            image_size=128,
            test_resize=256,
        ),
        MediaPreset(
            "ks_fbank",
            "OGM-GE, Kinetics-Sounds, process_audio.py (also VAL)",
            ClipRequest(_KINETICS_SOUND, _KINETICS_FRAMES),
            "ks_fbank",
            frames_shown=3,
            shown=(1, 4, 7),
        ),
        MediaPreset(
            "val_kinetics",
            "VAL (sample-level valuation), Kinetics-Sounds and MM-Debiased: one frame of each third",
            ClipRequest(_KINETICS_SOUND, FrameRequest("every_second", 10)),
            "ks_fbank",
            frames_shown=3,
            shown="segments",
        ),
        MediaPreset(
            "vggsound",
            "OGM-GE, VGGSound: a clip needs more than three frames at 1 per second",
            ClipRequest(
                SoundRequest(16_000, 160_000, "double", "ffmpeg", dtype="int16"),
                FrameRequest("every_second", 10, minimum=4),
            ),
            "vggsound",
            frames_shown=3,
            crop=80_000,
        ),
    )
}


def find_media_preset(name: str) -> MediaPreset:
    """The preset called `name`. Raises `ParameterError` naming the known ones."""
    if name not in PRESETS:
        raise ParameterError(f"media preset {name!r} does not exist. Choose one of: {', '.join(PRESETS)}.")
    return PRESETS[name]
