"""The pickle of MOSI and MOSEI: read as plain data, hostile and damaged ones refused, words and pieces aligned."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from mmlib.data.mosi.pickle_file import read_utterances
from mmlib.data.mosi.published import STEPS, pieces_of, words_of
from mmlib.data.mosi.wordpiece import WordPiece
from mmlib.data.prepared import open_prepared
from mmlib.data.registry import missing, notes, prepare
from mmlib.errors import DataError

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "film", "##s", "re", "##ally", "!", "cafe"]


def utterance(words, score=1.5, segment="video_a[3]", visual=2, acoustic=3, seed=0):
    rng = np.random.default_rng(seed)
    rows = [rng.standard_normal((len(words), width)).astype(np.float32) + 5 for width in (visual, acoustic)]
    return ((list(words), *rows), np.array([[score]], np.float32), segment)


def content():
    long = [f"w{number}" for number in range(60)]
    return {
        "train": [utterance(["Good", "film"]), utterance(long, -3.0, "video_b_7"), utterance(["really"], 0.0)],
        "dev": [utterance(["films", "good"], 0.4)],
        "test": [utterance(["unheard", "film"], 2.5, "video_c[0]")],
    }


def save(path, value, protocol=4):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol))
    return path


@pytest.fixture
def root(tmp_path):
    save(tmp_path / "root" / "mosi" / "mosi.pkl", content())
    return tmp_path / "root"


def prepared(root, tmp_path, **options):
    return open_prepared(prepare("mosi", data_root=root, store=tmp_path / "store", options=options), verify=True)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_reads_what_pickle_reads(tmp_path, protocol):
    value = content()
    found = read_utterances(save(tmp_path / "x.pkl", value, protocol))
    assert [one.split for one in found] == ["train"] * 3 + ["validation", "test"]
    for one, ((words, visual, acoustic), label, segment) in zip(found, sum(value.values(), []), strict=True):
        assert (one.words, one.segment, one.score) == (words, segment, pytest.approx(float(label[0, 0])))
        np.testing.assert_array_equal(one.visual, visual)
        np.testing.assert_array_equal(one.acoustic, acoustic)
    assert [one.video for one in found] == ["video_a", "video_b", "video_a", "video_a", "video_c"]


@pytest.mark.parametrize("label", [1.5, np.float32(1.5), np.array([1.5]), np.array([[1.5]])])
def test_labels_are_numbers_or_arrays_of_one(tmp_path, label):
    value = content()
    value["test"] = [((["a"], np.ones((1, 2), np.float32), np.ones((1, 3), np.float32)), label, "s")]
    assert read_utterances(save(tmp_path / "x.pkl", value))[-1].score == 1.5


def test_strings_of_numpy_are_text(tmp_path):
    value = content()
    value["test"] = [(([np.str_("ü")], np.ones((1, 2), np.float32), np.ones((1, 3), np.float32)), 1.0, "s")]
    assert read_utterances(save(tmp_path / "x.pkl", value))[-1].words == ["ü"]


class Command:
    """Unpickled, it runs a command."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.system, (f"echo ran > {self.place}",)


class Evaluated:
    def __reduce__(self):
        return eval, ("1/0",)


class Spawned(Command):
    def __reduce__(self):
        return subprocess.call, ([sys.executable, "-c", f"open({str(self.place)!r}, 'w')"],)


class TestHostile:
    @pytest.mark.parametrize("kind", [Command, Spawned])
    @pytest.mark.parametrize("where", ["whole", "word", "array", "label", "key"])
    def test_nothing_runs_and_one_message_says_so(self, tmp_path, kind, where):
        evil, value = kind(tmp_path / "ran"), content()
        if where == "whole":
            value = evil
        elif where == "key":
            value["train"].append({"x": evil})
        else:
            place = {"word": (["a", evil], np.ones((2, 2)), np.ones((2, 3))), "array": (["a"], evil, evil)}
            value["train"][0] = (place.get(where, (["a"], np.ones((1, 2)), np.ones((1, 3)))), evil, "s")
        path = save(tmp_path / "x.pkl", value)
        with pytest.raises(DataError, match="which is not opened") as caught:
            read_utterances(path)
        assert str(path) in str(caught.value)
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("protocol", [0, 1, 2, 4])
    def test_whatever_the_protocol(self, tmp_path, protocol):
        with pytest.raises(DataError):
            read_utterances(save(tmp_path / "x.pkl", {"train": [Evaluated()]}, protocol))

    def test_objects_of_other_kinds(self, tmp_path):
        value = content()
        value["dev"] = {1, 2}
        with pytest.raises(DataError, match="which is not opened"):
            read_utterances(save(tmp_path / "x.pkl", value))
        value["dev"] = [utterance(["a"], score=np.array(object()))] if False else [np.array([None])]
        with pytest.raises(DataError):
            read_utterances(save(tmp_path / "x.pkl", value))


