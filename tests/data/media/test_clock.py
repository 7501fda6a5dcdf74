"""Sound and pictures of a clip have one clock: late sound, gaps, and ordinary clips that keep every sample."""

from __future__ import annotations

import av
import numpy as np
import pytest
from media_files import CODECS, beep, onsets, tone, write_pieces, write_video, write_wav

from mmlib.data.media.clock import LONGEST_GAP, TOLERANCE, Clock, lines, noted
from mmlib.data.media.decode import decode_clip
from mmlib.data.media.pictures import decode_pictures
from mmlib.data.media.prepare import Options, prepare_media
from mmlib.data.media.registered import summary
from mmlib.data.media.sound import decode_sound
from mmlib.data.media.source import Clip, ClipRequest, FrameRequest, MediaSource, SoundRequest
from mmlib.data.prepared import open_prepared

RATE = 16_000
PLAIN = SoundRequest(RATE, 10 * RATE, "zeros", "sinc_hann")
WAV = SoundRequest(RATE, 10 * RATE, "zeros", "ffmpeg")
KINDS = [".mp4", ".mkv", ".avi", ".flv", ".mpg"]


@pytest.mark.parametrize("request_", [PLAIN, WAV], ids=["resampled at once", "through ffmpeg"])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_beep_at_two_seconds_lands_at_two_seconds(tmp_path, suffix, request_):
    path = write_pieces(tmp_path / f"late{suffix}", [(2.0, beep())])
    sound = decode_sound(path, request_)
    (start,) = onsets(sound.samples)
    assert start == pytest.approx(2.0, abs=0.025 if suffix == ".mp4" else 0.002)  # aac begins softly
    assert sound.placement.late_s == pytest.approx(2.0, abs=0.03)
    assert (sound.placement.gaps, sound.placement.jumps) == (0, 0)
    assert len(sound.samples) == pytest.approx(2.2 * RATE, abs=0.05 * RATE)


@pytest.mark.parametrize("request_", [PLAIN, WAV], ids=["resampled at once", "through ffmpeg"])
def test_gaps_are_filled_with_silence_of_their_length(tmp_path, request_):
    path = write_pieces(tmp_path / "gaps.mkv", [(0.0, beep()), (1.0, beep()), (2.5, beep(0.5))])
    sound = decode_sound(path, request_)
    assert onsets(sound.samples) == pytest.approx([0.0, 1.0, 2.5], abs=0.002)
    assert sound.placement.gaps == 2
    assert sound.placement.gap_s == pytest.approx(0.8 + 1.3, abs=0.003)
    assert sound.placement.late_s == 0
    assert len(sound.samples) == pytest.approx(3.0 * RATE, abs=4)
    between = sound.samples[round(0.25 * RATE) : round(0.95 * RATE)]
    assert np.abs(between).max() == 0 or np.abs(between).max() < 1e-4
    assert sound.decoded == round(0.9 * 48_000), "silence is no decoded sound"


@pytest.mark.parametrize(
    ("window", "expected"), [((1.5, 3.5), 0.5), ((2.0, None), 0.0), ((0.0, 2.1), 2.0), ((1.9, 2.05), 0.1)]
)
def test_a_window_is_cut_on_the_clock_of_the_pictures(tmp_path, window, expected):
    path = write_pieces(tmp_path / "late.mkv", [(2.0, beep())])
    sound = decode_sound(path, PLAIN, *window)
    assert onsets(sound.samples)[0] == pytest.approx(expected, abs=0.002)
    rows = decode_pictures(path, FrameRequest("first", 1, (12, 16)), *window)
    grey = rows.frames[0].mean()
    assert grey == pytest.approx(20 + 2 * round(window[0] * 25), abs=4)


def test_a_window_before_late_sound_is_silent(tmp_path):
    path = write_pieces(tmp_path / "late.mkv", [(2.0, beep())])
    sound = decode_sound(path, PLAIN, 0.5, 1.5)
    assert len(sound.samples) == RATE
    assert not sound.samples.any()


def test_sound_alone_begins_where_it_begins(tmp_path):
    """Without pictures the container begins with the sound: nothing stands before it."""
    path = write_pieces(tmp_path / "alone.mkv", [(2.0, beep())], video=False)
    sound = decode_sound(path, PLAIN)
    assert onsets(sound.samples) == pytest.approx([0.0], abs=0.002)
    assert sound.placement.columns() == {}


