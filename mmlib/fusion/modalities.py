"""Names of modalities: the order in which a fusion or a modulation takes them, and which samples keep which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from mmlib.errors import UsageError

VISUAL, AUDIO = "visual", "audio"
PUBLISHED_PAIR = (VISUAL, AUDIO)


def in_order(modalities: Iterable[str]) -> tuple[str, ...]:
    """The modalities as given; the published pair as visual, audio, whatever order it is given in.

    ζ weighs the first of two, and random numbers are drawn in this order.
    """
    names = tuple(modalities)
    return PUBLISHED_PAIR if set(names) == set(PUBLISHED_PAIR) else names


def side_by_side(modalities: Iterable[str]) -> tuple[str, ...]:
    """The order of blocks in a concatenation: audio first for the published pair, otherwise as given."""
    names = in_order(modalities)
    return names[::-1] if names == PUBLISHED_PAIR else names


def kept_features(features: Mapping[str, Tensor], keep: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
    """Features with the rows of dropped modalities set to exactly zero, so that no gradient passes through them.

    Args:
        features: (B, ...) by modality.
        keep: (B,) bool by modality, False where a sample drops it; a modality that is not named is kept.

    Raises `UsageError` for a mask of an unknown modality, of another length or of another type.
    """
    features = dict(features)
    for modality, kept in (keep or {}).items():
        if modality not in features:
            raise UsageError(f"a keep mask names {modality!r}; the modalities are {', '.join(features)}.")
        value = features[modality]
        if kept.dtype != torch.bool or kept.shape != value.shape[:1]:
            raise UsageError(
                f"the keep mask of {modality} is {kept.dtype} of shape {tuple(kept.shape)}; it must be bool of shape "
                f"{tuple(value.shape[:1])}, one value per sample."
            )
        # A selection, not a product: zero times a value that is not finite would not be zero.
        features[modality] = torch.where(kept.view(-1, *(1,) * (value.dim() - 1)), value, 0)
    return features
