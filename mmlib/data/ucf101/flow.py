"""Optical flow of two neighbouring frames, as the published flow files hold it: bytes, 128 for no motion.

Published flow of UCF-101 is TV-L1's, cut to 20 pixels a frame either way. Where its files are absent flow is computed
by OpenCV's dense inverse search (Kroeger et al., ECCV 2016; preset medium), which takes some milliseconds a pair where
TV-L1 takes a second. OpenCV is no dependency of the workbook: it is needed here alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

BOUND = 20.0  # pixels a frame
NAME = "OpenCV, dense inverse search"


def flow_bytes(first: Image, second: Image, size: int) -> np.ndarray:
    """Flow `(2, size, size)` uint8 from one frame to the next: horizontal, vertical, positive to the right and down.

    Raises `DataError` without OpenCV.
    """
    from PIL import Image as Images

    from mmlib.data.media.pictures import shrunk

    cv2 = _opencv()
    method = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [np.asarray(image.convert("L")) for image in (first, second)]
    flow = method.calc(grey[0], grey[1], None)  # (H, W, 2)
    return np.stack([shrunk(Images.fromarray(to_bytes(flow[..., axis])), (size, size)) for axis in range(2)])


def to_bytes(flow: np.ndarray) -> np.ndarray:
    """Pixels a frame as the published files store them: -20 to 20 become 0 to 255."""
    return np.rint((np.clip(flow, -BOUND, BOUND) + BOUND) * (255 / (2 * BOUND))).astype(np.uint8)


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise DataError(
            "the flow files of UCF-101 (tvl1_flow/u, tvl1_flow/v) are not in the source, and computing flow needs "
            "OpenCV: get the files, or install it: pip install 'mmlib[flow]'."
        ) from error
    return cv2
