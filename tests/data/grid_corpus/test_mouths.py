"""The mouth in a clip: areas, grey, boxes; Ogg files whose bytes follow from their sound."""

import sys
import time

import numpy as np
import pytest
import soundfile

from mmlib.data.grid_corpus import mouths
from mmlib.data.grid_corpus.clips import frame_words
from mmlib.data.grid_corpus.ogg import checksum, with_serial, write_sound


def test_reduced_pixels_are_means_over_their_areas():
    frames = np.random.default_rng(0).integers(0, 256, (2, 48, 90), np.uint8)
    # 48 rows are 2 a pixel, 90 columns 2.5: halves of columns count
    fine = np.repeat(frames, 2, axis=2).reshape(2, 24, 2, 36, 5).astype(np.float64)
    np.testing.assert_allclose(mouths.reduced(frames, 24, 36), fine.mean(axis=(2, 4)), atol=0.5 + 1e-4)


def test_grey_weighs_colours_as_the_eye_does():
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], np.uint8)
    np.testing.assert_array_equal(mouths.grey(colours), [76, 150, 29, 255])


def test_the_mouth_is_a_fixed_part_of_the_face_and_the_last_frame_is_repeated():
    frames = np.zeros((74, 200, 300, 3), np.uint8)
    frames[:, 50 + 62 : 50 + 98, 100 + 23 : 100 + 77] = 200  # of a face box of 100 x 100
    frames[73] //= 2
    mouth = mouths.mouth_frames(frames, np.array([100, 50, 100, 100]))
    assert mouth.shape == (75, 24, 36)
    np.testing.assert_array_equal(mouth[:73], 200)
    np.testing.assert_array_equal(mouth[73:], 100)


def test_without_opencv_no_face_is_looked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert mouths.face_box(np.zeros((75, 288, 360, 3), np.uint8)) is None


def test_no_face_in_an_empty_picture():
    pytest.importorskip("cv2")
    assert mouths.face_box(np.zeros((75, 288, 360, 3), np.uint8)) is None


def test_words_of_frames_lie_between_rounded_ends():
    align = np.array([[0, 0, 23750, 2], [0, 23750, 29500, 0], [0, 29500, 74500, 1]])
    found = frame_words(align, 1, 75, silence=2)[0]
    np.testing.assert_array_equal(found, [2] * 24 + [0] * 6 + [1] * 44 + [2])


def test_the_same_sound_gives_the_same_file(tmp_path):
    sound = np.sin(np.arange(8000) / 20).astype(np.float32) / 2
    write_sound(tmp_path / "a.ogg", sound, 16_000)
    time.sleep(1.1)  # the encoder's random number follows the clock
    write_sound(tmp_path / "b.ogg", sound, 16_000)
    assert (tmp_path / "a.ogg").read_bytes() == (tmp_path / "b.ogg").read_bytes()
    heard, rate = soundfile.read(tmp_path / "a.ogg")
    assert rate == 16_000
    assert np.corrcoef(heard, sound)[0, 1] > 0.999


def test_check_sums_are_those_that_the_encoder_writes(tmp_path):
    soundfile.write(tmp_path / "a.ogg", np.zeros(2000), 16_000, format="OGG", subtype="VORBIS")
    written = (tmp_path / "a.ogg").read_bytes()
    assert with_serial(written, written[14:18]) == written
    assert checksum(b"OggS") != checksum(b"OggT")
