"""Figures, drawn from records only: house style, and one file per kind of figure."""

from mmlib.figures.captions import caption_of, set_caption
from mmlib.figures.curves import curves_figure, read_history
from mmlib.figures.statements import statement_figure
from mmlib.figures.style import COLUMN, FULL, PALETTE, greyscale, save_figure, style
from mmlib.figures.table import table_figure

__all__ = [
    "COLUMN",
    "FULL",
    "PALETTE",
    "caption_of",
    "curves_figure",
    "greyscale",
    "read_history",
    "save_figure",
    "set_caption",
    "statement_figure",
    "style",
    "table_figure",
]