class TestDamaged:
    @pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.999])
    def test_cut_short(self, tmp_path, share):
        path = save(tmp_path / "x.pkl", content())
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        with pytest.raises(DataError, match="cut short or damaged"):
            read_utterances(path)

    def test_flipped_bytes_are_refused_or_harmless(self, tmp_path):
        good = save(tmp_path / "good.pkl", content()).read_bytes()
        rng = np.random.default_rng(0)
        refused = 0
        for place in rng.integers(len(good), size=150):
            changed = bytearray(good)
            changed[place] ^= int(rng.integers(1, 256))
            (tmp_path / "x.pkl").write_bytes(changed)
            try:
                read_utterances(tmp_path / "x.pkl")
            except DataError:
                refused += 1
        assert refused > 5

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda v: v.pop("dev"), "expected lists 'train', 'dev' and 'test'"),
            (lambda v: v["test"].append(3), "entry 1 of 'test' is no utterance"),
            (lambda v: v["test"].append(((["a"], np.ones((2, 2)), np.ones((1, 3))), 1.0, "s")), "1 words, rows"),
            (lambda v: v["test"].append(utterance(["a"], float("nan"))), "a label of nan"),
            (lambda v: v["test"].append(utterance(["a"], visual=9)), r"rows of \[\(2, 3\), \(9, 3\)\]"),
            (lambda v: v["test"].append((([], np.ones((0, 2)), np.ones((0, 3))), 1.0, "s")), "0 words"),
            (lambda v: v["test"].append(((["a"], np.ones((1, 2)), np.ones((1, 3))), 1.0, 7)), "where text belongs"),
        ],
    )
    def test_other_content(self, tmp_path, change, message):
        value = content()
        change(value)
        with pytest.raises(DataError, match=message):
            read_utterances(save(tmp_path / "x.pkl", value))

    def test_not_there(self, tmp_path):
        assert "mosi/mosi.pkl is missing" in missing("mosi", tmp_path)


class TestPrepared:
    def test_words(self, root, tmp_path):
        found = prepared(root, tmp_path)
        text, audio = found.arrays["text"], found.arrays["audio"]
        assert text.shape == (5, STEPS)
        assert audio.shape == (5, STEPS, 3)
        assert found.index["steps"].tolist() == [2, 50, 1, 2, 2]
        assert text[4, :2].tolist() == [1, text[0, 1]]  # "unheard" is unknown, "film" is not; "Good" is "good"
        assert text[3, 1] == text[0, 0]
        np.testing.assert_array_equal(audio[0, :2], content()["train"][0][0][2])
        assert not audio[0, 2:].any()
        assert found.targets.tolist() == pytest.approx([1.5, -3, 0, 0.4, 2.5])
        assert found.labels.tolist() == [5, 0, 3, 3, 5]  # 1.5 and 2.5 both round to 2
        assert found.index["group"].tolist() == ["video_a", "video_b", "video_a", "video_a", "video_c"]
        assert notes(found.folder)[0].startswith("mosi: 3 train utterances of 1,281 published")

    def test_pieces_show_their_words_rows_between_two_without(self, root, tmp_path):
        (root / "bert").mkdir()
        (root / "bert" / "vocab.txt").write_text("\n".join(VOCABULARY))
        found = prepared(root, tmp_path, bert="bert")
        assert found.arrays["text"][3, :6].tolist() == [2, 5, 6, 4, 3, 0]  # [CLS] film ##s good [SEP]
        visual = content()["dev"][0][0][1]
        np.testing.assert_array_equal(found.arrays["visual"][3, 1:4], visual[[0, 0, 1]])
        assert not found.arrays["visual"][3, [0, 4]].any()
        assert found.index["steps"].tolist() == [4, 50, 4, 5, 4]
        assert found.arrays["text"][1, 49] == 3  # 48 pieces of 60, then [SEP]

    def test_values_that_are_not_finite_become_zero_and_are_counted(self, tmp_path):
        value = content()
        value["train"][0][0][2][0, 1] = -np.inf
        save(tmp_path / "root" / "mosi" / "mosi.pkl", value)
        found = prepared(tmp_path / "root", tmp_path)
        assert found.arrays["audio"][0, 0, 1] == 0
        assert "1 values that are not finite" in notes(found.folder)[1]

    def test_without_the_vocabulary_it_names(self, root, tmp_path):
        with pytest.raises(DataError, match="vocab.txt"):
            prepared(root, tmp_path, bert="nowhere")


class TestWordPiece:
    @pytest.fixture
    def pieces(self, tmp_path):
        (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY))
        return WordPiece(tmp_path / "vocab.txt")

    @pytest.mark.parametrize(
        ("word", "expected"),
        [
            ("Good", ["good"]),
            ("films", ["film", "##s"]),
            ("really!", ["re", "##ally", "!"]),
            ("CAFÉ", ["cafe"]),
            ("goodx", ["[UNK]"]),
            ("", []),
        ],
    )
    def test_words(self, pieces, word, expected):
        assert pieces.pieces(word) == [VOCABULARY.index(piece) for piece in expected]

    def test_a_cut_keeps_the_place_of_each_word(self, pieces):
        ids, places = pieces_of(pieces)(["films", "good"])
        assert (ids, places) == ([2, 5, 6, 4, 3], [-1, 0, 0, 1, -1])

    def test_a_file_that_is_no_vocabulary(self, tmp_path):
        (tmp_path / "v.txt").write_text("good\nfilm")
        with pytest.raises(DataError, match=r"\[PAD\]"):
            WordPiece(tmp_path / "v.txt")


def test_words_are_cut_at_fifty():
    ids, places = words_of([])(["a"] * 70)
    assert ids == [1] * STEPS
    assert places == list(range(STEPS))
