"""How well contributions find the modality of a sample that says nothing, where the data know which it is."""

from __future__ import annotations

import numpy as np

from mmlib.errors import UsageError
from mmlib.valuation.contributions import Contributions


def uninformative_auc(contributions: Contributions, informative: np.ndarray) -> float | None:
    """Chance that a modality that says nothing has the lower contribution of two, equal ones counting half.

    Samples in which every modality is alike do not count. Of the others each modality is a case, scored by how far its
    contribution lies below the mean of its sample; the two are an uninformative case and an informative one, of any two
    samples. (The area under the ROC curve; ½ where contributions say nothing.)

    Args:
        contributions: to N samples of n modalities.
        informative: (N, n) bool, in their order.

    Returns None where no sample counts. Raises `UsageError` for another shape.
    """
    told = np.asarray(informative, dtype=bool)
    units = contributions.units
    if told.shape != units.shape:
        raise UsageError(f"which modality is informative has the shape {told.shape}, the contributions {units.shape}.")
    mixed = told.any(axis=1) & ~told.all(axis=1)
    if not mixed.any():
        return None
    below = units[mixed].sum(axis=1, keepdims=True) - units.shape[1] * units[mixed]  # whole numbers, so ties are ties
    silent, speaking = below[~told[mixed]], np.sort(below[told[mixed]])
    lower, upper = (np.searchsorted(speaking, silent, side) for side in ("left", "right"))
    return float((lower + upper).mean() / (2 * len(speaking)))
