"""Views: noise at the right level and fixed where it must be, crops and frame picks of the published recipes."""

import numpy as np
import pytest
import torch

from mmlib.data.photographs import PhotoView, segment_picks
from mmlib.data.randomness import Draws, mix
from mmlib.data.spectrogram import PRESETS
from mmlib.data.views import AudioView, FeatureView, FrameView, ItemView, TokenView
from mmlib.errors import DataError

RNG = np.random.default_rng(0)
LENGTHS = np.array([2000, 4000, 8000])
SOUND = np.zeros((3, 8000), np.int16)
for row, length in enumerate(LENGTHS):
    left = (8000 - length) // 2
    SOUND[row, left : left + length] = RNG.normal(0, 500 * (row + 1), length)
ROWS = np.arange(3)


def draws(size=3, positions=None, epoch=0, batch=0):
    return Draws(5, epoch, batch, size, np.arange(size) if positions is None else np.asarray(positions))


def audio(training, **options):
    return AudioView(SOUND, 16_000, PRESETS["grid_words"], training=training, lengths=LENGTHS, **options)


def test_seeds_are_unrelated_and_stable():
    assert len({mix(a, b, c) for a in range(10) for b in range(10) for c in ("noise", "crop")}) == 200
    assert mix(1, 2, "noise") == mix(1, 2, "noise")
    assert 0 <= mix(0) < 2**63


def test_draws_of_a_part_are_a_part_of_the_whole():
    whole = draws(6).normal("noise", 4)
    assert torch.equal(draws(6, [1, 4]).normal("noise", 4), whole[[1, 4]])
    assert not torch.equal(draws(6, batch=1).normal("noise", 4), whole)
    assert not torch.equal(draws(6).normal("crop", 4), whole)


def test_audio_shape_and_scale():
    view = audio(training=False)
    assert view(ROWS, None).shape == (3, 1, 40, 63)
    torch.testing.assert_close(view.waveform(ROWS), torch.from_numpy(SOUND).float() / 32768)


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 20.0])
@pytest.mark.parametrize("training", [True, False])
def test_noise_is_relative_to_the_power_of_the_token_alone(snr_db, training):
    noisy = audio(training, snr_db=snr_db).waveform(ROWS, draws() if training else None)
    clean = audio(training).waveform(ROWS)
    noise = (noisy - clean).double().square().mean(dim=1)
    power = clean.double().square().sum(dim=1) / torch.from_numpy(LENGTHS)
    np.testing.assert_allclose(10 * np.log10(power / noise), snr_db, atol=0.3)


def test_noise_is_fresh_in_training():
    view = audio(True, snr_db=0.0)
    first = view(ROWS, draws())
    assert view.random
    assert torch.equal(view(ROWS, draws()), first)
    assert not torch.equal(view(ROWS, draws(batch=1)), first)
    assert not torch.equal(view(ROWS, draws(epoch=1)), first)


def test_noise_is_fixed_for_each_token_at_evaluation():
    view = audio(False, snr_db=0.0)
    whole = view.waveform(ROWS)
    assert not view.random
    assert torch.equal(view.waveform(ROWS[[2, 0]], draws(2)), whole[[2, 0]])  # in any company, with any draws
    noise = whole - audio(False).waveform(ROWS)
    assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 0.05  # and its own for each


def test_crops_of_the_sound():
    ramp = np.arange(1000, dtype=np.float32)[None].repeat(3, axis=0) / 1000
    view = AudioView(ramp, 16_000, PRESETS["vggsound"], training=False, crop=500)
    torch.testing.assert_close(view.waveform(ROWS), torch.from_numpy(ramp[:, 250:750]))


def test_crops_start_anywhere_both_ends_included():
    def starts(training, at, given=None):
        view = AudioView(SOUND, 16_000, PRESETS["vggsound"], training=training, crop=1, crop_at=at)
        return view.crop_starts(np.arange(3000), 4, given)

    assert (starts(False, "center") == 2).all()
    fixed, fresh = starts(False, "random"), starts(True, "center", draws(3000))
    assert torch.equal(fixed, starts(False, "random"))
    for start in (fixed, fresh):
        np.testing.assert_allclose(np.bincount(start, minlength=5) / 3000, 0.2, atol=0.04)


