"""Kinetics-Sounds as AV-CIL divides it: 30 classes in 5 steps of 6. Names in the order of their ids; clips counted in
its lists.

The 31 classes of `mmlib.data.kinetics_sounds` without mowing lawn.
"""

from __future__ import annotations

from mmlib.data.av_cil.published import PublishedSet

__all__ = ["LAYOUT", "PUBLISHED", "inputs", "missing", "notes", "prepare_folder", "report"]

# Clips of train, validation and test.
COUNTS = {
    "playing drums": (698, 68, 68),
    "bowling": (726, 59, 50),
    "shoveling snow": (635, 62, 65),
    "playing harmonica": (719, 65, 61),
    "tickling": (406, 66, 67),
    "chopping wood": (625, 57, 61),
    "dribbling basketball": (622, 61, 63),
    "laughing": (676, 68, 65),
    "playing organ": (473, 67, 72),
    "playing xylophone": (509, 64, 68),
    "playing keyboard": (493, 67, 62),
    "playing accordion": (693, 66, 68),
    "ripping paper": (354, 61, 60),
    "tapping pen": (518, 71, 70),
    "playing piano": (463, 64, 64),
    "playing saxophone": (702, 65, 66),
    "blowing out candles": (774, 59, 61),
    "playing trumpet": (715, 62, 63),
    "tap dancing": (740, 69, 67),
    "playing trombone": (893, 66, 67),
    "singing": (893, 63, 63),
    "playing bass guitar": (916, 65, 71),
    "shuffling cards": (594, 67, 66),
    "blowing nose": (307, 60, 57),
    "playing guitar": (919, 67, 68),
    "playing violin": (882, 66, 72),
    "playing bagpipes": (582, 65, 68),
    "stomping grapes": (272, 70, 66),
    "playing clarinet": (827, 69, 73),
    "tapping guitar": (594, 68, 66),
}
PUBLISHED = PublishedSet("av_cil_kinetics_sounds", "kinetics-sounds", steps=5, memory=500, counts=COUNTS)
LAYOUT = PUBLISHED.layout
missing, inputs, prepare_folder = PUBLISHED.missing, PUBLISHED.inputs, PUBLISHED.prepare_folder
report, notes = PUBLISHED.report, PUBLISHED.notes