def by_counting(path, request, window=(0.0, None)):
    """The sound as it was decoded before there was a clock: every sample after the other, mono at its own rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        stream.thread_type = "NONE"
        resampler = av.AudioResampler("s16", "mono", RATE) if request.resampling == "ffmpeg" else None
        rate, pieces = RATE if resampler else stream.sample_rate, []
        for frame in container.decode(stream):
            if resampler is None:
                values = frame.to_ndarray()
                values = values if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels).T
                scale = 32768.0 if values.dtype == np.int16 else 1.0
                pieces.append((values / scale).astype(np.float32).mean(axis=0, dtype=np.float32))
            else:
                pieces += [part.to_ndarray()[0] / 32768 for part in resampler.resample(frame)]
        if resampler is not None:
            pieces += [part.to_ndarray()[0] / 32768 for part in resampler.resample(None)]
    samples = np.concatenate(pieces).astype(np.float32)
    return samples[round(window[0] * rate) : None if window[1] is None else round(window[1] * rate)], rate


@pytest.mark.parametrize("suffix", [*KINDS, ".wav"])
@pytest.mark.parametrize("window", [(0.0, None), (0.5, 1.5)], ids=["whole", "window"])
def test_ordinary_clips_keep_every_sample(tmp_path, suffix, window):
    path = tmp_path / f"plain{suffix}"
    if suffix == ".wav":
        write_wav(path, tone(90_000, 44_100), 44_100)
    else:
        write_video(path, frames=100, audio_rate=44_100 if suffix in CODECS else 48_000)
    for request in (WAV, SoundRequest(44_100, 10 * 44_100, "zeros")):  # the second at its own rate: not resampled
        expected, rate = by_counting(path, request, window)
        sound = decode_sound(path, request, *window)
        assert sound.placement.columns() == {}
        assert sound.rate == rate
        np.testing.assert_array_equal(sound.samples, expected)


def test_every_grid_clip_keeps_every_sample(data_root):
    paths = sorted((data_root / "grid_raw" / "video").glob("*.mpg"))[:5]
    for path in paths:
        sound = decode_sound(path, WAV)
        np.testing.assert_array_equal(sound.samples, by_counting(path, WAV)[0])
        assert sound.placement.columns() == {}


def placed(times, samples=1000, rate=1000):
    clock = Clock(rate)
    return [clock.place(time, samples) for time in times], clock.placement


@pytest.mark.parametrize(
    ("times", "places", "found"),
    [
        ([0, 1, 2], [None] * 3, {}),
        ([None, None], [None] * 2, {}),
        ([0.04, 1.04, 2.04], [None] * 3, {}),  # within the tolerance, all along
        ([2, 3, 4], [2000, None, None], {"sound_late_s": 2.0}),
        ([0, 1, 2.5, 3.5], [None, None, 2500, None], {"sound_gaps": 1, "sound_gap_s": 0.5}),
        ([0.04, 1.5], [None, 1500], {"sound_gaps": 1, "sound_gap_s": 0.5}),  # exact where silence was put
        ([0, 1.04, 2.08], [None, None, 2080], {"sound_gaps": 1, "sound_gap_s": 0.08}),  # slow drift adds up
        ([5, 6, 0, 1, 2], [5000, None, None, None, None], {"sound_late_s": 5.0, "sound_jumps": 1}),
        ([0, 0.5, 1.5, 3.0], [None, None, None, 3500], {"sound_jumps": 1, "sound_gaps": 1, "sound_gap_s": 0.5}),
        ([0, 1e6, 1e6 + 1], [None] * 3, {"sound_jumps": 1}),
        ([1e6, 1e6 + 1, 1e6 + 3], [None, None, 3000], {"sound_jumps": 1, "sound_gaps": 1, "sound_gap_s": 1.0}),
        ([None, 7.0, 8.0, 10.0], [None, None, None, 10000], {"sound_gaps": 1, "sound_gap_s": 7.0}),
    ],
)
def test_what_time_stamps_mean(times, places, found):
    got, placement = placed(times)
    assert got == places
    assert placement.columns() == found


def test_bounds_of_the_clock():
    assert 0.04 < TOLERANCE < 0.1
    assert placed([0, 1 + LONGEST_GAP + 1])[1].columns() == {"sound_jumps": 1}
    assert Clock(1000).place(3.0, 0) is None, "an empty frame says nothing"


def test_a_preparation_counts_and_names_what_it_placed(tmp_path):
    write_pieces(tmp_path / "late.mkv", [(2.0, beep())])
    write_pieces(tmp_path / "gap.mkv", [(0.0, beep()), (1.0, beep())])
    write_pieces(tmp_path / "plain.mkv", [(0.0, beep())])
    clips = [Clip(p.stem, 0, "train", p.stem, p, p) for p in sorted(tmp_path.glob("*.mkv"))]
    request = ClipRequest(WAV, FrameRequest("first", 1, (12, 16)))
    folder = prepare_media(MediaSource("tiny", ["one"], clips, "test", request), tmp_path / "out", Options(1))
    prepared = open_prepared(folder, verify=True)
    clock = prepared.manifest["source"]["sound_clock"]
    assert clock == {"late_s": {"late": 2.0}, "gaps": {"gap": 1}, "gap_s": {"gap": pytest.approx(0.8, abs=0.003)}}
    assert prepared.manifest["counts"]["placed_by_time_stamps"] == 2
    said = "\n".join(summary(prepared.manifest))
    assert "1 clips have sound that starts late: silence stands before it (source.sound_clock), such as late" in said
    assert "1 clips have gaps in their sound" in said
    row = dict(zip(prepared.index["id"], prepared.arrays["waveform"], strict=True))
    assert onsets(row["late"]) == pytest.approx([2.0], abs=0.002)
    assert onsets(row["plain"]) == pytest.approx([0.0], abs=0.002)
    alone = prepare_media(MediaSource("tiny", ["one"], clips[2:], "test", request), tmp_path / "alone", Options(1))
    manifest = open_prepared(alone).manifest
    assert "sound_clock" not in manifest["source"], "ordinary clips leave the manifest as it was"
    assert "placed_by_time_stamps" not in manifest["counts"]
    assert set(prepared.index) == set(open_prepared(alone).index)
    assert lines(manifest["source"]) == []


def test_an_ordinary_clip_notes_nothing(tmp_path):
    path = write_video(tmp_path / "plain.mp4")
    decoded = decode_clip(Clip("a", 0, "train", "", path, path), ClipRequest(WAV, None))
    assert noted({"a": decoded.columns}) == {}