def test_small_frames():
    frames = RNG.integers(0, 256, (3, 5, 24, 36), dtype=np.uint8)
    values = FrameView(frames)(ROWS, None)
    assert values.shape == (3, 1, 5, 24, 36)
    np.testing.assert_allclose(values[:, 0].numpy(), (frames / 255 - 0.5) / 0.25, atol=1e-5)
    colour = RNG.integers(0, 256, (3, 2, 8, 8, 3), dtype=np.uint8)
    assert FrameView(colour)(ROWS, None).shape == (3, 3, 2, 8, 8)


def photographs(training, pick="first", frames=3, valid=None, stored=4, frozen_copies=0, **options):
    content = np.random.default_rng(1).integers(0, 256, (3, stored, 40, 40, 3), dtype=np.uint8)
    return PhotoView(
        content,
        training=training,
        frames=frames,
        pick=pick,
        mean=(0.5,) * 3,
        deviation=(0.5,) * 3,
        size=16,
        valid=valid,
        frozen_copies=frozen_copies,
        **options,
    )


def test_photographs_shape_and_evaluation_is_fixed():
    view = photographs(False)
    assert view(ROWS, None).shape == (3, 3, 3, 16, 16)
    assert torch.equal(view(ROWS, draws()), view(ROWS, None))
    assert not view.random


def test_every_frame_is_cropped_independently():
    content = (
        np.random.default_rng(1).integers(0, 256, (2, 1, 40, 40, 3), dtype=np.uint8).repeat(3, axis=1)
    )  # 3 equal frames
    view = PhotoView(content, training=True, frames=3, pick="first", mean=(0.5,) * 3, deviation=(0.5,) * 3, size=16)
    shown = view(np.array([0, 1]), draws(2))
    assert not torch.allclose(shown[:, :, 0], shown[:, :, 1])
    assert not torch.allclose(shown[:, :, 1], shown[:, :, 2])


def test_photographs_change_with_epoch_and_not_with_company():
    view = photographs(True)
    whole = view(ROWS, draws())
    assert torch.equal(view(ROWS[[1, 2]], draws(3, [1, 2])), whole[1:])
    assert not torch.allclose(view(ROWS, draws(epoch=1)), whole)


def test_frame_picks():
    valid = np.array([4, 2, 1])
    np.testing.assert_array_equal(
        photographs(False, "first", valid=valid).picks(ROWS, None), [[0, 1, 2], [0, 1, 1], [0, 0, 0]]
    )
    np.testing.assert_array_equal(
        photographs(False, "uniform", valid=valid).picks(ROWS, None), [[0, 2, 3], [0, 1, 1], [0, 0, 0]]
    )
    picked = photographs(False, "random", valid=valid).picks(ROWS, None)
    assert len(set(picked[0])) == 3
    np.testing.assert_array_equal(picked, np.sort(picked, axis=1))
    np.testing.assert_array_equal(picked[1:], [[0, 1, 1], [0, 0, 0]])
    np.testing.assert_array_equal(photographs(False, frames=6).picks(ROWS, None)[0], [0, 1, 2, 3, 3, 3])


def test_the_middle_frame_is_that_of_the_frames_there_are():
    middle = photographs(False, "middle", frames=1, valid=np.array([4, 3, 1]))
    assert middle.picks(ROWS, None).tolist() == [[2], [1], [0]]
    assert middle(ROWS, None).shape == (3, 3, 1, 16, 16)


