"""Preparing raw media: what is written, what is counted, and that no kill changes a byte of it.

`MMLIB_FAULT_ROUNDS=10` kills ten preparations (2 otherwise).
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from media_files import picture, tone, write_image, write_video, write_wav
from PIL import Image

from mmlib.data.media.prepare import Options, prepare_media
from mmlib.data.media.reasons import Reason
from mmlib.data.media.source import (
    Clip,
    ClipRequest,
    FrameRequest,
    MediaSource,
    SoundRequest,
    mark_duplicates,
    mark_missing,
)
from mmlib.data.prepared import check_prepared, open_prepared
from mmlib.errors import DataError, UsageError

REQUEST = ClipRequest(
    SoundRequest(16_000, 16_000, "zeros", "ffmpeg", dtype="int16"), FrameRequest("uniform", 3, (12, 16))
)
ROUNDS = int(os.environ.get("MMLIB_FAULT_ROUNDS", "2"))


def clips_in(folder):
    return [Clip(p.stem, k % 2, ("train", "test")[k % 2], p.stem, p, p) for k, p in enumerate(sorted(folder.iterdir()))]


def listed(clips, **changes):
    return MediaSource("tiny", ["even", "odd"], clips, "test", **({"request": REQUEST} | changes))


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Twelve clips, of which two cannot be decoded."""
    folder = tmp_path_factory.mktemp("videos")
    suffixes = (".mp4", ".avi", ".flv", ".mpg")
    for number in range(12):
        path = write_video(folder / f"clip{number:02}{suffixes[number % 4]}", frames=20 + number)
        if number in (3, 8):
            path.write_bytes(path.read_bytes()[:3000])
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def undisturbed(videos, tmp_path_factory):
    return prepare_media(listed(clips_in(videos)), tmp_path_factory.mktemp("out") / "tiny", Options(processes=1))


def test_rows_follow_the_list(undisturbed):
    prepared = open_prepared(undisturbed, verify=True)
    assert list(prepared.index["id"]) == [f"clip{number:02}" for number in range(12) if number not in (3, 8)]
    assert prepared.arrays["waveform"].shape == (10, 16_000)
    assert prepared.arrays["frames"].shape == (10, 3, 12, 16, 3)
    for row, name in enumerate(prepared.index["id"]):
        count = 20 + int(name[-2:])
        assert prepared.index["frames_decoded"][row] == count
        greys = [20 + 2 * int((place + 0.5) * count / 3) for place in range(3)]
        np.testing.assert_allclose(prepared.arrays["frames"][row].mean(axis=(1, 2, 3)), greys, atol=3)
    assert prepared.manifest["source"]["sample_rate"] == 16_000
    assert prepared.manifest["counts"] | {"decoded_with_damage": 0} == {
        "listed": 12,
        "found": 12,
        "decoded": 10,
        "skipped": 2,
        "decoded_with_damage": 0,
    }
    assert [(entry["id"], entry["reason"]) for entry in prepared.manifest["skipped"]] == [
        ("clip03", "truncated"),
        ("clip08", "truncated"),
    ]
    assert check_prepared(undisturbed) == []


def test_number_of_processes_changes_nothing(videos, undisturbed, tmp_path):
    folder = prepare_media(listed(clips_in(videos)), tmp_path / "tiny", Options(processes=3))
    assert contents(folder) == contents(undisturbed)
    assert not list(tmp_path.glob(".*.preparing"))


