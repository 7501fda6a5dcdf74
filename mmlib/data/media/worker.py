"""A decoder process: reads clips as JSON lines, decodes, writes rows of the arrays, answers with JSON lines.

It is a process of its own so that whatever a file does to a decoder (endless loops, crashes, memory) ends with the
process, not with the preparation. Limits are set on itself: a timer that the kernel enforces even inside a library, and
the memory it may allocate. It ends when its input closes, so none outlives a killed preparation.

A finished row is written first and noted in the journal second; a kill in between costs one decoding.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from mmlib.data.media.decode import clip_from_json, decode_clip
from mmlib.data.media.journal import Row, Rows, append
from mmlib.data.media.published import WHOLE_SOUND, PublishedFiles
from mmlib.data.media.reasons import Reason, SkippedClip
from mmlib.data.media.sound import decode_sound
from mmlib.data.media.source import ClipRequest, FrameRequest, SoundRequest
from mmlib.files import write_problem

_PR_SET_PDEATHSIG = 1
MEMORY = 640 << 20  # bytes a decoder may allocate beyond its imports


def main() -> None:
    """Serve until the input ends. The first line of the input holds the settings."""
    requests, answers = sys.stdin, os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not pass for an answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to act on
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    die_with_parent()
    settings = json.loads(requests.readline())
    request = request_from_json(settings["request"])
    _warm_up(request)
    limit_memory()
    files = PublishedFiles(Path(settings["published"])) if settings["published"] else None
    with Rows(Path(settings["folder"]), request) as rows:
        print(json.dumps({"ready": True}), file=answers)
        for line in requests:
            task = json.loads(line)
            signal.setitimer(signal.ITIMER_REAL, settings["seconds"])
            try:
                row = one(task, request, rows, files)
                signal.setitimer(signal.ITIMER_REAL, 0)
                append(Path(settings["journal"]), row)
                answer: dict[str, Any] = {"row": row.row, "reason": row.reason}
            except OSError as error:  # not of the media: those are named reasons
                place = error.filename or settings["folder"]
                answer = {"fatal": write_problem(error, place), "file": place}
            print(json.dumps(answer), file=answers)


def one(task: dict[str, Any], request: ClipRequest, rows: Rows, files: PublishedFiles | None) -> Row:
    """Decode one clip and write its row; what the journal is to say of it."""
    clip = clip_from_json(task["clip"])
    try:
        if files is None:
            decoded = decode_clip(clip, request)
        else:
            with files.writing(task["published"], clip.id) as output:
                decoded = decode_clip(clip, request, output.image)
                if clip.sound is not None:
                    output.sound(decode_sound(clip.sound, WHOLE_SOUND, clip.start_s, clip.end_s).samples)
    except SkippedClip as skipped:
        return Row(task["row"], task["key"], reason=skipped.reason.value, detail=skipped.detail)
    except MemoryError:
        return Row(task["row"], task["key"], reason=Reason.TOO_LARGE.value, detail="its sound does not fit in memory")
    rows.write(task["row"], decoded)
    return Row(task["row"], task["key"], columns=decoded.columns, sha256=decoded.sha256)


def _warm_up(request: ClipRequest) -> None:
    """Import what decoding needs before memory is limited and time is counted."""
    import av
    import PIL.Image

    av.logging.set_level(av.logging.PANIC)
    PIL.Image.init()
    if request.sound is not None and request.sound.resampling != "ffmpeg":
        import torch
        import torchaudio.functional

        torch.set_num_threads(1)
        torchaudio.functional.resample(torch.zeros(64), 2, 1)


def die_with_parent() -> None:
    """End with the preparation even when it is killed: a late write could meet the next run's.

    Linux only; elsewhere the process ends when its input does, after the clip it is at.
    """
    parent = os.getppid()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def limit_memory(extra: int = MEMORY) -> None:
    """Let this process allocate at most `extra` bytes more than now; beyond that an allocation fails."""
    with open("/proc/self/status") as status:
        sizes = dict(line.split(":", 1) for line in status)
    now = int(sizes["VmData"].split()[0]) << 10
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = now + extra if hard == resource.RLIM_INFINITY else min(now + extra, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def request_from_json(entry: dict[str, Any]) -> ClipRequest:
    sound, frames = entry["sound"], entry["frames"]
    return ClipRequest(
        sound and SoundRequest(**sound), frames and FrameRequest(**(frames | {"size": tuple(frames["size"])}))
    )


if __name__ == "__main__":
    main()
