"""CREMA-D as OGM-GE (whose data SimAM^2 copies) and IEMF prepare it: published lists and layouts, published counts.

Paper says (SimAM^2): the preprocessing of OGM-GE. Published code does: sound at 22,050 Hz, tiled three times, the
first 3 s kept; frames at 1 per second, of which training reads **one** (the setting of three is ignored); rows whose
media are missing are skipped silently; no validation split; all 91 actors occur in train and in test. IEMF's reads one
image and one wav of each clip from folders by split and class, made by a script that is not published: which frame it
took is unknown.
We do: the same, with what is skipped recorded in the manifest, the first frame by name (`frame_pick`), and a
validation split carved from train. `split="speaker"` of a run (or `split=actors` of the preparation) divides actors
instead, which is harder and comparable to no published number.

Prepared layout: `waveform` (N, 66150) int16 or float32; `frames` (N, S, H, W, 3) uint8, S stored frames of which the
index column `frames` says how many are real; `group` is the actor; classes in the order of `EMOTIONS`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.listed import find_list, first_folder, paired, read_rows
from mmlib.data.media.reasons import Reason
from mmlib.data.media.source import Clip, MediaSource, mark_duplicates, mark_missing
from mmlib.data.prepared import Prepared
from mmlib.data.published import Layout, compare_counts, compare_totals, missing_published
from mmlib.data.split_audit import audit_splits
from mmlib.data.splits import disjoint_groups
from mmlib.errors import DataError, ParameterError

EMOTIONS = ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")  # label 0..5
SAMPLE_RATE = 22_050  # Hz
SAMPLES = 66_150  # 3 s
PUBLISHED = {
    "train": {"NEU": 973, "HAP": 1148, "SAD": 1131, "FEA": 1138, "DIS": 1142, "ANG": 1166},
    "test": {"NEU": 114, "HAP": 123, "SAD": 140, "FEA": 133, "DIS": 129, "ANG": 105},
}
ROWS = {split: sum(counts.values()) for split, counts in PUBLISHED.items()}  # 6,698 and 744
ACTORS = 91
_ID = re.compile(r"\d{4}_[A-Z]{3}_[A-Z]{3}_[A-Z]{2}")
_SPLITS = ("train", "test")
_SOUND = ("AudioWAV", "CREMA-D/AudioWAV")
_FINISHED = ("processed_dataset", "CREMA-D/processed_dataset")
_ADVICE = "Get the CREMA-D lists (train.csv, test.csv) from data/CREMAD of GeWu-Lab/OGM-GE_CVPR2022."
LAYOUT: Layout = {
    "waveform": (("int16", "float32"), (SAMPLES,)),
    "frames": (("uint8",), (None, None, None, 3)),
}


def missing(root: Path) -> str | None:
    """Why `root` holds no prepared CREMA-D, or None."""
    return missing_published("cremad", root, LAYOUT, SAMPLE_RATE)


def notes(prepared: Prepared) -> list[str]:
    """The counts of a prepared CREMA-D beside the published ones, and how its classes and actors differ."""
    found = len(np.unique(prepared.index["group"]))
    actors = [f"cremad: {found} actors, published {ACTORS}."] if found != ACTORS else []
    return compare_totals(prepared, ROWS) + compare_counts(prepared, PUBLISHED) + actors


def media_source(folder: Path, options: Mapping[str, Any]) -> MediaSource:
    """The clips of a CREMA-D download, or of the finished layout of IEMF where there is no download beside it.

    A download (`layout="raw"`) has `AudioWAV/ID.wav`, and `VideoFlash/ID.flv` or frames in `Image-01-FPS/ID/`; `lists`
    is the folder with `train.csv` and `test.csv`, where they are not in it. The finished layout is
    `processed_dataset/{train,test}/visual/CLASS/ID.jpg` and `.../audio/CLASS/ID.wav`, without lists. `split="actors"`
    divides actors instead (80, 10 and 10 % of them, by `seed`): no actor is in two splits. Raises `DataError`.
    """
    for name, known in (("split", ("official", "actors")), ("layout", ("auto", "raw", "finished"))):
        if options[name] not in known:
            choices = f"{', '.join(known[:-1])} or {known[-1]}"
            raise ParameterError(f"cremad: option {name} is {options[name]!r}. Choose {choices}.")
    root = first_folder(folder, _FINISHED)
    finished = options["layout"] == "finished" or (
        options["layout"] == "auto" and root is not None and first_folder(folder, _SOUND) is None
    )
    if finished and root is None:
        raise DataError(f"{folder} has no folder processed_dataset. --source names the folder that holds it.")
    clips = mark_missing(mark_duplicates(_finished(root) if finished else _raw(folder, options["lists"])))
    if options["split"] == "actors":
        clips = disjoint_groups(clips, options["seed"])
    audit = audit_splits(clips, EMOTIONS, "actors") | {"test_clips_like_a_train_clip": repeated_lines(clips)}
    settings = {"split": options["split"]} | ({"seed": options["seed"]} if options["split"] == "actors" else {})
    settings |= {"layout": "finished"} if finished else {}
    return MediaSource("cremad", EMOTIONS, clips, options["preset"], settings=settings, audit=audit)


def _raw(folder: Path, lists: str) -> list[Clip]:
    """The listed clips, found in the folders of a download."""
    sound = first_folder(folder, _SOUND)
    videos = first_folder(folder, ("VideoFlash", "CREMA-D/VideoFlash"))
    frames = first_folder(folder, ("Image-01-FPS", "CREMA-D/Image-01-FPS"))
    if sound is None or (videos is None and frames is None):
        absent = "AudioWAV (nor processed_dataset)" if sound is None else "VideoFlash (nor Image-01-FPS)"
        raise DataError(f"{folder} has no folder {absent}. --source names the folder of the CREMA-D download.")
    clips = []
    for split in _SPLITS:
        path = find_list(f"{split}.csv", folder, lists, _ADVICE, ("data/CREMAD", "CREMAD", "lists"))
        for number, (name, emotion) in read_rows(path, 2, "ACTOR_SENTENCE_EMOTION_LEVEL,EMOTION"):
            pictures = videos / f"{name}.flv" if videos else frames / name
            clip = Clip(name, _label(emotion), split, actor(name), sound / f"{name}.wav", pictures)
            clips.append(_checked(clip, emotion, f"{path.name} line {number}"))
    return clips


def _finished(root: Path) -> list[Clip]:
    """Every image and every wav of the class folders, paired by name."""
    clips = []
    for split in _SPLITS:
        kinds = [root / split / kind for kind in ("visual", "audio")]
        classes = sorted({path.name for kind in kinds if kind.is_dir() for path in kind.iterdir() if path.is_dir()})
        for emotion in classes:
            for name, picture, sound in paired(*(kind / emotion for kind in kinds)):
                clip = Clip(name, _label(emotion), split, actor(name), sound, picture)
                clip = _checked(clip, emotion, f"{split}, folder {emotion}")
                if picture is None or sound is None:
                    clip = clip.skipped(Reason.MISSING, f"it has no {'image' if picture is None else 'wav'}")
                clips.append(clip)
    return clips


def _label(emotion: str) -> int:
    return EMOTIONS.index(emotion) if emotion in EMOTIONS else -1


def _checked(clip: Clip, emotion: str, where: str) -> Clip:
    """The clip, with a problem where its row of the list has one."""
    if not _ID.fullmatch(clip.id):
        return clip.skipped(Reason.WRONG_ID_FORM, f"{where}: expected ACTOR_SENTENCE_EMOTION_LEVEL")
    if clip.label < 0:
        return clip.skipped(Reason.UNKNOWN_CLASS, f"{where}: {emotion!r} is none of {', '.join(EMOTIONS)}")
    if clip.id.split("_")[2] != emotion:
        return clip.skipped(Reason.WRONG_ID_FORM, f"{where}: its emotion is {emotion} there, another in its id")
    return clip


def repeated_lines(clips: list[Clip]) -> int:
    """Test clips of which train has the same actor saying the same sentence in the same emotion (other intensity)."""
    said = {split: [c.id.rsplit("_", 1)[0] for c in clips if c.split == split and not c.problem] for split in _SPLITS}
    known = set(said["train"])
    return sum(line in known for line in said["test"])


def actor(clip: str) -> str:
    """The actor's number, e.g. `1001` of `1001_IEO_NEU_XX`."""
    return clip.split("_")[0]
