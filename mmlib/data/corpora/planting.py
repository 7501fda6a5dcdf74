"""Faults that are planted in a corpus, the reason each must be skipped for, and what a manifest makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.corpora.encoding import lie, write_jpeg, write_video, write_wav
from mmlib.data.listed import VIDEOS
from mmlib.data.media.reasons import Reason
from mmlib.data.media.registered import PLANTED
from mmlib.files import read_json, write_json


class Fault(Enum):
    """What is wrong with a clip: a sentence, and the reason it must be skipped for; None where it must be kept."""

    MISSING_SOUND = ("the file of its sound is not there", Reason.MISSING)
    MISSING_PICTURES = ("the file or folder of its pictures is not there", Reason.MISSING)
    NO_SOUND = ("its file holds pictures only", Reason.NO_AUDIO_STREAM)
    NO_PICTURES = ("its file holds sound only", Reason.NO_VIDEO_STREAM)
    CUT_SOUND = ("the file of its sound is cut off", Reason.TRUNCATED)
    CUT_PICTURES = ("the file of its pictures is cut off", Reason.TRUNCATED)
    EMPTY_SOUND = ("the file of its sound has no byte", Reason.ZERO_LENGTH)
    EMPTY_PICTURES = ("the file of its pictures has no byte, or the folder no picture", Reason.ZERO_LENGTH)
    SILENT = ("its wav has a header and no sample", Reason.ZERO_LENGTH)
    TOO_SHORT = ("it has three frames", Reason.TOO_SHORT)
    TEXT = ("its media file is text", Reason.UNDECODABLE)
    WRONG_ID = ("its id has another form", Reason.WRONG_ID_FORM)
    DUPLICATE = ("its id is listed twice", Reason.DUPLICATE_ID)
    UNKNOWN_CLASS = ("its class is none of the data set's", Reason.UNKNOWN_CLASS)
    LIES = ("its header says no duration, no frames or a nonsense frame rate; the media are whole", None)

    def __init__(self, what: str, reason: Reason | None) -> None:
        self.what, self.reason = what, reason


@dataclass(frozen=True)
class Planted:
    """One planted fault: the clip's id, the reason (empty: must be kept), and what was done."""

    id: str
    reason: str
    what: str


def write_media(
    sound_path: Path, pictures: Path, frames: np.ndarray, fps: int, sound: np.ndarray, fault: Fault | None
) -> None:
    """Write a clip's files: one video, or a wav beside a video, an image or a folder of images; damaged by `fault`."""
    one = sound_path == pictures
    frames = frames[:3] if fault is Fault.TOO_SHORT else frames
    if fault is not Fault.MISSING_PICTURES:
        silent = one and fault is Fault.NO_SOUND
        _write_pictures(pictures, frames, fps, None if silent else sound, fault)
    if not one and fault is not Fault.MISSING_SOUND:
        _write_sound(sound_path, frames, fps, sound, fault)
    if one and fault is Fault.MISSING_SOUND:
        pictures.unlink()
    damaged = {
        Fault.CUT_SOUND: sound_path,
        Fault.EMPTY_SOUND: sound_path,
        Fault.CUT_PICTURES: pictures,
        Fault.EMPTY_PICTURES: pictures,
        Fault.TEXT: sound_path,
        Fault.LIES: pictures,
    }.get(fault)
    if damaged is not None:
        _damage(damaged, fault)


def _write_pictures(path: Path, frames: np.ndarray, fps: int, sound: np.ndarray | None, fault: Fault | None) -> None:
    if path.suffix in VIDEOS:
        write_video(path, None if fault is Fault.NO_PICTURES else frames, fps, sound)
    elif path.suffix:
        write_jpeg(path, frames[0])
    else:
        path.mkdir(parents=True, exist_ok=True)
        for number, frame in enumerate(frames):
            write_jpeg(path / f"frame_{number}.jpg", frame)


def _write_sound(path: Path, frames: np.ndarray, fps: int, sound: np.ndarray, fault: Fault | None) -> None:
    if fault is Fault.NO_SOUND:
        write_video(path, frames, fps, None)  # a video without sound, called wav
    else:
        write_wav(path, sound[:0] if fault is Fault.SILENT else sound)


def _damage(path: Path, fault: Fault) -> None:
    if path.is_dir():
        images = sorted(path.iterdir())
        if fault is Fault.CUT_PICTURES:
            _damage(images[0], fault)
            return
        for image in images:
            image.unlink()
    elif fault in (Fault.CUT_SOUND, Fault.CUT_PICTURES):
        content = path.read_bytes()
        path.write_bytes(content[: 6 * len(content) // 10])
    elif fault in (Fault.EMPTY_SOUND, Fault.EMPTY_PICTURES):
        path.write_bytes(b"")
    elif fault is Fault.TEXT:
        path.write_text("This is no media file.\n" * 40)
    else:
        lie(path)


def write_planted(folder: Path, planted: list[Planted], clips: int) -> None:
    """Note beside the corpus what was planted, and how many clips are to be kept."""
    write_json(folder / PLANTED, {"kept": clips, "planted": [asdict(one) for one in planted]})


def read_planted(folder: str | Path) -> tuple[list[Planted], int]:
    """What was planted in a corpus, and how many clips a preparation must keep."""
    noted = read_json(Path(folder) / PLANTED)
    return [Planted(**one) for one in noted["planted"]], noted["kept"]


def differences(folder: str | Path, manifest: Mapping[str, Any]) -> list[str]:
    """How the manifest of a prepared corpus differs from what was planted in `folder`; empty where it is true."""
    planted, kept = read_planted(folder)
    expected = Counter((one.id, one.reason) for one in planted if one.reason)
    found = Counter((entry["id"], entry["reason"]) for entry in manifest["skipped"])
    result = [f"{name}: planted as {reason!r}, not skipped for it" for name, reason in expected - found]
    result += [f"{name}: skipped as {reason!r}, which was not planted" for name, reason in found - expected]
    if manifest["index"]["rows"] != kept:
        result.append(f"{manifest['index']['rows']} clips were kept, {kept} are sound")
    return result
