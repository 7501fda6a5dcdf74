"""Readers of published layouts: which files belong to which row, and what is wrong with rows that cannot be used."""

from __future__ import annotations

from collections import Counter

import pytest

from mmlib.data import cremad, folder, kinetics_sounds, urbansound8k_av, vggsound
from mmlib.data.catalogue import DATASETS
from mmlib.data.listed import Found, read_rows
from mmlib.data.media.reasons import Reason
from mmlib.errors import DataError, ParameterError


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def listing(module, root, **options):
    name = module.__name__.rpartition(".")[2]
    return module.media_source(root, dict(DATASETS[name].media) | options)


def by_id(source):
    return {clip.id: clip for clip in source.clips}


def test_rows_with_marks_crlf_blanks_and_spaces(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(b'\xef\xbb\xbfa, 1,"x, y"\r\n\r\n,,\r\nb,2,z')
    assert read_rows(path, 3, "id,start,label") == [(1, ["a", "1", "x, y"]), (4, ["b", "2", "z"])]
    for content, told in ((b"a,b\n", "line 1: expected id"), (b"", "is empty"), (b"\xff\xfe\n", "no text list")):
        path.write_bytes(content)
        with pytest.raises(DataError, match=told):
            read_rows(path, 3, "id,start,label")


def test_found_sorts_and_sees_folders_of_images(tmp_path):
    touch(tmp_path, "b/x.mp4", "a/x.MP4", "a/clip.mp4/00001.jpg", "notes.txt")
    (tmp_path / "a" / "nothing").mkdir()
    found = Found(tmp_path, (".mp4",), image_folders=True)
    assert [path.parent.name for path in found.files["x"]] == ["a", "b"]
    assert set(found.folders) == {"clip.mp4", "nothing"}


def test_cremad_rows(tmp_path):
    good = ["1001_IEO_NEU_XX", "1002_IEO_ANG_LO", "1003_IEO_SAD_HI"]
    touch(tmp_path, *(f"AudioWAV/{n}.wav" for n in good), *(f"VideoFlash/{n}.flv" for n in good[1:]))
    rows = [f"{good[0]},NEU", f"{good[1]},ANG", "1001-IEO-NEU,NEU", "1004_IEO_JOY_XX,JOY", "1005_IEO_SAD_XX,HAP"]
    (tmp_path / "train.csv").write_text("\n".join(rows))
    (tmp_path / "test.csv").write_text(f"{good[2]},SAD\n{good[0]},NEU\n")
    source = listing(cremad, tmp_path)
    problems = [clip.problem for clip in source.clips]
    wrong, missing = Reason.WRONG_ID_FORM, Reason.MISSING
    assert problems == [missing, None, wrong, Reason.UNKNOWN_CLASS, wrong, None, Reason.DUPLICATE_ID]
    assert [clip.group for clip in source.clips[:2]] == ["1001", "1002"]
    assert [clip.label for clip in source.clips[:2]] == [0, 5]
    assert "line 3" in source.clips[2].detail
    assert source.audit["clips"] == {"train": 1, "test": 1}
    assert source.clips[0].detail == "1001_IEO_NEU_XX.flv is not there"


def test_cremad_frames_that_were_taken_before(tmp_path):
    touch(tmp_path, "CREMA-D/AudioWAV/1001_IEO_NEU_XX.wav", "CREMA-D/Image-01-FPS/1001_IEO_NEU_XX/00000.jpg")
    for split in ("train", "test"):
        (tmp_path / "lists").mkdir(exist_ok=True)
        (tmp_path / "lists" / f"{split}.csv").write_text("1001_IEO_NEU_XX,NEU\n")
    clip = listing(cremad, tmp_path).clips[0]
    assert (clip.problem, clip.pictures.name) == (None, "1001_IEO_NEU_XX")


def test_cremad_finished_layout(tmp_path):
    """One image and one wav of each clip, in folders by split and class; no lists."""
    place = "CREMA-D/processed_dataset"
    for split, name, emotion in (("train", "1001_IEO_NEU_XX", "NEU"), ("test", "1002_IEO_ANG_LO", "ANG")):
        touch(tmp_path, f"{place}/{split}/visual/{emotion}/{name}.jpg", f"{place}/{split}/audio/{emotion}/{name}.wav")
    touch(tmp_path, f"{place}/test/visual/ANG/1001_IEO_NEU_XX.jpg", f"{place}/test/audio/SAD/1003_IEO_SAD_HI.wav")
    touch(tmp_path, f"{place}/test/visual/JOY/1004_IEO_JOY_HI.jpg", f"{place}/test/audio/JOY/1004_IEO_JOY_HI.wav")
    source = listing(cremad, tmp_path)
    assert source.settings == {"split": "official", "layout": "finished"}
    found = [(clip.id, clip.split, clip.problem) for clip in source.clips]
    assert found == [
        ("1001_IEO_NEU_XX", "train", None),
        ("1001_IEO_NEU_XX", "test", Reason.WRONG_ID_FORM),
        ("1002_IEO_ANG_LO", "test", None),
        ("1004_IEO_JOY_HI", "test", Reason.UNKNOWN_CLASS),
        ("1003_IEO_SAD_HI", "test", Reason.MISSING),
    ]
    assert [(clip.label, clip.group) for clip in source.clips if not clip.problem] == [(0, "1001"), (5, "1002")]
    assert source.clips[4].detail == "it has no image"
    assert source.audit["clips"] == {"train": 1, "test": 1}
    touch(tmp_path, "AudioWAV/1001_IEO_NEU_XX.wav", "Image-01-FPS/1001_IEO_NEU_XX/00000.jpg")
    for split in ("train", "test"):
        (tmp_path / f"{split}.csv").write_text("1001_IEO_NEU_XX,NEU\n")
    assert listing(cremad, tmp_path).settings == {"split": "official"}, "a download goes before what was made of it"
    assert listing(cremad, tmp_path, layout="finished").settings == source.settings


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match="no folder AudioWAV"):
        listing(cremad, tmp_path)
    touch(tmp_path, "AudioWAV/a.wav", "VideoFlash/a.flv")
    with pytest.raises(DataError, match=r"train\.csv is not in .*--set lists=FOLDER"):
        listing(cremad, tmp_path)
    with pytest.raises(DataError, match="is not in /no/such"):
        listing(cremad, tmp_path, lists="/no/such")
    with pytest.raises(ParameterError, match="official or actors"):
        listing(cremad, tmp_path, split="speaker")
    with pytest.raises(ParameterError, match="'both'. Choose auto, raw or finished"):
        listing(cremad, tmp_path, layout="both")
    with pytest.raises(DataError, match="no folder processed_dataset"):
        listing(cremad, tmp_path, layout="finished")
    with pytest.raises(DataError, match=r"vggsound\.csv"):
        listing(vggsound, tmp_path)
    with pytest.raises(ParameterError, match="auto, raw or finished"):
        listing(kinetics_sounds, tmp_path, layout="both")
    with pytest.raises(DataError, match="Dataset_v3_vision"):
        listing(urbansound8k_av, tmp_path)
    with pytest.raises(DataError, match="0 class folders"):
        listing(folder, tmp_path / "AudioWAV")


