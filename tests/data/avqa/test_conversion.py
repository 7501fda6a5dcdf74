"""From published files to the prepared format: every clip its own seconds, little memory, resuming after a kill."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from mmlib.data import registry
from mmlib.data.avqa import files, music_avqa, music_avqa_updated, vocabulary
from mmlib.data.avqa.generator import OPTIONS, Generator
from mmlib.data.avqa.standin import STRENGTH, write_files
from mmlib.data.features.resumable import ResumableArray
from mmlib.data.features.sources import Source
from mmlib.data.loading import load_data
from mmlib.data.prepared import check_prepared, open_prepared
from mmlib.data.registry import missing, notes, prepare, report
from mmlib.data.standins import write_standin
from mmlib.errors import DataError, ParameterError

SIZES = {"audio_features": 8, "visual_features": 8, "map": 3, "questions": 3}  # of the fixture `tiny`
CLIPS = 24


@pytest.fixture(scope="module")
def generator():
    strength = {"audio_strength": STRENGTH, "visual_strength": STRENGTH}
    return Generator(OPTIONS | strength | SIZES | {"clips": CLIPS})


@pytest.fixture(scope="module")
def converted(tiny, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    return open_prepared(prepare("music_avqa", data_root=tiny, store=store, options={"storage": "float32"}))


def rendered(generator):
    every = [generator.features(clip) for clip in range(len(generator.names))]
    return {name: np.stack([features[name] for features in every]) for name in ("audio", "visual")}


def test_every_clip_has_its_own_seconds(converted, generator):
    """The generator's arrays, which went through files of 60 seconds, come out as they went in."""
    assert check_prepared(converted.folder) == []
    asked, features = generator.asked, rendered(generator)
    order = {name: row for row, name in enumerate(generator.names)}
    videos = list(dict.fromkeys(converted.index["group"].tolist()))
    rows = [order[name] for name in videos]
    for name, values in features.items():
        np.testing.assert_array_equal(converted.arrays[name], values[rows])
        assert converted.by_item(name)
    np.testing.assert_array_equal(converted.arrays["question"], asked.tokens)
    assert vocabulary(converted) == asked.vocabulary
    assert converted.classes == asked.answers
    for name in ("id", "label", "split", "group", "modality", "type", "question_id", "text"):
        np.testing.assert_array_equal(converted.index[name], asked.index[name])
    assert [videos[item] for item in converted.index["item"]] == converted.index["group"].tolist()
    assert converted.origin == "stand-in"
    assert converted.manifest["source"]["rounding_error"] == 0
    assert not [path for path in converted.folder.parent.iterdir() if path.suffix in (".tmp", ".partial")]


def test_maps_in_h5_give_the_same(tmp_path, converted):
    folder = write_files(tmp_path / "root" / "music_avqa", music_avqa.PUBLISHED, clips=CLIPS, sizes=SIZES, maps=".h5")
    again = open_prepared(
        prepare("music_avqa", data_root=folder.parent, store=tmp_path, options={"storage": "float32"})
    )
    np.testing.assert_array_equal(again.arrays["visual"], converted.arrays["visual"])


def test_only_the_seconds_used_are_read(tiny, monkeypatch):
    place = tiny / "music_avqa"
    read, whole = [], Source.blocks

    def blocks(self, first=0, last=None, step=None):
        if self.path.suffix == ".npy":
            read.append((first, last))
        return whole(self, first, last, step)

    monkeypatch.setattr(Source, "blocks", blocks)
    values = files.open_seconds(place, "visual", ["SYN00002", "SYN00000"])
    assert (values.shape, read) == ((2, 10, 8, 3, 3), [])
    (block,) = values.blocks()
    assert read == 2 * [(second, second + 1) for second in range(0, 60, 6)]
    np.testing.assert_array_equal(block[0], np.load(place / "feats/res18_14x14/SYN00002.npy")[::6])


