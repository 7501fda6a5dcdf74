"""Media whose streams do not begin or go on together: sound lands where its time stamps say, and what was put is named.

Damaged files are the matter of `tests/data/media/test_damaged.py`.
"""

from __future__ import annotations

import random

import numpy as np
from faults import CASES, EQUAL, FAILURE, NAMED
from media_files import beep, onsets, write_pieces

from mmlib.data.media.decode import decode_clip
from mmlib.data.media.source import Clip, ClipRequest, FrameRequest, SoundRequest

RATE = 16_000
REQUESTS = [SoundRequest(RATE, 6 * RATE, "zeros", resampling) for resampling in ("sinc_hann", "ffmpeg")]


def drawn(rng):
    """When each of one to three beeps begins, s: on a grid of tenths, 0.3 s apart at least."""
    return sorted(place / 10 for place in rng.sample(range(0, 36, 3), rng.randrange(1, 4)))


def test_the_clock_of_media(campaign, tmp_path):
    rng = random.Random(9)
    for number in range(CASES):
        starts, suffix = drawn(rng), rng.choice([".mkv", ".mkv", ".mp4"])
        starts = starts[:1] if suffix == ".mp4" else starts  # an encoder of AAC closes gaps before they are written
        path = write_pieces(tmp_path / f"{number}{suffix}", [(start, beep(0.12)) for start in starts], size=(32, 32))
        request = rng.choice(REQUESTS)
        clip = Clip("a", 0, "train", "", path, path)

        def decode(clip=clip, request=request, starts=starts):
            decoded = decode_clip(clip, ClipRequest(request, FrameRequest("first", 1, (8, 8))))
            found = onsets(decoded.sound, RATE)
            if len(found) != len(starts) or np.abs(np.subtract(found, starts)).max() > 0.05:
                return f"{FAILURE}: beeps at {starts} were placed at {found}"
            noted = {name for name in decoded.columns if name in ("sound_late_s", "sound_gaps")}
            expected = {"sound_late_s"} if starts[0] > 0 else set()
            expected |= {"sound_gaps"} if len(starts) > 1 else set()
            if noted != expected:
                return f"{FAILURE}: {starts} were noted as {noted}"
            return NAMED if noted else EQUAL

        campaign.case(f"{suffix} {request.resampling} {starts}", decode)
        path.unlink()
