"""CMU-MOSI in the pickle that MAG and MIM publish; utterances by split as MAG counts them."""

from __future__ import annotations

from mmlib.data.mosi.published import PublishedSet

__all__ = ["LAYOUT", "PUBLISHED", "inputs", "missing", "notes", "prepare_folder"]

PUBLISHED = PublishedSet("mosi", "mosi.pkl", {"train": 1281, "validation": 229, "test": 685})
LAYOUT = PUBLISHED.layout
missing, inputs = PUBLISHED.missing, PUBLISHED.inputs
prepare_folder, notes = PUBLISHED.prepare_folder, PUBLISHED.notes
