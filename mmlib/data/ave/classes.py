"""The 28 events of AVE in the order of the published files, and how many clips and segments each has.

Source: AVE (Tian et al. 2018), counted in its `Annotations.txt` and order files. The class number is the place of the
name's first row in the complete file; a part of the file would give other numbers, so names are mapped here instead.
"""

from __future__ import annotations

SEGMENTS = 10  # one-second segments of a clip

# Name: (clips, segments with the event) for train, validation and test.
PUBLISHED: dict[str, tuple[tuple[int, int], tuple[int, int], tuple[int, int]]] = {
    "Church bell": ((152, 1333), (18, 168), (18, 140)),
    "Male speech, man speaking": ((142, 934), (17, 87), (17, 126)),
    "Bark": ((137, 818), (17, 111), (17, 89)),
    "Fixed-wing aircraft, airplane": ((148, 1298), (18, 156), (18, 160)),
    "Race car, auto racing": ((152, 1116), (18, 127), (18, 128)),
    "Female speech, woman speaking": ((141, 1122), (17, 140), (17, 135)),
    "Helicopter": ((144, 1186), (17, 143), (17, 133)),
    "Violin, fiddle": ((151, 1400), (18, 162), (18, 151)),
    "Flute": ((138, 1345), (17, 160), (17, 161)),
    "Ukulele": ((131, 1253), (16, 141), (16, 152)),
    "Frying (food)": ((146, 1134), (18, 136), (18, 139)),
    "Truck": ((112, 1001), (13, 117), (13, 124)),
    "Shofar": ((82, 664), (10, 78), (10, 88)),
    "Motorcycle": ((81, 740), (9, 81), (9, 75)),
    "Acoustic guitar": ((150, 1472), (18, 177), (18, 178)),
    "Train horn": ((142, 1364), (17, 164), (17, 158)),
    "Clock": ((128, 1259), (16, 156), (16, 160)),
    "Banjo": ((147, 1454), (18, 180), (18, 175)),
    "Goat": ((80, 712), (10, 85), (10, 89)),
    "Baby cry, infant cry": ((67, 436), (8, 55), (8, 63)),
    "Bus": ((57, 455), (6, 31), (6, 36)),
    "Chainsaw": ((128, 1034), (16, 128), (16, 126)),
    "Cat": ((48, 288), (6, 27), (6, 33)),
    "Horse": ((52, 249), (6, 25), (6, 43)),
    "Toilet flush": ((144, 854), (18, 115), (18, 109)),
    "Rodents, rats, mice": ((89, 610), (10, 71), (10, 80)),
    "Accordion": ((124, 1059), (15, 124), (15, 107)),
    "Mandolin": ((126, 1169), (15, 143), (15, 147)),
}
EVENTS = tuple(PUBLISHED)
BACKGROUND = len(EVENTS)  # 28: the class of a segment in which the event is not both seen and heard
CLASSES = (*EVENTS, "background")
CLIPS = 4143
BACKGROUND_CLIPS = 178  # background-only clips for weak supervision

# Rows (sample numbers) that share their video with a train row, always under another class name.
LEAKY_TEST = (339, 680, 785, 931, 1374, 2397, 4074, 4113)
LEAKY_VALIDATION = (936, 2258, 2867, 2875, 2909, 2942, 2945, 4045, 4126, 4137)