VIDEO = "abcdefghi-_"


@pytest.mark.parametrize(
    ("files", "sound", "pictures", "window"),
    [
        ([f"train/{VIDEO}_30.mp4"], f"{VIDEO}_30.mp4", f"{VIDEO}_30.mp4", (None, None)),
        ([f"{VIDEO}_000030.mkv"], f"{VIDEO}_000030.mkv", f"{VIDEO}_000030.mkv", (None, None)),
        ([f"{VIDEO}_000030_000040.mp4"], f"{VIDEO}_000030_000040.mp4", f"{VIDEO}_000030_000040.mp4", (None, None)),
        ([f"a/{VIDEO}_30.wav", f"v/{VIDEO}_30.mp4/1.jpg"], f"{VIDEO}_30.wav", f"{VIDEO}_30.mp4", (None, None)),
        ([f"whole/{VIDEO}.webm"], f"{VIDEO}.webm", f"{VIDEO}.webm", (30.0, 40.0)),
    ],
)
def test_vggsound_files_by_id_and_start(tmp_path, files, sound, pictures, window):
    touch(tmp_path, *files)
    (tmp_path / "vggsound.csv").write_text(f'{VIDEO},30,"dog, far",train\n{VIDEO},99,cat,test\n')
    source = listing(vggsound, tmp_path)
    clip = source.clips[0]
    assert source.classes == ["cat", "dog, far"]
    assert (clip.id, clip.label, clip.group, clip.problem) == (f"{VIDEO}_30", 1, VIDEO, None)
    assert (clip.sound.name, clip.pictures.name) == (sound, pictures)
    assert (clip.start_s, clip.end_s) == window
    expected = None if window[0] else Reason.MISSING  # a whole video holds every start
    assert source.clips[1].problem is expected