def test_the_updated_release_has_its_own_folder(copy, tmp_path):
    place = copy / "music_avqa"
    assert "json_update/avqa-train.json is missing: the questions" in missing("music_avqa_updated", copy)
    (place / "json").rename(place / "json_update")
    assert missing("music_avqa_updated", copy) is None
    prepared = open_prepared(prepare("music_avqa_updated", data_root=copy, store=tmp_path / "store"))
    assert prepared.dataset == "music_avqa_updated"
    assert prepared.arrays["visual"].dtype == np.float16
    assert "json/avqa-train.json is missing: the questions (2 more" in missing("music_avqa", copy)


@pytest.mark.parametrize("place", ["music_avqa", "MUSIC-AVQA/data", ""])
def test_places_of_the_files(tiny, tmp_path, place):
    shutil.copytree(tiny / "music_avqa", tmp_path / "root" / place, dirs_exist_ok=True)
    assert missing("music_avqa", tmp_path / "root") is None
    shutil.rmtree(tmp_path / "root" / place / "feats" / "vggish")
    reason = missing("music_avqa", tmp_path / "root")
    assert str(tmp_path / "root" / place / "feats" / "vggish is missing: VGGish vectors (60, 128)") in reason


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("vggish/SYN00003.npy", None, r"vggish lacks 1 of the 24 videos that are asked about, the first is SYN00003"),
        (
            "res18_14x14/SYN00003.npy",
            lambda v: v[:54],
            r"14x14: SYN00003 is float32 \(54, 8, 3, 3\), SYN00000 \(60, 8, 3, 3\); expected ResNet-18 maps \(60, 512",
        ),
        (
            "res18_14x14/SYN00003.npy",
            lambda v: np.repeat(v, 2, 0),
            r"SYN00003 is float32 \(120, 8, 3, 3\), .* 55 to 60 seconds",
        ),
        ("res18_14x14/SYN00003.npy", lambda v: v[:, :7], r"SYN00003 is float32 \(60, 7, 3, 3\), SYN00000 "),
        ("vggish/SYN00000.npy", lambda v: v[None], r"vggish: SYN00000 is float32 \(1, 60, 8\), .*VGGish vectors \(60"),
        ("vggish/SYN00003.npy", lambda v: v.astype(bool), r"SYN00003.npy: it holds bool"),
    ],
)
def test_features_that_cannot_be_right_are_refused(copy, tmp_path, name, change, message):
    path = copy / "music_avqa" / "feats" / name
    if change is None:
        path.unlink()
    else:
        np.save(path, change(np.load(path)))
    with pytest.raises(DataError, match=message):
        prepare("music_avqa", data_root=copy, store=tmp_path / "store")


def test_sound_may_be_a_few_seconds_shorter(copy, tmp_path, converted):
    """As long as ten seconds are used: published code cuts it the same way."""
    for number, path in enumerate(sorted((copy / "music_avqa" / "feats" / "vggish").iterdir())):
        np.save(path, np.load(path)[: 55 + number % 6])
    prepared = open_prepared(prepare("music_avqa", data_root=copy, store=tmp_path, options={"storage": "float32"}))
    np.testing.assert_array_equal(prepared.arrays["audio"], converted.arrays["audio"])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "res18_14x14: SYN00005 holds a NaN or an infinity"),
        (1e6, r"holds \d+ values beyond 65504 .* Convert with --set storage=float32"),
    ],
)
def test_numbers_that_cannot_be_stored_are_refused(copy, tmp_path, value, message):
    path = copy / "music_avqa" / "feats" / "res18_14x14" / "SYN00005.npy"
    maps = np.load(path)
    maps[1:6] = value  # seconds that are not used
    np.save(path, maps)
    prepare("music_avqa", data_root=copy, store=tmp_path / "store")
    maps[6, 2] = value
    np.save(path, maps)
    with pytest.raises(DataError, match=message):
        prepare("music_avqa", data_root=copy, store=tmp_path / "store")


