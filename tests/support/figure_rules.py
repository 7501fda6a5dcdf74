"""What holds of every figure: text that can be read at the printed width, a caption, nothing beyond the page."""

from __future__ import annotations

from typing import Any

import matplotlib.text

from mmlib.figures import FULL, caption_of


def keeps_the_rules(figure: Any, caption: bool = True) -> bool:
    """Raises `AssertionError` with what a figure breaks; True otherwise, so that it can be asserted."""
    figure.draw_without_rendering()
    box = figure.get_tightbbox()  # inches
    assert figure.get_figwidth() <= FULL + 1e-6
    assert -0.02 < box.x0 < box.x1 < figure.get_figwidth() + 0.02, box
    assert -0.02 < box.y0 < box.y1 < figure.get_figheight() + 0.02, box
    shown = [text for text in figure.findobj(matplotlib.text.Text) if text.get_visible() and text.get_text().strip()]
    sizes = {(text.get_fontsize(), text.get_text()) for text in shown if not 7 <= text.get_fontsize() <= 9}
    assert not sizes, f"7 to 9 points: {sorted(sizes)[:5]}"
    assert not caption or caption_of(figure), "what it shows stands below it"
    assert figure._suptitle is None, "titles are captions"
    return True