def test_vggsound_rows_that_are_wrong(tmp_path):
    (tmp_path / "vggsound.csv").write_text(f"{VIDEO},x,dog,train\nshort,3,dog,train\n")
    assert [clip.problem for clip in listing(vggsound, tmp_path).clips] == [Reason.WRONG_ID_FORM] * 2
    (tmp_path / "vggsound.csv").write_text(f"{VIDEO},3,dog,valid\n")
    with pytest.raises(DataError, match="line 1: the split is 'valid'"):
        listing(vggsound, tmp_path)


def kinetics_lists(root, train, test):
    (root / "my_train.txt").write_bytes("".join(f"{row}\r\n" for row in train).encode())
    (root / "my_test.txt").write_bytes("".join(f"{row}\r\n" for row in test).encode())


def test_kinetics_raw_clips_in_any_partition(tmp_path):
    other = "ABCDEFGHI-_"
    train = [f"{VIDEO}_000010_000020,10,0", f"{VIDEO}_10,10,0", "x,10,0", f"{other}_000001_000011,10,31"]
    kinetics_lists(tmp_path, train, [f"{other}_7,10,30", "ABCDEFGHI-0,10,2"])
    touch(tmp_path, f"k400/train/{VIDEO}_000010_000020.mp4", f"k400/val/{other}_000007_000017.mp4")
    touch(tmp_path, f"k400/test/{other}_000007_000017.avi", f"k400/replacement/{other}.mp4")
    clips = listing(kinetics_sounds, tmp_path).clips
    wrong = Reason.WRONG_ID_FORM
    assert [clip.problem for clip in clips] == [None, wrong, wrong, Reason.UNKNOWN_CLASS, None, Reason.MISSING]
    assert clips[0].group == VIDEO
    assert clips[4].pictures.parent.name == "replacement"
    (tmp_path / "k400" / "replacement" / f"{other}.mp4").unlink()
    assert by_id(listing(kinetics_sounds, tmp_path))[f"{other}_7"].pictures.parent.name == "test"


def test_kinetics_finished_layout_with_cut_test_names(tmp_path):
    kinetics_lists(tmp_path, [f"{VIDEO}_000010_000020,10,2"], ["ABCDEFGHI-_,10,2", "ABCDEFGHI-0_5,10,2"])
    touch(tmp_path, f"train/audio/bowling/{VIDEO}_000010_000020.wav", "test/audio/bowling/ABCDEFGHI-_.wav")
    touch(tmp_path, f"train/video/bowling/{VIDEO}_000010_000020/frame_0.jpg", "test/video/bowling/ABCDEFGHI-_/f.jpg")
    touch(tmp_path, "test/audio/bowling/ABCDEFGHI-0.wav", "test/video/bowling/ABCDEFGHI-0/frame_0.jpg")
    source = listing(kinetics_sounds, tmp_path)
    assert source.settings == {"layout": "finished"}
    assert [clip.problem for clip in source.clips] == [None] * 3
    assert source.clips[2].sound.name == "ABCDEFGHI-0.wav"
    above = tmp_path.rename(tmp_path.with_name("kinetics_sound")).parent
    assert [clip.problem for clip in listing(kinetics_sounds, above).clips] == [None] * 3
    (above / "kinetics_sound").rename(tmp_path)
    with pytest.raises(DataError, match="neither Kinetics-400 clips nor the finished layout"):
        listing(kinetics_sounds, tmp_path, layout="raw")