def test_a_word_of_test_that_training_lacks(edit, copy, tmp_path):
    """Published: one message. Clean: <unk>, and nothing else changes."""
    path = edit("test", lambda records: records[1].update(question_content="Zither on ?"))
    with pytest.raises(DataError, match=rf"{path}, record 1, question \d+: no training question has the word 'Zither'"):
        prepare("music_avqa", data_root=copy, store=tmp_path / "store")
    folder = prepare("music_avqa", data_root=copy, store=tmp_path / "store", options={"tokens": "clean"})
    prepared = open_prepared(folder)
    assert vocabulary(prepared)[:2] == ["<pad>", "<unk>"]
    row = prepared.rows("test")[1]
    assert prepared.arrays["question"][row, :3].tolist() == [1, 1, 0]
    assert (prepared.arrays["question"][prepared.rows("train")] != 1).all()


def test_an_answer_of_test_that_training_lacks(edit, copy, tmp_path):
    path = edit("test", lambda records: records[0].update(anser="zither"))
    with pytest.raises(DataError, match=rf"{path}, record 0, .*: no training question has the answer 'zither'"):
        prepare("music_avqa", data_root=copy, store=tmp_path / "store")
    assert "no training question is answered by 'zither': conversion refuses" in report("music_avqa", copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda records: records[2].pop("anser"), r"avqa-val.json, record 2, question \d+: it has no answer"),
        (lambda records: records.append(records[0]), r"avqa-val.json: question_id \d+ stands twice, in records 0 and"),
        (lambda records: records[0].update(type='["Audio", "Where"]'), "avqa-val.json, record 0, .*none of the nine"),
    ],
)
def test_a_malformed_record_stops_preparation_and_check(edit, copy, tmp_path, change, message):
    edit("val", change)
    with pytest.raises(DataError, match=message):
        prepare("music_avqa", data_root=copy, store=tmp_path / "store")
    with pytest.raises(DataError, match=message):
        report("music_avqa", copy)


def test_options_are_checked(tiny, tmp_path):
    for options, message in (({"tokens": "raw"}, "tokens is 'raw'"), ({"storage": "int8"}, "storage is 'int8'")):
        with pytest.raises(ParameterError, match=message):
            prepare("music_avqa", data_root=tiny, store=tmp_path, options=options)


def test_goes_on_after_a_kill(tiny, tmp_path, converted, monkeypatch, capsys):
    """Killed in the middle of the maps: what was written stays, and is not read again."""
    monkeypatch.setattr("mmlib.data.features.conversion.PIECE_BYTES", 10 * 8 * 9 * 4 * 5)  # five clips at a time
    whole, appended = ResumableArray.append, []

    def append(self, rows):
        if self.path.name == "visual.npy" and self.done >= 10:
            raise KeyboardInterrupt
        whole(self, rows)

    store, options = tmp_path / "store", {"storage": "float32"}
    monkeypatch.setattr(ResumableArray, "append", append)
    with pytest.raises(KeyboardInterrupt):
        prepare("music_avqa", data_root=tiny, store=store, options=options)

    def counted(self, rows):
        appended.append((self.path.name, len(rows)))
        whole(self, rows)

    monkeypatch.setattr(ResumableArray, "append", counted)
    again = open_prepared(prepare("music_avqa", data_root=tiny, store=store, options=options), verify=True)
    assert "going on after 10 videos of an interrupted conversion" in capsys.readouterr().out
    assert {name for name, _ in appended} == {"visual.npy"}
    assert sum(count for _, count in appended) == len(converted.arrays["visual"]) - 10
    np.testing.assert_array_equal(again.arrays["visual"], converted.arrays["visual"])


