"""Crops, flips and resizing of whole batches of frames, on any device, with every random number given from outside.

Published code does (OGM-GE): train = RandomResizedCrop(224) with torchvision's defaults and a horizontal flip, drawn
independently for every frame; test = resize to exactly 224 x 224, no centre crop; both then normalise with ImageNet's
mean and deviation.
We do: the same, as two matrix products per frame (rows, then columns) whose weights are the triangle filter of an
antialiased bilinear resize restricted to the frame's box. A box and a resize are then one operation for all frames.
`resize_bytes` is the fast alternative on a CPU: bytes and whole pixels, frame by frame, nearly Pillow's values.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from mmlib.data import room

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)

ATTEMPTS = 10  # torchvision's RandomResizedCrop tries ten boxes, then falls back to the centre
DRAWS_PER_FRAME = 4 * ATTEMPTS + 1


def normalise(frames: Tensor, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Tensor:
    """uint8 or float frames `(..., C)` in 0..255 to float32, `(x / 255 - mean) / deviation` per channel."""
    shift, scale = (values.to(frames.device, non_blocking=True) for values in _shift_and_scale(mean, deviation))
    return (frames.float() - shift) * scale


def _shift_and_scale(mean: tuple[float, ...], deviation: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """What is subtracted from bytes and what they are multiplied by, `(C,)` each."""
    return torch.tensor(mean) * 255, 1 / (torch.tensor(deviation) * 255)


def whole_boxes(frames: int, height: int | Tensor, width: int | Tensor) -> Tensor:
    """The box (top, left, height, width) that covers each of `frames` frames, `(M, 4)`; sides may be given for each."""
    sides = [torch.as_tensor(side).expand(frames) for side in (0, 0, height, width)]
    return torch.stack(sides, dim=1)


def random_boxes(
    uniform: Tensor,
    height: int | Tensor,
    width: int | Tensor,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """Boxes (top, left, height, width) of torchvision's `RandomResizedCrop` from uniform numbers `(M, 40)`: `(M, 4)`.

    `height` and `width` in pixels, of all pictures or one for each `(M,)`. An attempt draws an area share in `scale`
    and a log-uniform aspect in `ratio`; the first that fits is placed uniformly. Where none of ten fits, the largest
    centred box with an allowed aspect is taken.
    """
    area_u, ratio_u, top_u, left_u = uniform.view(len(uniform), 4, ATTEMPTS).unbind(1)  # each (M, 10)
    height, width = (torch.as_tensor(side, device=uniform.device).view(-1, 1) for side in (height, width))
    area = height * width * (scale[0] + area_u * (scale[1] - scale[0]))
    low, high = torch.tensor(ratio).log()
    aspect = torch.exp(low + ratio_u * (high - low))
    w = torch.sqrt(area * aspect).round().long()
    h = torch.sqrt(area / aspect).round().long()
    fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
    first = fits.to(torch.int8).argmax(dim=1, keepdim=True)  # (M, 1): the first attempt that fits, 0 if none does
    h, w = h.gather(1, first)[:, 0], w.gather(1, first)[:, 0]
    height, width = height[:, 0], width[:, 0]
    top = (top_u.gather(1, first)[:, 0] * (height - h + 1)).long()
    left = (left_u.gather(1, first)[:, 0] * (width - w + 1)).long()
    boxes = torch.stack([top, left, h, w], dim=1)  # (M, 4)
    return torch.where(fits.any(dim=1, keepdim=True), boxes, _central_boxes(height, width, ratio))


def _central_boxes(height: Tensor, width: Tensor, ratio: tuple[float, float]) -> Tensor:
    """The largest centred boxes of an allowed aspect, `(M, 4)` or `(1, 4)`."""
    narrow, wide = width / height < ratio[0], width / height > ratio[1]
    w = torch.where(wide, (height * ratio[1]).round().long(), width)
    h = torch.where(narrow, (width / ratio[0]).round().long(), height)
    return torch.stack([(height - h) // 2, (width - w) // 2, h, w], dim=1)


def central_boxes(height: Tensor, width: Tensor, share: float) -> Tensor:
    """Centred squares with `share` of the shorter side: a resize to `size / share`, then a centre crop of `size`."""
    side = share * torch.minimum(height, width)
    return torch.stack([(height - side) / 2, (width - side) / 2, side, side], dim=1)  # (M, 4)


def scale_boxes(boxes: Tensor, height: Tensor, width: Tensor, stored: tuple[int, int]) -> Tensor:
    """Boxes `(M, 4)` of pictures of `height` and `width` (M,), moved to where they lie in `stored` (H, W) copies."""
    down, across = stored[0] / height, stored[1] / width
    return boxes * torch.stack([down, across, down, across], dim=1)


def whole_pixels(boxes: Tensor, stored: tuple[int, int]) -> Tensor:
    """Boxes `(M, 4)` with their edges moved to the nearest pixels of `stored` (H, W) pictures: at least one pixel."""
    sides = torch.tensor(stored)
    start = torch.minimum(boxes[:, :2].round().long(), sides - 1)
    end = torch.minimum((boxes[:, :2] + boxes[:, 2:]).round().long(), sides)
    return torch.cat([start, torch.maximum(end - start, torch.ones_like(end))], dim=1)


def resize_bytes(
    pictures: np.ndarray,
    rows: np.ndarray,
    picked: np.ndarray,
    boxes: Tensor,
    size: int,
    flip: Tensor | None,
    mean: tuple[float, ...],
    deviation: tuple[float, ...],
) -> Tensor:
    """Cut, resize (antialiased bilinear, in bytes) and normalise: `(n, C, T, size, size)` float32.

    Only the pixels of a box are read, so `pictures` (N, S, H, W, C) may be a memory map. `picked` (n, T) are the frames
    of the `rows` (n,), `boxes` (n · T, 4) whole pixels. Values are rounded to bytes after each axis.
    """
    pictures = np.asarray(pictures)  # slices of a memory map are slow to make
    shift, scale = (values[:, None, None] for values in _shift_and_scale(mean, deviation))
    values = room.empty(len(rows), pictures.shape[-1], picked.shape[1], size, size)
    places = values.transpose(1, 2).unbind()  # of each row, (T, C, size, size)
    stored = np.repeat(rows, picked.shape[1]).tolist(), picked.ravel().tolist()
    mirrored = [False] * len(boxes) if flip is None else flip.tolist()
    # Boxes differ in size, so there is no call for all of them.
    targets = (frame for place in places for frame in place.unbind())
    for target, row, frame, (top, left, height, width), mirror in zip(
        targets, *stored, boxes.tolist(), mirrored, strict=True
    ):
        cut = torch.from_numpy(pictures[row, frame, top : top + height, left : left + width].copy())
        cut = interpolate(cut.permute(2, 0, 1)[None], (size, size), mode="bilinear", antialias=True)[0]
        torch.sub(cut.flip(-1) if mirror else cut, shift, out=target).mul_(scale)
    return values


def resize_boxes(frames: Tensor, boxes: Tensor, size: int, flip: Tensor | None = None) -> Tensor:
    """Cut `boxes` (M, 4) from `frames` (M, H, W, C) and resize each to `(M, C, size, size)`, antialiased bilinear.

    `flip` (M,) bool mirrors left and right. Values stay in the frames' range; the result is float32.
    """
    boxes = boxes.to(frames.device)
    rows = resize_weights(boxes[:, 0], boxes[:, 2], frames.shape[1], size)  # (M, size, H)
    columns = resize_weights(boxes[:, 1], boxes[:, 3], frames.shape[2], size)  # (M, size, W)
    if flip is not None:
        columns = torch.where(flip.to(frames.device)[:, None, None], columns.flip(1), columns)
    pixels = frames.permute(0, 3, 1, 2).float()  # (M, C, H, W)
    return rows[:, None] @ (pixels @ columns[:, None].transpose(-1, -2))  # (M, C, size, size)


def resize_weights(start: Tensor, length: Tensor, source: int, size: int) -> Tensor:
    """Weights `(M, size, source)` that resize the interval `[start, start + length)` of `source` pixels to `size`.

    Each output pixel is the triangle-weighted mean of the input pixels around its centre; the triangle widens when
    shrinking (antialiasing), and pixels outside the interval have no weight.
    """
    step = (length / size)[:, None, None]  # input pixels per output pixel
    support = step.clamp(min=1.0)
    centre = start[:, None, None] + (torch.arange(size, device=start.device)[None, :, None] + 0.5) * step
    pixel = torch.arange(source, device=start.device)[None, None, :]
    weights = (1 - (pixel + 0.5 - centre).abs() / support).clamp(min=0)  # (M, size, source)
    inside = (pixel + 0.5 > start[:, None, None]) & (pixel + 0.5 < (start + length)[:, None, None])
    weights = weights * inside
    return weights / weights.sum(dim=2, keepdim=True)