def test_urbansound_shares_are_rounded_over_all_classes(tmp_path, monkeypatch):
    """With the published counts: 6,112 train and 2,620 test."""
    for name in urbansound8k_av.CLASSES:
        for place, suffix in (("vision", "jpg"), ("sound", "wav")):
            touch(tmp_path, f"Dataset_v3_{place}/{name}/{0:04d}.{suffix}")
    monkeypatch.setattr(urbansound8k_av, "_of_class", counted)
    found = Counter(clip.split for clip in listing(urbansound8k_av, tmp_path).clips)
    assert found == urbansound8k_av.ROWS


def counted(images, sounds, label, offset):
    """What `_of_class` gives for a folder of the published size, without so many files."""
    count = urbansound8k_av.COUNTS[label]
    edge = urbansound8k_av.first_of_test(offset, count)
    return [
        urbansound8k_av.Clip(f"{label}-{place}", label, "train" if place < edge else "test", "", images)
        for place in range(offset, offset + count)
    ]


def test_urbansound_pairs_by_name(tmp_path):
    names = [f"{recording}-3-0-{piece}" for recording in (7, 8) for piece in range(5)]
    touch(tmp_path, *(f"UrbanSound8K-AV/Dataset_v3_vision/dog_bark/{name}.jpg" for name in names))
    touch(tmp_path, *(f"UrbanSound8K-AV/Dataset_v3_sound/dog_bark/{name}.wav" for name in names[1:]))
    touch(tmp_path, "UrbanSound8K-AV/Dataset_v3_sound/dog_bark/alone.wav")
    source = listing(urbansound8k_av, tmp_path)
    problems = {clip.id: clip.detail for clip in source.clips if clip.problem}
    assert problems == {"7-3-0-0": "it has no wav", "alone": "it has no image"}
    assert source.audit["shared_groups"] == {"train and test": 1}
    assert {clip.group for clip in source.clips} == {"7", "8", "alone"}
    assert {clip.label for clip in source.clips} == {3}


def test_folder_divides_by_groups(tmp_path):
    for label in ("run", "walk"):
        touch(tmp_path, *(f"{label}/p{person}_{take}.mp4" for person in range(10) for take in range(3)))
    touch(tmp_path, "run/p1_0.wav", "run/odd.mp4", ".hidden/x.mp4")
    source = listing(folder, tmp_path, group="^(p[0-9]+)_")
    assert list(source.classes) == ["run", "walk"]
    assert [clip.id for clip in source.clips if clip.problem] == ["run/odd"]
    assert set(source.audit["shared_groups"].values()) == {0}
    assert set(source.audit["clips"]) == {"train", "validation", "test"}
    assert by_id(source)["run/p1_0"].sound.suffix == ".wav"
    assert listing(folder, tmp_path, group="^(p[0-9]+)_", seed=1).clips != source.clips
    alone = listing(folder, tmp_path)
    assert Counter((clip.split, clip.label) for clip in alone.clips if clip.split == "test") == {
        ("test", 0): 6,
        ("test", 1): 6,
    }
    for pattern, told in (("(", "no regular expression"), ("p", "needs a bracket")):
        with pytest.raises(ParameterError, match=told):
            listing(folder, tmp_path, group=pattern)


def test_folder_that_is_divided(tmp_path):
    touch(tmp_path, "train/a/1.mp4", "train/b/2.avi", "val/a/3.mp4", "test/b/1.mp4")
    source = listing(folder, tmp_path)
    assert {clip.id: clip.split for clip in source.clips} == {
        "train/a/1": "train",
        "train/b/2": "train",
        "validation/a/3": "validation",
        "test/b/1": "test",
    }
    (tmp_path / "test" / "b" / "1.mp4").unlink()
    (tmp_path / "test" / "b").rmdir()
    (tmp_path / "test").rmdir()
    with pytest.raises(DataError, match="no folder train or no folder test"):
        listing(folder, tmp_path)