RUN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_prepare import clips_in, listed
from mmlib.data.media.prepare import Options, prepare_media
prepare_media(listed(clips_in(Path(sys.argv[1]))), sys.argv[2], Options(processes=2))
"""


def start(videos, folder):
    here = os.path.dirname(__file__)
    paths = os.pathsep.join([here, os.path.join(here, "..", "..", "support")])
    environment = os.environ | {"PYTHONPATH": paths + os.pathsep + os.environ.get("PYTHONPATH", "")}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(videos), str(folder), here], env=environment, stdout=subprocess.DEVNULL
    )


def lines_of(journal):
    """The lines written so far; none once the folder has been renamed to its final name, which may happen any time."""
    try:
        return journal.read_text().splitlines()
    except FileNotFoundError:
        return []


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_killed_at_a_random_moment_and_resumed(videos, undisturbed, tmp_path, number):
    """Three times kill -9, after ever more clips: then every clip was decoded once, and no byte differs."""
    draw, folder, kills = random.Random(number), tmp_path / "tiny", 0
    journal = tmp_path / ".tiny.preparing" / "journal.jsonl"
    process, lines = start(videos, folder), 0
    while process.poll() is None:
        now = len(lines_of(journal))
        if kills < 3 and now > lines:
            time.sleep(draw.random() * 0.01)
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills, lines = kills + 1, len(lines_of(journal)) if journal.exists() else 99
            process = start(videos, folder)
        time.sleep(0.002)
        rows = [json.loads(line)["row"] for line in lines_of(journal) if line.endswith("}")]
        assert len(rows) == len(set(rows)), "a clip was decoded twice"
    assert process.returncode == 0
    assert kills
    assert contents(folder) == contents(undisturbed)
    assert not journal.exists()


def test_killed_while_rows_are_closed_up(videos, undisturbed, tmp_path, monkeypatch):
    """A stop before each write of the closing: the next attempt goes on from there, to the same bytes."""
    from mmlib.data.media import compaction

    monkeypatch.setattr(compaction, "BLOCK", 1)
    real, countdown = compaction.write_all, [0]

    def stop(descriptor, values, place):
        real(descriptor, values[: len(values) // 2], place)  # half of a block is there
        countdown[0] -= 1
        if countdown[0] < 0:
            raise KeyboardInterrupt
        real(descriptor, values, place)

    monkeypatch.setattr(compaction, "write_all", stop)
    for _ in range(40):
        countdown[0] = 2
        try:
            folder = prepare_media(listed(clips_in(videos)), tmp_path / "tiny", Options(processes=1))
            break
        except KeyboardInterrupt:
            pass
    assert contents(folder) == contents(undisturbed)


def test_a_finished_folder_is_found_and_another_is_not_overwritten(videos, undisturbed, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(undisturbed, folder)
    stamp = (folder / "manifest.json").stat().st_mtime_ns
    assert prepare_media(listed(clips_in(videos)), folder) == folder
    assert (folder / "manifest.json").stat().st_mtime_ns == stamp
    with pytest.raises(UsageError, match="Delete it"):
        prepare_media(listed(clips_in(videos)[:4]), folder)


def test_what_is_wrong_before_decoding_is_counted_too(videos, tmp_path):
    clips = clips_in(videos)[:3]
    clips += [replace(clips[0], label=1), Clip("gone", 0, "train", "", tmp_path / "gone.mp4", tmp_path / "gone.mp4")]
    clips += [Clip("?", 0, "train", "", problem=Reason.WRONG_ID_FORM, detail="expected a word")]
    clips += [Clip("no sound", 0, "train", "", None, clips[0].pictures)]
    folder = prepare_media(listed(mark_missing(mark_duplicates(clips))), tmp_path / "tiny", Options(processes=1))
    manifest = open_prepared(folder).manifest
    assert {entry["id"]: entry["reason"] for entry in manifest["skipped"]} == {
        "clip00": "duplicate id",
        "gone": "missing",
        "?": "wrong id form",
        "no sound": "missing",
    }
    assert [manifest["counts"][name] for name in ("listed", "found", "decoded", "skipped")] == [7, 3, 3, 4]


@pytest.mark.parametrize(("limit", "enough"), [(0.1, False), (1, False), (0.2, True), (2, True), (None, True)])
def test_too_many_skipped_is_an_error_and_keeps_what_is_decoded(videos, tmp_path, limit, enough):
    source = listed(clips_in(videos))
    if enough:
        assert prepare_media(source, tmp_path / "tiny", Options(1, max_skipped=limit)).is_dir()
        return
    with pytest.raises(DataError, match="2 of 12 listed clips are skipped: 2 truncated") as error:
        prepare_media(source, tmp_path / "tiny", Options(1, max_skipped=limit))
    assert error.value.exit_code == 3
    assert not (tmp_path / "tiny").exists()
    journal = tmp_path / ".tiny.preparing" / "journal.jsonl"
    before = journal.read_text()
    with pytest.raises(DataError):
        prepare_media(source, tmp_path / "tiny", Options(1, max_skipped=limit))
    assert journal.read_text() == before


def test_a_clip_that_takes_too_long_is_given_up(tmp_path):
    path = write_video(tmp_path / "long.avi", frames=500, size=(320, 240), sound=False)
    path.write_bytes(path.read_bytes() * 64)  # an AVI may go on after its end: 32,000 pictures, 2.4 s on a fast core
    short = write_video(tmp_path / "short.mp4", frames=5, sound=False)
    request = ClipRequest(None, FrameRequest("first", 1, (8, 8)))
    clips = [Clip("long", 0, "train", "", None, path), Clip("short", 0, "train", "", None, short)]
    folder = prepare_media(listed(clips, request=request), tmp_path / "tiny", Options(1, seconds=0.3))
    skipped = open_prepared(folder).manifest["skipped"]
    assert [(entry["id"], entry["reason"]) for entry in skipped] == [("long", "time limit")]


def test_the_published_layout_is_written_beside(videos, tmp_path):
    clips = [Clip("a/b", 1, "test", "", *[videos / "clip00.mp4"] * 2), *clips_in(videos)[3:4]]
    prepare_media(listed(clips), tmp_path / "tiny", Options(1, published=tmp_path / "published"))
    files = sorted(p.relative_to(tmp_path / "published").as_posix() for p in (tmp_path / "published").rglob("*.*"))
    assert files == [
        "test/audio/odd/a_b.wav",
        *[f"test/video/odd/a_b/frame_{place}.jpg" for place in range(3)],
    ]
    info = soundfile.info(tmp_path / "published" / files[0])
    assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
    assert abs(info.frames / 16_000 - 0.8) < 0.06
    assert Image.open(tmp_path / "published" / files[1]).size == (64, 48)


def test_the_published_layout_asked_for_later_is_written_or_refused(videos, tmp_path):
    """Stopped without it and resumed with it: clips are decoded again. Finished without it: said, not left out."""
    source, out = listed(clips_in(videos)[:5]), tmp_path / "tiny"
    with pytest.raises(DataError, match="are skipped"):
        prepare_media(source, out, Options(1, max_skipped=0))
    prepare_media(source, out, Options(1, published=tmp_path / "a"))
    assert len(list((tmp_path / "a").rglob("*.wav"))) == 4
    prepare_media(source, out, Options(1, published=tmp_path / "a"))
    with pytest.raises(UsageError, match="4 of its 4 clips are not in"):
        prepare_media(source, out, Options(1, published=tmp_path / "b"))


def test_sound_and_pictures_from_finished_folders(tmp_path):
    """A wav and a folder of numbered images: what the published scripts leave behind."""
    sound = write_wav(tmp_path / "raw" / "a.wav", tone(12_000, 16_000), 16_000)
    for number in (0, 1, 2, 10, 9):
        write_image(tmp_path / "raw" / "a" / f"frame_{number}.png", picture(number, 20, 10))
    request = replace(REQUEST, frames=FrameRequest("ten", 10, (10, 20)))
    clip = Clip("a", 0, "train", "", sound, tmp_path / "raw" / "a")
    prepared = open_prepared(prepare_media(listed([clip], request=request), tmp_path / "tiny", Options(1)))
    assert prepared.index["frames"][0] == 5
    assert prepared.arrays["frames"][0, :, 0, 0, 0].tolist() == [20, 22, 24, 38, 40, 40, 40, 40, 40, 40]
    assert prepared.index["samples"][0] == 12_000
    expected = np.rint(tone(12_000, 16_000) * 32768)
    assert np.abs(prepared.arrays["waveform"][0, :12_000] - expected).max() <= 1
    assert not prepared.arrays["waveform"][0, 12_000:].any()
