"""Damaged media: every file ends in the folder or under a named reason, in bounded time and memory, no traceback.

`MMLIB_DAMAGED_FILES=200` runs the full number (24 otherwise).
"""

import os
import random
import struct
import time
from collections import Counter

import numpy as np
import pytest
from media_files import CODECS, tone, write_image, write_video, write_wav
from memory import call_measuring_children

from mmlib.data.media.prepare import Options, prepare_media
from mmlib.data.media.reasons import Reason
from mmlib.data.media.source import Clip, ClipRequest, FrameRequest, MediaSource, SoundRequest
from mmlib.data.prepared import open_prepared

SEED = int(os.environ.get("MMLIB_DAMAGED_SEED", "0"))
FILES = int(os.environ.get("MMLIB_DAMAGED_FILES", "24"))
SECONDS = 10.0
REQUEST = ClipRequest(SoundRequest(16_000, 16_000, "zeros", "ffmpeg"), FrameRequest("every_second", 2, (32, 32)))


def absurd(data: bytes, suffix: str) -> bytes:
    """The file with a width and height in its header that no decoder should be asked to allocate."""
    huge = 60_000
    if suffix == ".mp4":
        place = data.index(b"avc1", data.index(b"stsd")) + 4 + 24
        return data[:place] + struct.pack(">HH", huge, huge) + data[place + 4 :]
    if suffix == ".avi":
        place = data.index(b"strf") + 8 + 4
        return data[:place] + struct.pack("<ii", huge, huge) + data[place + 8 :]
    if suffix == ".mpg":  # 12 bits each
        place = data.index(b"\0\0\1\xb3") + 4
        return data[:place] + b"\xff\xff\xff" + data[place + 3 :]
    if suffix == ".mkv":
        place = data.index(b"\xb0\x81") if b"\xb0\x81" in data else data.index(b"\xb0")
        return data[: place + 2] + b"\xff" + data[place + 3 :]
    if suffix == ".jpg":
        place = data.index(b"\xff\xc0") + 5
        return data[:place] + struct.pack(">HH", huge, huge) + data[place + 4 :]
    return data[:20] + b"\xff" * 20 + data[40:]


def flipped(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice([1, 10, 200])):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def damage(kind: str, data: bytes, suffix: str, draw: random.Random) -> bytes:
    if kind == "truncated":
        return data[: draw.randrange(1, len(data) - 1)]
    if kind == "flipped":
        return flipped(data, draw)
    if kind == "text":
        texts = (
            b"ffconcat version 1.0\nfile /etc/hostname\n",
            b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n",
            b"hello\n" * 999,
        )
        return draw.choice(texts)
    if kind == "random":
        return draw.randbytes(draw.randrange(1, 50_000))
    return {"empty": b"", "absurd": absurd(data, suffix), "renamed": data}[kind]


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """(clips, kind by id): whole files damaged one by one, in turns of kind and container."""
    folder, draw = tmp_path_factory.mktemp("damaged"), random.Random(SEED)
    whole = {suffix: write_video(folder / f"whole{suffix}", frames=40).read_bytes() for suffix in CODECS}
    whole[".wav"] = write_wav(folder / "whole.wav", tone(20_000, 16_000), 16_000).read_bytes()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    whole[".jpg"] = write_image(folder / "whole.jpg", noise).read_bytes()
    kinds = ("truncated", "flipped", "absurd", "empty", "renamed", "text", "random", "flipped", "truncated")
    clips, kind_of, suffixes = [], {}, list(whole)
    good = folder / "whole.mp4"
    for number in range(FILES):
        kind, suffix = kinds[number % len(kinds)], suffixes[(number // 2) % len(suffixes)]
        name = draw.choice([s for s in suffixes if s != suffix]) if kind == "renamed" else suffix
        path = folder / f"{number:03}{name}"
        path.write_bytes(damage(kind, whole[suffix], suffix, draw))
        sound = good if name == ".jpg" else path
        pictures = good if name == ".wav" else path
        clips.append(Clip(f"{number:03}", 0, "train", "", sound, pictures))
        kind_of[f"{number:03}"] = (kind, suffix, name)
    clips.append(Clip("good", 0, "train", "", good, good))
    return clips, kind_of


@pytest.mark.timeout(1800)
def test_damaged_files_are_all_reported(damaged, tmp_path, capfd):
    clips, kind_of = damaged
    started = time.monotonic()
    source = MediaSource("damaged", ["one"], clips, "test", REQUEST)
    folder, peak = call_measuring_children(prepare_media, source, tmp_path / "out", Options(2, SECONDS))
    seconds = time.monotonic() - started
    prepared = open_prepared(folder, verify=True)
    skipped = {entry["id"]: entry for entry in prepared.manifest["skipped"]}
    assert set(skipped) | set(prepared.index["id"]) == {clip.id for clip in clips}
    assert not set(skipped) & set(prepared.index["id"])
    assert "good" in prepared.index["id"]
    for name, entry in skipped.items():
        assert entry["reason"] in [reason.value for reason in Reason]
        assert entry["detail"], name
        assert str(tmp_path) not in entry["detail"]
    for name, (kind, suffix, _) in kind_of.items():
        expected = {
            "truncated": {"truncated", "undecodable", "zero length"},
            "empty": {"zero length"},
            "text": {"undecodable"},
            "random": {"undecodable"},
        }.get(kind)
        if expected:
            assert skipped.get(name, {"reason": "kept"})["reason"] in expected, (name, kind, suffix)
    assert "time limit" not in {entry["reason"] for entry in skipped.values()}, skipped
    assert "Traceback" not in "".join(capfd.readouterr())
    assert seconds < SECONDS * FILES
    assert peak <= 1 << 30
    print(
        f"{FILES} files in {seconds:.1f} s, {peak >> 20} MiB at most:",
        Counter((kind_of[n][0], e["reason"]) for n, e in skipped.items()),
    )