@pytest.mark.parametrize("pick", ["first", "random"])
def test_frozen_copies_are_the_same_few_pictures_in_all_epochs(pick):
    fresh, frozen = (photographs(True, pick, frames=2, frozen_copies=copies) for copies in (0, 3))
    seen = [{shown.numpy().tobytes() for shown in shows} for shows in zip(*steps(frozen, 40), strict=True)]
    assert [len(copies) for copies in seen] == [3, 3, 3], "each row has its three copies, and all of them are drawn"
    assert len(set.union(*seen)) == 9
    assert min(len({shown.numpy().tobytes() for shown in shows}) for shows in zip(*steps(fresh, 40), strict=True)) == 40
    other = {shown.numpy().tobytes() for shown in frozen(ROWS, Draws(6, 0, 0, 3, np.arange(3)))}
    assert not other & set.union(*seen), "another seed has other copies"
    assert torch.equal(frozen(ROWS[[1, 2]], draws(3, [1, 2])), frozen(ROWS, draws())[1:])
    assert torch.equal(photographs(False, pick, frozen_copies=3)(ROWS, draws()), photographs(False, pick)(ROWS, None))


def test_frozen_copies_are_crops_like_others():
    """The boxes of many copies are as large, on average, as those that are drawn anew."""

    def areas(view):
        boxes = (view.boxes(ROWS, 1, given) for given in given_draws(view))
        return torch.cat([box[:, 2] * box[:, 3] for box, _ in boxes]).float()

    def given_draws(view):
        for epoch in range(150):
            yield draws(epoch=epoch).frozen(ROWS, 1000) if view.frozen_copies else draws(epoch=epoch)

    fresh, frozen = (areas(photographs(True, frames=1, frozen_copies=copies)) for copies in (0, 1000))
    assert abs(frozen.mean() - fresh.mean()) < 4 * fresh.std() * (2 / len(fresh)) ** 0.5


def steps(view, count):
    return [view(ROWS, draws(epoch=epoch)) for epoch in range(count)]


def test_random_frame_picks_are_fresh_in_training_and_fixed_at_evaluation():
    view = photographs(True, "random", frames=1)
    seen = {tuple(view.picks(ROWS, draws(batch=batch))[:, 0]) for batch in range(20)}
    assert len(seen) > 10
    fixed = photographs(False, "random", frames=1)
    np.testing.assert_array_equal(fixed.picks(ROWS, None), fixed.picks(ROWS, None))


TOKENS = np.array([[4, 7, 2], [9, 0, 0], [1, 3, 0]], np.int16)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64, np.uint8, np.uint16])
def test_token_ids_stay_integers(dtype):
    view = TokenView(TOKENS.astype(dtype))
    shown = view(np.array([2, 0]), None)
    assert shown.dtype == torch.int64
    assert shown.tolist() == [[1, 3, 0], [4, 7, 2]]
    assert (view.vocabulary, view.random) == (10, False)


def test_large_token_ids_are_exact():
    large = np.array([[2**24 + 1, 2**31]])  # a float32 would make another token of the first
    assert TokenView(large)(np.array([0]), None).tolist() == large.tolist()


def test_beyond_its_length_a_text_is_padding():
    view = TokenView(TOKENS, lengths=np.array([1, 1, 3]))
    assert view(np.array([0, 2]), None).tolist() == [[4, 0, 0], [1, 3, 0]]
    assert TOKENS[0].tolist() == [4, 7, 2]


@pytest.mark.parametrize(
    ("tokens", "vocabulary", "message"),
    [
        (TOKENS.astype(np.float32), None, "token ids are float32"),
        (TOKENS[0], None, r"token ids are int16 \[3\]"),
        (TOKENS, 9, "run from 0 to 9, the vocabulary from 0 .padding. to 8"),
        (-TOKENS, 30, "run from -9 to 0"),
    ],
)
def test_other_arrays_are_no_tokens(tokens, vocabulary, message):
    with pytest.raises(DataError, match=message):
        TokenView(tokens, vocabulary)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool])
def test_features_never_come_of_ids(dtype):
    with pytest.raises(DataError, match="through TokenView"):
        FeatureView(TOKENS.astype(dtype))


def test_an_item_view_shows_the_item_of_a_row():
    features = np.array([[0.5], [1.5]], np.float16)
    view = ItemView(FeatureView(features), np.array([1, 0, 1, 1]))
    assert view(np.array([0, 1, 3]), None).tolist() == [[1.5], [0.5], [1.5]]
    assert view.random is False
    assert ItemView(audio(training=True, snr_db=0.0), ROWS).random


