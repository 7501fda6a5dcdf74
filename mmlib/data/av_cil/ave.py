"""AVE as AV-CIL divides it: 28 classes in 4 steps of 7. Names in the order of their ids; clips counted in its lists."""

from __future__ import annotations

from mmlib.data.av_cil.published import PublishedSet

__all__ = ["LAYOUT", "PUBLISHED", "inputs", "missing", "notes", "prepare_folder", "report"]

# Clips of train, validation and test.
COUNTS = {
    "Acoustic guitar": (149, 18, 17),
    "Cat": (48, 6, 6),
    "Fixed-wing aircraft, airplane": (147, 18, 17),
    "Frying (food)": (146, 18, 18),
    "Ukulele": (124, 16, 16),
    "Helicopter": (143, 17, 17),
    "Mandolin": (122, 12, 13),
    "Bus": (57, 6, 6),
    "Train horn": (142, 17, 17),
    "Male speech, man speaking": (135, 17, 16),
    "Clock": (128, 16, 16),
    "Race car, auto racing": (151, 18, 17),
    "Toilet flush": (144, 18, 18),
    "Female speech, woman speaking": (140, 16, 16),
    "Violin, fiddle": (147, 18, 17),
    "Chainsaw": (127, 16, 16),
    "Flute": (137, 17, 17),
    "Church bell": (152, 18, 18),
    "Motorcycle": (79, 8, 9),
    "Banjo": (134, 12, 18),
    "Rodents, rats, mice": (89, 10, 10),
    "Truck": (112, 13, 13),
    "Bark": (136, 17, 17),
    "Baby cry, infant cry": (67, 8, 8),
    "Horse": (52, 6, 6),
    "Accordion": (124, 15, 15),
    "Shofar": (82, 10, 10),
    "Goat": (80, 10, 10),
}
PUBLISHED = PublishedSet("av_cil_ave", "AVE", steps=4, memory=340, counts=COUNTS)
LAYOUT = PUBLISHED.layout
missing, inputs, prepare_folder = PUBLISHED.missing, PUBLISHED.inputs, PUBLISHED.prepare_folder
report, notes = PUBLISHED.report, PUBLISHED.notes
