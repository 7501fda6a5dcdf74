"""Crop, resize and flip in batches: against torchvision and a slow loop."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.functional import normalize, resize

from mmlib.data.transforms import (
    ATTEMPTS,
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    central_boxes,
    normalise,
    random_boxes,
    resize_boxes,
    resize_bytes,
    scale_boxes,
    whole_boxes,
    whole_pixels,
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


def test_boxes_of_pictures_of_different_sizes_are_those_of_each_alone():
    uniform = torch.rand(6, 4 * 10)
    heights, widths = torch.tensor([360, 50, 50, 900, 256, 10]), torch.tensor([480, 50, 700, 90, 256, 300])
    together = random_boxes(uniform, heights, widths)
    for row, (height, width) in enumerate(zip(heights.tolist(), widths.tolist(), strict=True)):
        assert torch.equal(together[row], random_boxes(uniform[row : row + 1], height, width)[0])


def test_a_crop_drawn_on_the_original_is_found_in_the_stored_copy():
    """A picture of 360 x 480 stored at 90 x 90: crop and resize give nearly what the original gives."""
    rows, columns = torch.meshgrid(torch.arange(360.0), torch.arange(480.0), indexing="ij")
    original = torch.stack([rows / 360, columns / 480, rows * columns / (360 * 480)], dim=-1)[None] * 255
    whole = whole_boxes(1, 360, 480)
    stored = resize_boxes(original, whole, 90).permute(0, 2, 3, 1)  # (1, 90, 90, 3)
    box = torch.tensor([[36, 120, 200, 240]])
    size = torch.tensor([360]), torch.tensor([480])
    moved = scale_boxes(box, *size, (90, 90))
    torch.testing.assert_close(moved, torch.tensor([[9.0, 22.5, 50.0, 45.0]]))
    difference = resize_boxes(stored, moved, 40) - resize_boxes(original, box, 40)
    assert difference[:, :, 2:-2, 2:-2].abs().max() < 1.0  # of 255
    assert central_boxes(*size, 0.5).tolist() == [[90.0, 150.0, 180.0, 180.0]]


BOXES = torch.tensor([[0, 0, 50, 70], [3, 5, 40, 20], [10, 0, 9, 33], [0, 30, 50, 40], [49, 69, 1, 1], [7, 7, 12, 12]])
STORED = FRAMES.numpy()[:, None], np.arange(6), np.zeros((6, 1), int)  # each row's only frame
BYTES = {"mean": (0.0,) * 3, "deviation": (1 / 255,) * 3}  # nothing is changed by normalising


@pytest.mark.parametrize("size", [16, 32, 96])
def test_fast_resize_gives_pillows_bytes_nearly(size):
    """The published loaders' values; of pure noise a few differ, by two grey levels at most."""
    shown = resize_bytes(*STORED, BOXES, size, None, **BYTES)[:, :, 0]
    pillow = []
    for frame, (top, left, height, width) in zip(FRAMES.numpy(), BOXES.tolist(), strict=True):
        cut = Image.fromarray(frame[top : top + height, left : left + width])
        pillow.append(np.asarray(cut.resize((size, size), Image.Resampling.BILINEAR)))
    difference = np.abs(shown.permute(0, 2, 3, 1).numpy() - np.stack(pillow))
    assert difference.max() < 2.01
    assert (difference > 0.5).mean() < 0.1
    exact = resize_boxes(FRAMES, BOXES, size)
    assert (shown - exact).abs().max() < 1.05, "the unrounded values are a grey level away at most"


def test_fast_resize_mirrors_and_normalises():
    flip = torch.tensor([True, False, True, False, False, True])
    plain, flipped = (resize_bytes(*STORED, BOXES, 24, f, **BYTES)[:, :, 0] for f in (None, flip))
    assert torch.equal(flipped[flip], plain[flip].flip(-1))
    assert torch.equal(flipped[~flip], plain[~flip])
    normal = resize_bytes(*STORED, BOXES, 24, flip, IMAGENET_MEAN, IMAGENET_DEVIATION)[:, :, 0]
    torch.testing.assert_close(normal, normalize(flipped / 255, IMAGENET_MEAN, IMAGENET_DEVIATION))


def test_whole_pixels_are_the_nearest_and_never_none():
    boxes = torch.tensor([[0.4, 9.6, 10.2, 10.3], [49.8, 69.9, 0.1, 0.05], [3, 5, 40, 20], [-0.1, 0.0, 50.3, 70.2]])
    assert whole_pixels(boxes, (50, 70)).tolist() == [[0, 10, 11, 10], [49, 69, 1, 1], [3, 5, 40, 20], [0, 0, 50, 70]]
    assert torch.equal(whole_pixels(BOXES, (50, 70)), BOXES)


def test_fast_resize_takes_the_frames_of_a_row_one_by_one():
    film = FRAMES.numpy()[None, :4]  # one row of four frames
    shown = resize_bytes(film, np.array([0, 0]), np.array([[2, 0], [3, 3]]), BOXES[:4], 8, None, **BYTES)
    assert shown.shape == (2, 3, 2, 8, 8)
    for place, frame in enumerate((2, 0, 3, 3)):
        alone = resize_bytes(film, np.zeros(1, int), np.array([[frame]]), BOXES[place : place + 1], 8, None, **BYTES)
        assert torch.equal(shown[place // 2, :, place % 2], alone[0, :, 0])
