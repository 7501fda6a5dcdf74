"""CMU-MOSEI in the pickle that MAG and MIM publish; utterances by split as MAG counts them."""

from __future__ import annotations

from mmlib.data.mosi.published import PublishedSet

__all__ = ["LAYOUT", "PUBLISHED", "inputs", "missing", "notes", "prepare_folder"]

PUBLISHED = PublishedSet("mosei", "mosei.pkl", {"train": 16265, "validation": 1869, "test": 4643})
LAYOUT = PUBLISHED.layout
missing, inputs = PUBLISHED.missing, PUBLISHED.inputs
prepare_folder, notes = PUBLISHED.prepare_folder, PUBLISHED.notes
