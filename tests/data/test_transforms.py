"""Crop, resize and flip in batches: against torchvision and a slow loop."""

import numpy as np
import pytest
import torch
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.functional import normalize, resize

from mmlib.data.transforms import (
    ATTEMPTS,
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    normalise,
    random_boxes,
    resize_boxes,
    whole_boxes,
)

FRAMES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (6, 50, 70, 3), dtype=np.uint8))


def by_torchvision(frame, box, size):
    top, left, height, width = (int(number) for number in box)
    cut = frame[top : top + height, left : left + width].permute(2, 0, 1).double()
    return resize(cut, [size, size], antialias=True)


@pytest.mark.parametrize("size", [16, 32, 96])
def test_resize_of_boxes_equals_torchvision(size):
    boxes = torch.tensor(
        [[0, 0, 50, 70], [3, 5, 40, 20], [10, 0, 9, 33], [0, 30, 50, 40], [49, 69, 1, 1], [7, 7, 12, 12]]
    )
    ours = resize_boxes(FRAMES, boxes, size)
    assert ours.shape == (6, 3, size, size)
    for frame, box, result in zip(FRAMES, boxes, ours, strict=True):
        torch.testing.assert_close(result.double(), by_torchvision(frame, box, size), atol=0.01, rtol=0)


def test_resize_to_own_size_changes_nothing():
    square = FRAMES[:, :, :50]
    result = resize_boxes(square, whole_boxes(6, 50, 50), 50)
    torch.testing.assert_close(result, square.permute(0, 3, 1, 2).float())


def test_flip_mirrors_only_the_chosen():
    flip = torch.tensor([True, False, True, False, False, False])
    boxes = whole_boxes(6, 50, 70)
    plain, flipped = resize_boxes(FRAMES, boxes, 24), resize_boxes(FRAMES, boxes, 24, flip)
    torch.testing.assert_close(flipped[flip], plain[flip].flip(-1))
    assert torch.equal(flipped[~flip], plain[~flip])


def slow_box(uniform, height, width):
    """One frame's box, attempt by attempt."""
    areas, ratios, tops, lefts = uniform.reshape(4, ATTEMPTS).tolist()
    for a, r, t, l in zip(areas, ratios, tops, lefts, strict=True):
        area = height * width * (0.08 + a * 0.92)
        aspect = np.exp(np.log(3 / 4) + r * (np.log(4 / 3) - np.log(3 / 4)))
        w, h = round(np.sqrt(area * aspect)), round(np.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            return [int(t * (height - h + 1)), int(l * (width - w + 1)), h, w]
    return None


def test_boxes_equal_the_slow_way():
    uniform = torch.rand(300, 4 * ATTEMPTS, generator=torch.Generator().manual_seed(0))
    boxes = random_boxes(uniform, 256, 341)
    assert boxes.shape == (300, 4)
    for row, box in zip(uniform, boxes, strict=True):
        assert np.abs(np.array(slow_box(row, 256, 341)) - box.numpy()).max() <= 1  # float32 against float64


def test_boxes_are_inside_and_spread_like_torchvision():
    uniform = torch.rand(4000, 4 * ATTEMPTS, generator=torch.Generator().manual_seed(1))
    boxes = random_boxes(uniform, 240, 320)
    top, left, height, width = boxes.unbind(1)
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height <= 240).all()
    assert (left + width <= 320).all()
    torch.manual_seed(0)
    blank = torch.empty(1, 240, 320)
    theirs = torch.tensor([RandomResizedCrop.get_params(blank, (0.08, 1.0), (3 / 4, 4 / 3)) for _ in range(4000)])
    for column in range(4):
        ours_mean, theirs_mean = boxes[:, column].float().mean(), theirs[:, column].float().mean()
        assert abs(ours_mean - theirs_mean) < 4 * theirs[:, column].float().std() / 4000**0.5 * 2**0.5


def test_fallback_is_the_largest_central_box():
    always_too_wide = torch.ones(2, 4 * ATTEMPTS) * 0.999
    boxes = random_boxes(always_too_wide, 10, 100)
    torch.testing.assert_close(boxes, torch.tensor([[0, 43, 10, 13]]).expand(2, 4))


def test_normalise_equals_torchvision():
    ours = normalise(FRAMES, IMAGENET_MEAN, IMAGENET_DEVIATION).permute(0, 3, 1, 2)
    theirs = normalize(FRAMES.permute(0, 3, 1, 2).float() / 255, IMAGENET_MEAN, IMAGENET_DEVIATION)
    torch.testing.assert_close(ours, theirs)
