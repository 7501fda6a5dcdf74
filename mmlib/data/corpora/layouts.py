"""The published layouts with generated clips: CREMA-D, VGGSound, Kinetics-Sounds, UrbanSound8K-AV, class folders.

A clip shows a grating whose orientation is its class and sounds a pulsed tone whose pitch is: a small network learns
the classes in a few epochs. Ids are made up. A number obtained on a corpus means nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlib.data import cremad, kinetics_sounds, urbansound8k_av
from mmlib.data.corpora.encoding import RATE
from mmlib.data.corpora.planting import Fault, Planted, write_media, write_planted
from mmlib.data.features.standin import scratch_folder
from mmlib.data.standins import gratings, pulsed_tones
from mmlib.errors import OutputsError, ParameterError
from mmlib.files import write_problem

CLASSES_PRESENT = 3
_SENTENCES = ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI")
# Faults that one media file for a clip can have.
_VIDEO = (
    Fault.MISSING_PICTURES,
    Fault.NO_SOUND,
    Fault.NO_PICTURES,
    Fault.CUT_PICTURES,
    Fault.EMPTY_PICTURES,
    Fault.TEXT,
    Fault.LIES,
)
_WAV = (Fault.MISSING_SOUND, Fault.NO_SOUND, Fault.CUT_SOUND, Fault.EMPTY_SOUND, Fault.SILENT, Fault.TEXT)
_LISTED = (Fault.WRONG_ID, Fault.DUPLICATE, Fault.UNKNOWN_CLASS)


@dataclass(frozen=True)
class Item:
    """A clip to be written: a running number, its class among those present, its split, what is wrong with it."""

    number: int
    label: int
    split: str
    fault: Fault | None = None


@dataclass(frozen=True)
class Layout:
    """How a corpus is written. `place(folder, item)`: id, sound, pictures. `lists(folder, rows)` writes its lists."""

    name: str
    faults: tuple[Fault, ...]
    place: Callable[[Path, Item], tuple[str, Path, Path]]
    lists: Callable[[Path, list[tuple[str, Item]]], None] | None
    frames: int
    fps: int


def write_corpus(
    name: str, folder: str | Path, *, clips: int = 8, faults: bool = True, side: int = 64, seed: int = 0
) -> list[Planted]:
    """Write a corpus with `clips` sound clips of each class into the empty `folder`; returns what was planted in it.

    Every fault that the layout can have is planted once, and noted in `planted.json`. Raises `ParameterError`,
    `OutputsError`.
    """
    if name not in LAYOUTS:
        raise ParameterError(f"there is no corpus {name!r}. Choose one of: {', '.join(LAYOUTS)}.")
    layout, folder = LAYOUTS[name], Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise OutputsError(f"{folder} is not empty. Choose a new folder for the corpus.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder(folder) as place:
            planted = _write(layout, place, list(_items(layout, clips, faults)), side, seed)
            place.chmod(0o755)
            place.replace(folder)  # an empty folder gives way
    except OSError as error:
        raise OutputsError(f"cannot write {folder}: {write_problem(error, folder)}. Choose another folder.") from error
    return planted


def _write(layout: Layout, folder: Path, items: list[Item], side: int, seed: int) -> list[Planted]:
    """Write all media, lists and the note of what was planted into `folder`."""
    rng, planted, rows = np.random.default_rng([seed, 7]), [], []
    for item in items:
        identity, sound, pictures = layout.place(folder, item)
        frames = gratings(rng, np.array([item.label]), layout.frames, side)[0]
        heard = pulsed_tones(rng, np.array([item.label]), RATE * layout.frames // layout.fps, RATE)[0] / 32768
        write_media(sound, pictures, frames, layout.fps, heard, item.fault)
        rows.append((identity, item))
        if item.fault is Fault.DUPLICATE:
            rows.append((identity, item))
        if item.fault is not None:
            planted.append(Planted(identity, item.fault.reason or "", item.fault.what))
    if layout.lists is not None:
        layout.lists(folder, rows)
    kept = sum(item.fault in (None, Fault.LIES, Fault.DUPLICATE) for item in items)
    write_planted(folder, planted, kept)
    return planted


def _items(layout: Layout, clips: int, faults: bool) -> Iterator[Item]:
    """A quarter of every class is test; faults come last, in train and test in turn."""
    for number in range(clips * CLASSES_PRESENT):
        split = "test" if number // CLASSES_PRESENT % 4 == 3 else "train"
        yield Item(number, number % CLASSES_PRESENT, split)
    for place, fault in enumerate(layout.faults if faults else ()):
        number = clips * CLASSES_PRESENT + place
        yield Item(number, number % CLASSES_PRESENT, ("train", "test")[place % 2], fault)


def _write_lines(path: Path, lines: list[str], mark: bool = False) -> None:
    """A list as published: CRLF line ends, some with a byte order mark."""
    path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + "".join(f"{line}\r\n" for line in lines).encode())


def _cremad_place(folder: Path, item: Item) -> tuple[str, Path, Path]:
    emotion = cremad.EMOTIONS[item.label]
    words = [str(1001 + item.number % 12), _SENTENCES[item.number // 12 % 12], emotion, "XX"]
    name = "-".join(words) if item.fault is Fault.WRONG_ID else "_".join(words)
    return name, folder / "AudioWAV" / f"{name}.wav", folder / "VideoFlash" / f"{name}.flv"


def _cremad_lists(folder: Path, rows: list[tuple[str, Item]]) -> None:
    def line(name: str, item: Item) -> str:
        return f"{name},{'JOY' if item.fault is Fault.UNKNOWN_CLASS else cremad.EMOTIONS[item.label]}"

    for split in ("train", "test"):
        lines = [line(name, item) for name, item in rows if item.split == split]
        _write_lines(folder / f"{split}.csv", lines, mark=split == "train")


def _cremad_finished_place(folder: Path, item: Item) -> tuple[str, Path, Path]:
    """One image and one wav of each clip, in folders by split and class."""
    name, sound, _ = _cremad_place(folder, item)
    emotion = "JOY" if item.fault is Fault.UNKNOWN_CLASS else cremad.EMOTIONS[item.label]
    place = folder / "processed_dataset" / item.split
    return name, place / "audio" / emotion / sound.name, place / "visual" / emotion / f"{name}.jpg"


def _cremad_finished_lists(folder: Path, rows: list[tuple[str, Item]]) -> None:
    """There is no list; a duplicate is a second image of a name."""
    _double_images(rows, lambda item: _cremad_finished_place(folder, item)[2])


def _double_images(rows: list[tuple[str, Item]], image_of: Callable[[Item], Path]) -> None:
    """A second image, with another suffix, of what is to be a duplicate."""
    for _, item in rows:
        if item.fault is Fault.DUPLICATE:
            image = image_of(item)
            image.with_suffix(".jpeg").write_bytes(image.read_bytes())


def _youtube(item: Item) -> str:
    return f"corpus{item.number:0{4 if item.fault is Fault.WRONG_ID else 5}d}"  # eleven characters; ten are wrong


def _vggsound_place(folder: Path, item: Item) -> tuple[str, Path, Path]:
    start = 10 * (item.number % 30)
    video = folder / "video" / item.split / f"{_youtube(item)}_{start:06d}.mp4"
    return f"{_youtube(item)}_{start}", video, video


def _vggsound_lists(folder: Path, rows: list[tuple[str, Item]]) -> None:
    labels = ["playing the grating, slowly", "tone sounding", "people generating"]
    lines = [f'{name.rsplit("_", 1)[0]},{name.rsplit("_", 1)[1]},"{labels[i.label]}",{i.split}' for name, i in rows]
    _write_lines(folder / "vggsound.csv", lines)


def _kinetics_id(item: Item) -> str:
    start = item.number % 100
    return f"{_youtube(item)}_{start:06d}_{start + 10:06d}" if item.split == "train" else f"{_youtube(item)}_{start}"


def _kinetics_place(folder: Path, item: Item) -> tuple[str, Path, Path]:
    """Raw clips: test clips lie in `val`, some are avi, some replaced."""
    start, suffix = item.number % 100, ".avi" if item.number % 2 or item.fault is Fault.LIES else ".mp4"
    where = "train" if item.split == "train" else ("replacement" if item.number % 5 == 0 else "val")
    video = folder / "k400" / where / f"{_youtube(item)}_{start:06d}_{start + 10:06d}{suffix}"
    return _kinetics_id(item), video, video


def _finished_place(folder: Path, item: Item) -> tuple[str, Path, Path]:
    """The folders that the published scripts leave behind: test names cut to the YouTube id."""
    name, label = _kinetics_id(item), kinetics_sounds.CLASSES[item.label]
    stem = name if item.split == "train" else _youtube(item)
    place = folder / item.split
    return name, place / "audio" / label / f"{stem}.wav", place / "video" / label / stem


def _kinetics_lists(folder: Path, rows: list[tuple[str, Item]]) -> None:
    for split in ("train", "test"):
        named = [(name, 99 if i.fault is Fault.UNKNOWN_CLASS else i.label) for name, i in rows if i.split == split]
        _write_lines(folder / f"my_{split}.txt", [f"{name},10,{label}" for name, label in named])


def _urbansound_place(folder: Path, item: Item) -> tuple[str, Path, Path]:
    """Three slices of a class from every recording, so that the published split shares recordings."""
    label = urbansound8k_av.CLASSES[item.label]
    recording = f"{100_000 + item.number // (3 * CLASSES_PRESENT)}"
    if item.fault is not None and item.split == "train":  # the first names of a class are train, the last are test
        recording = f"0{item.number}"
    stem = f"{recording}-{item.label}-0-{item.number}"
    return (
        stem,
        folder / "Dataset_v3_sound" / label / f"{stem}.wav",
        folder / "Dataset_v3_vision" / label / f"{stem}.jpg",
    )


def _urbansound_lists(folder: Path, rows: list[tuple[str, Item]]) -> None:
    """There is no list; a duplicate is a second image of a name."""
    _double_images(rows, lambda item: _urbansound_place(folder, item)[2])


def _folder_place(folder: Path, item: Item) -> tuple[str, Path, Path]:
    label = ("horizontal", "slanted", "steep")[item.label]
    suffix = ".flv" if item.fault is Fault.LIES else (".mp4", ".avi")[item.number % 2]
    video = folder / label / f"person{item.number % 8}_{item.number:03d}{suffix}"
    return f"{label}/{video.stem}", video, video


def _folder_lists(folder: Path, rows: list[tuple[str, Item]]) -> None:
    """There is no list; a duplicate is a second container of a name."""
    for _, item in rows:
        if item.fault is Fault.DUPLICATE:
            video = _folder_place(folder, item)[2]
            video.with_suffix(".mkv").write_bytes(video.read_bytes())


_FLV = (Fault.MISSING_PICTURES, Fault.NO_PICTURES, Fault.CUT_PICTURES, Fault.EMPTY_PICTURES, Fault.LIES)
_FRAMES = (Fault.MISSING_PICTURES, Fault.CUT_PICTURES, Fault.EMPTY_PICTURES, Fault.TOO_SHORT)
_IMAGE = (Fault.MISSING_PICTURES, Fault.CUT_PICTURES, Fault.EMPTY_PICTURES)
_YOUTUBE = (Fault.WRONG_ID, Fault.DUPLICATE)
LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout("cremad", (*_WAV, *_FLV, *_LISTED), _cremad_place, _cremad_lists, 22, 10),
        Layout("cremad_finished", (*_WAV, *_IMAGE, *_LISTED), _cremad_finished_place, _cremad_finished_lists, 3, 1),
        Layout("vggsound", (*_VIDEO, *_YOUTUBE, Fault.TOO_SHORT), _vggsound_place, _vggsound_lists, 21, 5),
        Layout("kinetics_sounds", (*_VIDEO, *_LISTED, Fault.TOO_SHORT), _kinetics_place, _kinetics_lists, 20, 10),
        Layout("kinetics_sounds_finished", (*_WAV, *_FRAMES, *_LISTED), _finished_place, _kinetics_lists, 10, 5),
        Layout("urbansound8k_av", (*_WAV, *_IMAGE, Fault.DUPLICATE), _urbansound_place, _urbansound_lists, 2, 1),
        Layout("folder", (*_VIDEO[1:], Fault.DUPLICATE), _folder_place, _folder_lists, 22, 10),
    )
}
