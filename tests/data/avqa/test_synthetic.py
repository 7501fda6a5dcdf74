"""The generated set: its form, its truth (an oracle that reads the scenes answers everything), what is told by what."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from mmlib.data.avqa import QUESTION_TYPES, question_types, vocabulary
from mmlib.data.avqa.generator import OPTIONS, Generator
from mmlib.data.avqa.scenes import GAINS, KINDS, NUMBERS, PLACES, draw_scenes
from mmlib.data.loading import load_data
from mmlib.data.prepared import SPLITS, check_prepared, open_prepared
from mmlib.data.registry import prepare
from mmlib.data.views import ItemView
from mmlib.errors import DataError, ParameterError
from mmlib.metrics.question_floors import constant_answer, majority_answers

SMALL = {"clips": 120}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    store = tmp_path_factory.mktemp("synthetic_avqa")
    return open_prepared(prepare("synthetic_avqa", data_root=None, store=store, options=SMALL))


def test_is_a_sound_prepared_folder_of_these_shapes(prepared):
    assert check_prepared(prepared.folder) == []
    rows = len(prepared)
    shapes = {name: (array.shape, array.dtype.name) for name, array in prepared.arrays.items()}
    assert shapes == {
        "audio": ((120, 10, 16), "float16"),
        "visual": ((120, 10, 16, 3, 3), "float16"),
        "question": ((rows, 9), "int32"),
        "scene_kind": ((120, 3), "int8"),
        "scene_gain": ((120, 3), "float32"),
        "scene_play": ((120, 3, 10), "uint8"),
    }
    assert [name for name in shapes if prepared.by_item(name)] == [name for name in shapes if name != "question"]
    assert prepared.origin == "generated"
    items = [np.unique(prepared.index["item"][prepared.rows(split)]) for split in SPLITS]
    assert [len(found) for found in items] == [84, 12, 24]
    assert len(np.unique(np.concatenate(items))) == 120, "no clip is in two splits"
    assert prepared.index["group"].tolist() == [f"SYN{item:05d}" for item in prepared.index["item"]]
    assert set(question_types(prepared)) == set(QUESTION_TYPES)


def test_ids_read_back_as_the_text(prepared):
    words = vocabulary(prepared)
    assert words[0] == "<pad>"
    for row in (0, 100, len(prepared) - 1):
        ids = prepared.arrays["question"][row]
        assert " ".join(words[number] for number in ids if number) + "?" == prepared.index["text"][row]
        assert (np.diff((ids == 0).astype(int)) >= 0).all(), "padding is on the right alone"
    assert prepared.arrays["question"].max() == len(words) - 1


def oracle(text, kind, gain, play):
    """The answer to a question by the scene alone, written anew from the words of the question."""
    heard = play.any(axis=1)
    named = [KINDS.index(word) for word in re.findall(r"\w+", text) if word in KINDS]
    sides = [PLACES.index(word) for word in re.findall(r"\w+", text) if word in PLACES]
    at = [int(np.flatnonzero(kind == name)[0]) for name in named if name in kind] + sides
    yes = {True: "yes", False: "no"}
    if "louder" in text:
        return yes[bool(gain[at[0]] > gain[at[1]])]
    if "can be heard" in text:
        return NUMBERS[heard.sum()]
    if "can be seen" in text:
        return NUMBERS[(kind >= 0).sum()]
    if text.startswith("Can a"):
        return yes[bool(at)]
    if text.startswith("Where is the loudest"):
        return PLACES[np.where(heard, gain, 0).argmax()]
    if text.startswith("Where"):
        return PLACES[at[0]]
    if "all the time" in text:
        return yes[bool(play[at[0]].all())]
    if "never heard" in text:
        return NUMBERS[((kind >= 0) & ~heard).sum()]
    (other,) = [place for place in range(3) if place != at[0] and (play[place] & play[at[0]]).any()]
    return KINDS[kind[other]]


def test_an_oracle_that_reads_the_scenes_answers_everything(prepared):
    truth = [prepared.arrays[f"scene_{name}"] for name in ("kind", "gain", "play")]
    answers = [
        oracle(text, *(values[item] for values in truth))
        for text, item in zip(prepared.index["text"].tolist(), prepared.index["item"], strict=True)
    ]
    assert answers == [prepared.classes[label] for label in prepared.labels]


def test_questions_cannot_be_answered_blindly(prepared):
    train, test = prepared.rows("train"), prepared.rows("test")
    text, label = prepared.index["text"], prepared.labels
    each = majority_answers(text[train], label[train], text[test]) == label[test]
    one = constant_answer(label[train], len(test)) == label[test]
    assert one.mean() < 0.35
    assert each.mean() < 0.6


def test_what_is_heard_and_seen_is_in_the_features(prepared):
    """Projected on the known directions: an instrument that plays is in the sound of its seconds and in no other."""
    generator = Generator(OPTIONS | SMALL)
    kind, play = prepared.arrays["scene_kind"], prepared.arrays["scene_play"].astype(bool)
    sound = prepared.arrays["audio"].astype(np.float32) @ generator.audio_directions.T  # (items, 10, kinds)
    seen = np.einsum("itchw,kc->ikw", prepared.arrays["visual"].astype(np.float32), generator.visual_directions) / 30
    for place in range(3):
        there = np.flatnonzero(kind[:, place] >= 0)
        level = sound[there, :, kind[there, place]]  # (n, 10)
        assert level[play[there, place]].mean() > 3
        assert abs(level[~play[there, place]].mean()) < 0.3
        assert seen[there, kind[there, place], place].mean() == pytest.approx(4, abs=0.1)
        assert abs(seen[there, kind[there, place], (place + 1) % 3].mean()) < 0.1


def test_seconds_are_drawn_by_themselves():
    """The seconds that are used are the same whether the others are drawn or not."""
    generator = Generator(OPTIONS | {"clips": 20})
    every, used = generator.features(3, range(60)), generator.features(3)
    for name in ("audio", "visual"):
        np.testing.assert_array_equal(every[name][::6], used[name])
        assert every[name].shape[0] == 60


def test_scenes_are_what_they_are_said_to_be():
    scenes = draw_scenes(np.random.default_rng(0), 4000)
    there = scenes.kind >= 0
    assert not (scenes.play.any(axis=2) & ~there).any(), "what is not there is not heard"
    assert set(np.unique(there.sum(axis=1)).tolist()) == {2, 3}
    sorted_kinds = np.sort(np.where(there, scenes.kind, [-3, -2, -1]), axis=1)
    assert (np.diff(sorted_kinds, axis=1) > 0).all(), "kinds differ"
    assert sorted(set(np.sort(scenes.gain, axis=1).ravel().tolist())) == pytest.approx(sorted(GAINS))
    seconds = scenes.play.sum(axis=2)[there]
    assert set(np.unique(seconds).tolist()) == {0, 3, 4, 5, 6, 10}


def test_batches_and_negatives(prepared, settings):
    """Rows share their clips; the view below the items gives any other clip of the split."""
    options = {f"synthetic_{name}": value for name, value in (OPTIONS | SMALL).items() if name != "seed"}
    data = load_data(settings(dataset="synthetic_avqa", data_store=str(prepared.folder.parent), **options))
    train = data["train"]
    batch = train[np.array([5, 0, 1])]
    assert {name: (tuple(values.shape), values.dtype) for name, values in batch.inputs.items()} == {
        "audio": ((3, 10, 16), torch.float32),
        "visual": ((3, 10, 16, 3, 3), torch.float32),
        "question": ((3, 9), torch.int64),
    }
    assert batch.targets.tolist() == train.targets[[5, 0, 1]].tolist()
    view, items = train.views["visual"], train.column("item")
    assert isinstance(view, ItemView)
    others = np.unique(items)[-2:]  # clips of the split, other than those of the batch
    negative = view.view(others, None)
    np.testing.assert_array_equal(negative.numpy(), prepared.arrays["visual"][others].astype(np.float32))


@pytest.mark.parametrize(("name", "value"), [("clips", 19), ("questions", 10), ("map", 2), ("visual_features", 6)])
def test_options_out_of_range(tmp_path, name, value):
    with pytest.raises(ParameterError, match=f"synthetic_avqa {name} is {value}: it must lie between"):
        prepare("synthetic_avqa", data_root=None, store=tmp_path, options={name: value})


def test_a_folder_without_words_is_named(prepared):
    class Other:
        folder, manifest = "elsewhere", {"source": {}}

    with pytest.raises(DataError, match="elsewhere holds no vocabulary"):
        vocabulary(Other())
