"""From GRID's published clips and alignments to the files of `grid_words`; compared with the arrays at hand."""

import sys

import numpy as np
import pytest
import soundfile

from mmlib.commands.public_data import prepare_grid
from mmlib.data.grid_corpus.build import build
from mmlib.data.grid_corpus.clips import find_clips
from mmlib.data.grid_corpus.mouths import opencv
from mmlib.data.registry import missing
from mmlib.errors import DataError, UsageError

FEW = ("bbaf2n", "lrik4p", "swbo8n")


def some_clips(data_root, folder, names):
    for kind, ending in (("video", "mpg"), ("align", "align")):
        (folder / kind).mkdir(parents=True)
        for name in names:
            (folder / kind / f"{name}.{ending}").symlink_to(data_root / "grid_raw" / kind / f"{name}.{ending}")


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(DataError, match=r"no clips of GRID .*mmlib data get grid --data-root"):
        build(tmp_path, tmp_path / "out")
    (tmp_path / "grid" / "video").mkdir(parents=True)
    (tmp_path / "grid" / "video" / "bbaf2n.mpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"no bbaf2n.align, the word timing .*\(1 of 1 clips"):
        build(tmp_path, tmp_path / "out")
    (tmp_path / "grid" / "bbaf2n.align").write_text("0 1000 sil\n")
    with pytest.raises(DataError, match=r"bbaf2n.mpg cannot be used .*Fetch it again"):
        build(tmp_path, tmp_path / "out")
    (tmp_path / "grid" / "video" / "bbaf2n.mpg").write_bytes(b"")
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(UsageError, match="--source FOLDER"):
        prepare_grid(None, tmp_path, None)


def test_without_opencv_one_box_serves_all_clips_and_a_warning_says_so(data_root, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    some_clips(data_root, tmp_path / "grid", FEW)
    said = []
    root = build(tmp_path, tmp_path / "out", threads=1, say=said.append)
    assert any("OpenCV is not installed" in line for line in said)
    assert missing("grid_words", root) is None
    arrays = np.load(root / "grid_s1" / "grid_s1_mouth24x36.npz")
    assert arrays["names"].tolist() == list(FEW)
    assert (arrays["face_box"] == arrays["face_box"][0]).all()
    at_hand = np.load(data_root / "grid_s1" / "grid_s1_mouth24x36.npz")
    rows = [at_hand["names"].tolist().index(name) for name in FEW]
    apart = np.abs(arrays["mouth"].astype(float) - at_hand["mouth"][rows]).mean()
    assert apart < 20  # of 255; 15.8 over the 25 clips: the head moves in the box
    said.clear()
    build(tmp_path, tmp_path / "out", say=said.append)
    assert said == [f"{tmp_path / 'out' / 'grid_s1'}: there already"]
    (tmp_path / "grid" / "align" / "bbaf2n.align").unlink()
    (tmp_path / "grid" / "align" / "bbaf2n.align").write_text("0 74500 sil\n")
    with pytest.raises(UsageError, match="made of other files"):
        build(tmp_path, tmp_path / "out", say=said.append)


@pytest.mark.slow
def test_the_25_clips_give_the_arrays_at_hand(data_root, tmp_path):
    """Measured: timing equal; boxes 0.9 pixels apart (3 at most); mouths 4.0 of 255; sound 33 dB (the worst 26)."""
    if opencv() is None:
        pytest.skip("OpenCV below 5 is not installed (pip install 'mmlib[faces]')")
    root = build(data_root / "grid_raw", tmp_path / "out", threads=2, say=lambda _: None)
    made, at_hand = (np.load(place / "grid_s1" / "grid_s1_mouth24x36.npz") for place in (root, data_root))
    rows = [at_hand["names"].tolist().index(name) for name in made["names"].tolist()]
    assert len(rows) == 25
    np.testing.assert_array_equal(made["n_frames"], at_hand["n_frames"][rows])
    np.testing.assert_array_equal(made["words"][made["frame_word"]], at_hand["words"][at_hand["frame_word"]][rows])
    boxes = np.abs(made["face_box"] - at_hand["face_box"][rows])
    assert boxes.mean() < 1.5
    assert boxes.max() <= 5
    new, old = made["mouth"].astype(float), at_hand["mouth"][rows].astype(float)
    assert np.abs(new - old).mean() < 5
    assert abs((new - old).mean()) < 0.5
    assert np.corrcoef(new.ravel(), old.ravel())[0, 1] > 0.94
    assert sorted(path.name for path in (root / "grid_raw" / "video").iterdir()) == sorted(
        path.name for path in (data_root / "grid_raw" / "video").iterdir()
    )


def test_the_sound_is_that_at_hand(data_root, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    some_clips(data_root, tmp_path / "grid", FEW[:2])
    root = build(tmp_path, tmp_path / "out", threads=1, say=lambda _: None)
    for name in FEW[:2]:
        new, old = (soundfile.read(r / "grid_s1" / "audio16k" / f"{name}.ogg")[0] for r in (root, data_root))
        assert len(new) == len(old)
        assert 10 * np.log10((old**2).sum() / ((new - old) ** 2).sum()) > 24  # both are Vorbis


def test_alignments_must_be_three_columns(data_root, tmp_path):
    some_clips(data_root, tmp_path / "grid", FEW[:1])
    (tmp_path / "grid" / "align" / "bbaf2n.align").unlink()
    (tmp_path / "grid" / "align" / "bbaf2n.align").write_text("0 sil\n")
    with pytest.raises(DataError, match="bbaf2n.align is no alignment"):
        build(tmp_path, tmp_path / "out", threads=1, say=lambda _: None)
    assert [clip.name for clip in find_clips(tmp_path)] == ["bbaf2n"]