def test_evaluation_noise_belongs_to_the_item():
    view = ItemView(audio(training=False, snr_db=0.0), np.array([2, 2, 0]))
    shown = view(np.array([0, 1, 2]), None)
    assert torch.equal(shown[0], shown[1])
    assert not torch.equal(shown[0], shown[2])


@pytest.mark.parametrize("width", [np.float16, np.float32])
def test_features_as_they_are_stored(width):
    features = np.arange(24).reshape(4, 2, 3).astype(width)
    rows = np.array([3, 1])
    kept, widened = FeatureView(features, as_stored=True)(rows, None), FeatureView(features)(rows, None)
    assert kept.numpy().dtype == width
    assert widened.dtype == torch.float32
    assert torch.equal(kept.float(), widened)


def test_a_frame_of_each_third():
    """VAL's loader, whose frames count from 1: of ten, 1, 4 and 7 at test time; any of each third in training."""
    assert segment_picks(np.array([[10], [9], [7], [6], [1], [30]]), 3).tolist() == [
        [0, 3, 6],
        [0, 3, 6],
        [0, 2, 4],
        [0, 0, 0],
        [0, 0, 0],
        [4, 8, 8],
    ]
    uniform = torch.tensor([[0.0, 0.5, 0.999], [0.34, 0.67, 0.0]])
    assert segment_picks(np.array([[10], [10]]), 3, uniform).tolist() == [[0, 4, 8], [1, 5, 6]]
    view = photographs(True, "segments", valid=np.array([9, 10, 4]), stored=10)
    picks = np.stack([view.picks(ROWS, draws(epoch=epoch)) for epoch in range(60)])  # (epochs, 3, 3)
    for part in range(3):
        assert set(picks[:, :2, part].ravel()) == {3 * part, 3 * part + 1, 3 * part + 2}
    assert (picks[:, 2] == 0).all()
    assert photographs(False, "segments", valid=np.array([9, 10, 4]), stored=10).picks(ROWS, None).tolist() == [
        [0, 3, 6],
        [0, 3, 6],
        [0, 0, 0],
    ]


@pytest.mark.parametrize("training", [True, False])
def test_the_fast_resize_sees_the_same_crops(training):
    """Bytes instead of unrounded values: at most a grey level (of a deviation of 127.5), and the same draws."""
    exact, fast = (photographs(training, "random", resize=resize) for resize in ("exact", "fast"))
    for epoch in (0, 1):
        one, other = (view(ROWS, draws(epoch=epoch)) for view in (exact, fast))
        assert one.shape == other.shape == (3, 3, 3, 16, 16)
        assert (one - other).abs().max() < 1.05 / 127.5
    assert torch.equal(fast(ROWS[[1, 2]], draws(3, [1, 2])), fast(ROWS, draws())[1:])


def test_the_fast_resize_rounds_boxes_drawn_on_another_size():
    sizes = np.array([[90, 60], [40, 40], [31, 77]])
    exact, fast = (photographs(True, resize=resize, sizes=sizes) for resize in ("exact", "fast"))
    one, other = (view(ROWS, draws()).flatten() for view in (exact, fast))
    assert torch.corrcoef(torch.stack([one, other]))[0, 1] > 0.6, "noise, moved by half a pixel at most"
    assert (one - other).abs().max() > 2 / 127.5


def test_a_crop_of_sound_reads_no_more_than_it_keeps():
    sound = np.arange(3 * 8000, dtype=np.int16).reshape(3, 8000)
    view = AudioView(sound, 16_000, PRESETS["vggsound"], training=True, crop=5000)
    start = view.crop_starts(ROWS, 3000, draws())
    expected = np.stack([row[first : first + 5000] for row, first in zip(sound, start.tolist(), strict=True)])
    np.testing.assert_array_equal(view.waveform(ROWS, draws()).numpy(), expected.astype(np.float32) / 32768)
    stored = view.deferred(ROWS, draws())
    assert (stored.waveform.dtype, stored.waveform.shape) == (torch.int16, (3, 5000))
    assert torch.equal(stored.shown(), view(ROWS, draws()))
