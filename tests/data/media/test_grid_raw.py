"""The 25 real clips of `grid_raw` (MPEG-1, 25 frames per second, 44.1 kHz sound) under every preset."""

from types import SimpleNamespace

import numpy as np
import pytest

from mmlib.data.assembly import build_views
from mmlib.data.media.decode import decode_clip
from mmlib.data.media.prepare import Options, prepare_media
from mmlib.data.media.presets import PRESETS
from mmlib.data.media.reasons import SkippedClip
from mmlib.data.media.source import Clip, MediaSource
from mmlib.data.prepared import open_prepared

SHOWN = {  # spectrogram, pictures of one clip; frames stored
    "ogm_head": ((1, 257, 188), (3, 1, 224, 224), 3),
    "ogm_early": ((1, 257, 1004), (3, 1, 224, 224), 3),
    "iemf": ((1, 257, 188), (3, 1, 224, 224), 3),
    "iemf_kinetics": ((1, 257, 188), (3, 3, 224, 224), 10),
    "iemf_urbansound": ((1, 128, 128), (3, 1, 128, 128), 1),
    "ks_fbank": ((1, 1024, 128), (3, 3, 224, 224), 10),
    "val_kinetics": ((1, 1024, 128), (3, 3, 224, 224), 3),
}


@pytest.fixture(scope="module")
def videos(data_root):
    paths = sorted((data_root / "grid_raw" / "video").glob("*.mpg"))
    if len(paths) != 25:
        pytest.skip(f"grid_raw has {len(paths)} clips here, not 25")
    return paths


@pytest.mark.parametrize("name", SHOWN)
def test_every_clip_is_prepared_and_shown(videos, tmp_path, name):
    clips = [Clip(path.stem, k % 2, "train", "s1", path, path) for k, path in enumerate(videos)]
    source = MediaSource("folder", ["even", "odd"], clips, name)
    prepared = open_prepared(prepare_media(source, tmp_path / "folder", Options(2)), verify=True)
    assert prepared.manifest["skipped"] == []
    index = prepared.index
    assert set(index["frames_decoded"]) == {75}
    assert set(index["sound_samples"]) == {131_328}
    assert set(index["sound_rate"]) == {44_100}
    assert set(index["frame_rate"]) == {25.0}
    assert set(zip(index["height"], index["width"], strict=True)) == {(288, 360)}
    assert set(index["frames"]) == {SHOWN[name][2]}
    request = PRESETS[name].request
    at_rate = 131_328 * request.sound.rate / 44_100  # about, by the resampler's rounding
    expected = min(request.sound.samples, (3 if request.sound.fit == "tile3" else 1) * at_rate)
    assert np.abs(index["samples"] - expected).max() <= 3
    parameters = SimpleNamespace(frame_pick="first", frames=None, spectrogram="", test_crop="center")
    for training in (False, True):
        views = build_views(prepared, parameters, training)
        audio, visual = (views[m](np.arange(2), None) for m in ("audio", "visual"))
        assert (tuple(audio.shape[1:]), tuple(visual.shape[1:])) == SHOWN[name][:2]
        assert audio.isfinite().all()


def test_three_seconds_are_too_short_for_vggsound(videos):
    with pytest.raises(SkippedClip, match="too short: .*3 frames, the preset needs 4"):
        decode_clip(Clip("a", 0, "train", "", videos[0], videos[0]), PRESETS["vggsound"].request)


def test_sound_agrees_with_the_data_set_made_from_the_same_clips(videos, data_root):
    """`grid_s1` holds the sound of these clips at 16 kHz, made with other tools and compressed: nearly the same."""
    import soundfile

    for path in videos[:3]:
        other, rate = soundfile.read(data_root / "grid_s1" / "audio16k" / f"{path.stem}.ogg", dtype="float32")
        ours = decode_clip(Clip("a", 0, "train", "", path, path), PRESETS["ks_fbank"].request).sound
        assert rate == 16_000
        length = min(len(other), 47_600)
        middle = ours[1000 : length - 1000]
        shifts = [np.corrcoef(middle, other[1000 + s : 1000 + s + len(middle)])[0, 1] for s in range(-40, 41)]
        assert max(shifts) > 0.95
