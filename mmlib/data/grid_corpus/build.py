"""`mmlib data prepare grid`: the folders `grid_s1` and `grid_raw` of a data root, made from GRID's published files.

Written are the files that `grid_words`, `grid_digits` and `grid_words_incremental` read: an archive of mouth frames,
names and word timing, and every clip's sound at 16 kHz; for `rgb_flow` copies of the 25 clips it uses. What was made of
which files is in `made.json`; the same files are not prepared twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlib.data.grid_corpus.clips import (
    ClipFiles,
    find_clips,
    frame_words,
    numbered,
    read_align,
    read_clip_sound,
    read_pictures,
)
from mmlib.data.grid_corpus.mouths import FRAMES, USUAL_BOX, face_box, mouth_frames, opencv
from mmlib.data.grid_corpus.ogg import write_sound
from mmlib.data.grid_words import ARCHIVE, AUDIO, FOLDER, SAMPLE_RATE
from mmlib.data.progress import Progress
from mmlib.data.public.sources import GRID_SAMPLE
from mmlib.errors import OutputsError, UsageError
from mmlib.files import content_hash, read_json, sha256_file, write_json, write_problem

LAYOUT = 1  # raise when the same files would give others
CLIPS = 1000  # of a speaker
MADE = "made.json"
RAW = "grid_raw"
AT_ONCE = 4


@dataclass(frozen=True)
class Made:
    """What is read of one clip. `mouth` (75, 24, 36) uint8; `box` (4,), the usual one where no face was `found`."""

    mouth: np.ndarray
    box: np.ndarray
    found: bool
    frames: int


def build(source: Path, out: Path, *, threads: int | None = None, say: Callable[[str], None] = print) -> Path:
    """Make `out/grid_s1` and `out/grid_raw` from the clips and alignments below `source`; the data root `out`.

    Raises `DataError` (files missing or damaged), `UsageError` (`out` holds something else), `OutputsError`.
    """
    clips = find_clips(source)
    by = "cascade" if opencv() is not None else "usual box"
    inputs = content_hash([LAYOUT, by, *((c.name, sha256_file(c.video), sha256_file(c.align)) for c in clips)])
    folder = out / FOLDER
    if folder.exists():
        if _made_of(folder) != inputs:
            raise UsageError(
                f"{folder} is there already, and was made of other files or in another way. Delete it, or choose "
                "another --out."
            )
        say(f"{folder}: there already")
        return out
    if len(clips) != CLIPS:
        say(f"grid: {len(clips)} of {CLIPS} clips")
    if by == "usual box":
        say(
            f"grid: OpenCV is not installed, so one face box {tuple(map(int, USUAL_BOX))} serves all clips and the "
            "mouth moves in the picture with the head. For a box in each clip: pip install 'mmlib[faces]'."
        )
    waiting = out / f".{FOLDER}.{inputs[:8]}.tmp"
    try:
        shutil.rmtree(waiting, ignore_errors=True)
        (waiting / AUDIO).mkdir(parents=True)
        made = _read_all(clips, waiting / AUDIO, threads or AT_ONCE)
        without = [clip.name for clip, one in zip(clips, made, strict=True) if not one.found]
        if without and by == "cascade":
            say(
                f"grid: no face found in {len(without)} clips ({', '.join(without[:3])} ...): the usual box serves them"
            )
        np.savez_compressed(waiting / ARCHIVE, **_arrays(clips, made))
        note = {"inputs": inputs, "layout": LAYOUT, "face": by, "clips": len(clips), "without_face": without}
        write_json(waiting / MADE, note)
        _copy_raw(clips, out / RAW)
        waiting.rename(folder)
    except OSError as error:
        raise OutputsError(
            f"cannot write {folder}: {write_problem(error, folder)}. Free space, fix its permissions, or choose "
            "another --out."
        ) from error
    finally:
        shutil.rmtree(waiting, ignore_errors=True)
    return out


def _made_of(folder: Path) -> str:
    try:
        return str(read_json(folder / MADE)["inputs"])
    except (OSError, UsageError, KeyError, TypeError):
        return ""


def _read_all(clips: Sequence[ClipFiles], audio: Path, threads: int) -> list[Made]:
    progress = Progress("grid: mouths and sound", len(clips), "clips")
    made = []
    with ThreadPoolExecutor(threads) as pool:  # decoders and OpenCV leave the interpreter to others
        for one in pool.map(lambda clip: read_clip(clip, audio), clips):
            made.append(one)
            progress.advance(1)
    return made


def read_clip(clip: ClipFiles, audio: Path) -> Made:
    """Read one clip's mouth and write its sound. Raises `DataError`, `OSError`."""
    pictures = read_pictures(clip.video)
    box = face_box(pictures)
    found = box is not None
    box = np.asarray(box if found else USUAL_BOX, np.float32)
    write_sound(audio / f"{clip.name}.ogg", read_clip_sound(clip.video), SAMPLE_RATE)
    return Made(mouth_frames(pictures, box), box, found, min(len(pictures), FRAMES))


def _arrays(clips: Sequence[ClipFiles], made: Sequence[Made]) -> dict[str, np.ndarray]:
    """The archive's arrays; see `mmlib.data.grid_words`."""
    parts = [read_align(clip.align) for clip in clips]
    words = numbered([word for clip in parts for _, _, word in clip])
    number = {word: place for place, word in enumerate(words)}
    align = np.array(
        [[place, start, end, number[word]] for place, clip in enumerate(parts) for start, end, word in clip], np.int32
    )
    return {
        "mouth": np.stack([one.mouth for one in made]),
        "names": np.array([clip.name for clip in clips]),
        "words": np.array(words),
        "align": align,
        "frame_word": frame_words(align, len(clips), FRAMES, number["sil"]),
        "n_frames": np.array([one.frames for one in made], np.int64),
        "face_box": np.stack([one.box for one in made]),
    }


def _copy_raw(clips: Sequence[ClipFiles], folder: Path) -> None:
    """The clips that `rgb_flow` uses, where all are there; a folder of that name is left as it is."""
    chosen = [clip for clip in clips if clip.name in GRID_SAMPLE]
    if len(chosen) < len(GRID_SAMPLE) or folder.exists():
        return
    waiting = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(waiting, ignore_errors=True)
    for kind, files in (("video", [c.video for c in chosen]), ("align", [c.align for c in chosen])):
        (waiting / kind).mkdir(parents=True)
        for path in files:
            shutil.copyfile(path, waiting / kind / path.name)
    waiting.rename(folder)
