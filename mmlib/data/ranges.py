"""The one place where floats become a narrower type: nothing becomes infinite without a word."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmlib.errors import DataError

HALF_ADVICE = "Convert with --set storage=float32."


def narrowed(values: np.ndarray, dtype: Any, what: object, advice: str = "") -> np.ndarray:
    """`values` (...) as the float type `dtype`, rounded; values too small for it become zero, as in any rounding.

    Raises `DataError` where some are beyond its range or no numbers, counting them: "`what` holds ..., `advice`". For
    float16 the advice is to store float32, unless another is given.
    """
    values, dtype = np.asarray(values), np.dtype(dtype)
    limit = np.finfo(dtype).max
    if values.size and not max(values.max(), -values.min()) <= limit:  # also for a NaN, which no comparison passes
        beyond = int(np.sum(~(np.abs(values) <= limit)))
        advice = HALF_ADVICE if dtype == np.float16 and not advice else advice
        raise DataError(
            f"{what} holds {beyond:,} values beyond {limit:g} among {values.size:,} read together, more than {dtype} "
            f"can store. {advice}".rstrip()
        )
    return values.astype(dtype)