def test_a_folder_of_features_is_known_by_its_content(copy, tmp_path, monkeypatch):
    """Found again while nothing changes, made anew when one video's features do; a large folder is read once."""
    first = prepare("music_avqa", data_root=copy, store=tmp_path / "store")
    assert prepare("music_avqa", data_root=copy, store=tmp_path / "store") == first
    monkeypatch.setattr(registry, "LARGE", 1000)
    registry._HASHES.clear()
    assert prepare("music_avqa", data_root=copy, store=tmp_path / "store") == first
    assert len(list((tmp_path / "store" / ".contents").iterdir())) >= 2
    monkeypatch.setattr(registry, "sha256_file", lambda path: pytest.fail(f"{path} was read again"))
    assert prepare("music_avqa", data_root=copy, store=tmp_path / "store") == first
    monkeypatch.undo()
    path = copy / "music_avqa" / "feats" / "vggish" / "SYN00001.npy"
    np.save(path, np.load(path) + 1)
    assert prepare("music_avqa", data_root=copy, store=tmp_path / "store") != first


def test_batches(tiny, settings):
    data = load_data(settings(dataset="music_avqa", data_root=str(tiny)))
    batch = data["test"][np.array([2, 0])]
    width = data["test"].prepared.arrays["question"].shape[1]
    assert {name: (tuple(values.shape), values.dtype) for name, values in batch.inputs.items()} == {
        "audio": ((2, 10, 8), torch.float32),
        "visual": ((2, 10, 8, 3, 3), torch.float32),
        "question": ((2, width), torch.int64),
    }
    counts = data["train"].prepared.manifest["splits"]
    assert {split: len(rows) for split, rows in data.items()} == counts


def test_standin_has_the_published_shapes(tmp_path):
    folder = write_standin("music_avqa", tmp_path / "music_avqa", samples=20)
    assert np.load(folder / "feats" / "vggish" / "SYN00000.npy").shape == (60, 128)
    maps = np.load(folder / "feats" / "res18_14x14" / "SYN00019.npy", mmap_mode="r")
    assert (maps.shape, maps.dtype.name) == ((60, 512, 14, 14), "float32")
    records = json.loads((folder / "json" / "avqa-test.json").read_text())
    assert set(records[0]) == {
        *("video_id", "question_id", "type", "question_content", "templ_values", "question_deleted", "anser")
    }
    assert missing("music_avqa", tmp_path) is None


def test_check_says_counts_words_and_answers(tiny, converted):
    for lines in (report("music_avqa", tiny), notes(converted.folder)):
        assert lines[0].startswith("these clips are generated, a stand-in")
        train = converted.rows("train")
        assert lines[1] == f"train: {len(train)} (published 32,087) questions on 17 videos"
        kinds = converted.index["type"][train][converted.index["modality"][train] == "Audio"]
        count = int(np.sum(kinds == "Counting"))
        assert lines[2].startswith(f"train, by type: Audio Counting {count}, Audio Comparative ")
        assert "Audio-Visual Temporal" in lines[6]
        assert "(published 824)" in lines[6]
        words = vocabulary(converted)
        assert lines[7].startswith(f"{len(words)} words, ")
        assert "of the 93 published, without 'Are', " in lines[7]
        assert f"{len(converted.classes)} answers, " in lines[8]
        assert "of the 42 published, without 'accordion', " in lines[8]
        assert lines[9].startswith("validation: 0 of ")
        assert lines[9].endswith(" questions are on videos that train asks about too")
    assert report("music_avqa", tiny)[-2:] == [
        "audio: vggish has a file for every video",
        "visual: res18_14x14 has a file for every video",
    ]
    assert notes(converted.folder)[-2].startswith("blind floors on test: ")
    assert notes(converted.folder)[-1] == "visual maps: float32 (24, 10, 8, 3, 3)"


def test_report_names_videos_without_features(copy):
    (copy / "music_avqa" / "feats" / "vggish" / "SYN00004.npy").unlink()
    assert "audio: vggish lacks 1 of 24 videos, such as SYN00004" in report("music_avqa", copy)
    (copy / "music_avqa" / "json" / "avqa-val.json").unlink()
    assert report("music_avqa", copy) == []


@pytest.mark.parametrize("module", [music_avqa, music_avqa_updated])
def test_published_counts_add_up(module):
    published = module.PUBLISHED
    for split, types in published.types.items():
        assert sum(types.values()) == published.questions[split]
