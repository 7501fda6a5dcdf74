"""Tiny corpora of real encoded files in the published folder layouts, with faults planted in them.

They try the way from raw media to a trained cell where the media are not at hand, and hold the preparation to account:
every planted fault must appear in the manifest under its reason, and nothing else may be skipped.
"""

from mmlib.data.corpora.layouts import LAYOUTS, write_corpus
from mmlib.data.corpora.planting import Planted, differences, read_planted

__all__ = ["LAYOUTS", "Planted", "differences", "read_planted", "write_corpus"]
