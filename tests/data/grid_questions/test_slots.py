"""Clips of slots and questions, without recordings: an oracle, distributions, 38 words and 15 answers, floors."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mmlib.data.avqa.asked import ask
from mmlib.data.avqa.questions import QUESTION_TYPES
from mmlib.data.avqa.tokens import question_words
from mmlib.data.grid_questions import SHARES, draw, slots
from mmlib.data.grid_words import clip_splits
from mmlib.data.prepared import SPLITS
from mmlib.metrics.question_floors import majority_answers

COUNT = 16_000
DIGIT = np.arange(1000) % 10


@pytest.fixture(scope="module")
def drawn():
    """Many questions, so that shares are near their expectations: 2,000 of each type in train, 500 in test."""
    return draw(DIGIT, clip_splits(1000, 0), COUNT, seed=0)


@pytest.fixture(scope="module")
def asked(drawn):
    clips, questions = drawn
    return ask(questions, "published", slots.ANSWERS, clips.names)


def oracle(text, heard, mouthed):
    """The answer by the slot table alone, written anew from the words of the question."""
    voice, lips = [int(d) for d in heard if d >= 0], [int(d) for d in mouthed if d >= 0]
    when = [int(np.argmax(values >= 0)) if (values >= 0).any() else 99 for values in (heard, mouthed)]
    match text.rstrip("?").split():
        case ["How", "many", "digits", "are", "heard"]:
            return slots.DIGITS[len(voice)]
        case ["How", "many", "digits", "are", "mouthed"]:
            return slots.DIGITS[len(lips)]
        case ["Is", "the", one, "heard", "digit", "larger", "than", "the", _, "heard", "digit"]:
            return "yes" if (voice[0] > voice[-1]) == (one == "first") else "no"
        case ["Which", "digit", "is", "mouthed", which]:
            return slots.DIGITS[lips[0] if which == "first" else lips[-1]]
        case ["Do", *_]:
            return "yes" if heard.tolist() == mouthed.tolist() else "no"
        case ["How", "many", "digits", "have", *_]:
            return slots.DIGITS[sum(a == b and a >= 0 for a, b in zip(heard, mouthed, strict=True))]
        case ["Which", "comes", *_]:
            return "simultaneously" if when[0] == when[1] else ["lips", "voice"][int(when[0] < when[1])]
        case ["Which", "digit", "is", "heard", *_, digit]:
            (slot,) = np.flatnonzero(mouthed == slots.DIGITS.index(digit))
            return slots.DIGITS[heard[slot]]
    raise AssertionError(text)


def test_an_oracle_that_reads_the_slots_scores_one(drawn, asked):
    clips, _ = drawn
    index = asked.index
    found = [
        oracle(text, clips.heard[item], clips.mouthed[item])
        for text, item in zip(index["text"].tolist(), index["item"].tolist(), strict=True)
    ]
    assert found == [asked.answers[label] for label in index["label"].tolist()]


def test_words_answers_and_the_longest_question(asked):
    assert len(asked.vocabulary) == 38
    assert len(asked.answers) == len(set(asked.answers)) == 15
    assert asked.tokens.shape == (COUNT + COUNT // 8 + COUNT // 4, 11)
    assert set(slots.TYPES) == set(QUESTION_TYPES) - {"Audio-Visual Comparative"}
    assert len(set(asked.index["text"].tolist())) == 1 + 2 + 1 + 2 + 1 + 1 + 1 + 10
    used = np.bincount(asked.index["label"], minlength=15)
    assert (used > 0).all()


def test_types_are_asked_equally_often(asked):
    types = np.array([f"{m} {t}" for m, t in zip(asked.index["modality"], asked.index["type"], strict=True)])
    for split, share in SHARES.items():
        inside = types[asked.index["split"] == split]
        assert {kind: int(np.sum(inside == kind)) for kind in slots.TYPES} == dict.fromkeys(
            slots.TYPES, COUNT * share / 8
        )


EXPECTED = {
    "Audio Counting": 0.2,
    "Audio Comparative": 0.5,
    "Visual Counting": 0.2,
    "Visual Location": 0.1,
    "Audio-Visual Existential": 0.5,
    "Audio-Visual Counting": 0.2,
    "Audio-Visual Location": 1 / 3,
    "Audio-Visual Temporal": 0.1,
}


@pytest.mark.parametrize("learned", ["train", "validation"])
def test_blind_floors_are_chance(asked, learned):
    """Specified on 2,000 questions: .274 over all types, with a noise of about .03 for a type."""
    index = asked.index
    train, test = (index["split"] == learned, index["split"] == "test")
    right = majority_answers(index["text"][train], index["label"][train], index["text"][test]) == index["label"][test]
    types = np.array([f"{m} {t}" for m, t in zip(index["modality"], index["type"], strict=True)])[test]
    for kind, floor in EXPECTED.items():
        assert right[types == kind].mean() == pytest.approx(floor, abs=0.05), kind
    assert right.mean() == pytest.approx(0.274, abs=0.03)


def share(condition):
    return float(np.mean(condition))


def test_counts_are_uniform(drawn):
    clips, _ = drawn
    apart, mixed = clips.kind == slots.APART, clips.kind == slots.MIXED
    voices, lips = ((values[apart] >= 0).sum(axis=1) for values in (clips.heard, clips.mouthed))
    alike = (clips.heard == clips.mouthed) & (clips.heard >= 0)
    for counts in (voices, lips, alike[mixed].sum(axis=1)):
        np.testing.assert_allclose(np.bincount(counts, minlength=5) / len(counts), 0.2, atol=0.03)
    assert share(np.corrcoef(voices, lips)[0, 1]) == pytest.approx(0, abs=0.05), "drawn apart"


def test_half_of_talk_has_one_other_voice(drawn):
    clips, _ = drawn
    talk = clips.kind == slots.TALK
    heard, mouthed = clips.heard[talk], clips.mouthed[talk]
    differing = (heard != mouthed).sum(axis=1)
    assert set(differing.tolist()) == {0, 1}
    assert share(differing) == pytest.approx(0.5, abs=0.01)
    np.testing.assert_array_equal(heard >= 0, mouthed >= 0)
    assert set(np.unique((heard >= 0).sum(axis=1)).tolist()) == {1, 2, 3, 4}


def test_lips_say_nothing_of_a_dubbed_voice(drawn):
    clips, _ = drawn
    dubbed = (clips.kind == slots.DUBBED)[:, None] & (clips.mouthed >= 0)
    heard, mouthed = clips.heard[dubbed], clips.mouthed[dubbed]
    assert share(heard == mouthed) == pytest.approx(0.1, abs=0.015), "as often as by chance"
    rows = clips.mouthed[clips.kind == slots.DUBBED]
    assert set((rows >= 0).sum(axis=1).tolist()) == {3, 4}
    for row in rows[:200]:
        named = row[row >= 0].tolist()
        assert len(named) == len(set(named)), "a digit names one slot"


def test_first_and_last_voice_differ(drawn):
    clips, _ = drawn
    several = (clips.kind == slots.APART) & ((clips.heard >= 0).sum(axis=1) > 1)
    for row in clips.heard[several][:500]:
        spoken = row[row >= 0]
        assert spoken[0] != spoken[-1]


def test_slots_are_used_alike(drawn):
    """No slot gives a kind of clip away; only what leads comes early."""
    clips, _ = drawn
    for kind in (slots.TALK, slots.DUBBED, slots.MIXED):
        used = (clips.heard[clips.kind == kind] >= 0).mean(axis=0)
        assert np.ptp(used) < 0.06


def test_recordings_are_of_the_clips_own_split_and_say_the_digit(drawn):
    clips, _ = drawn
    split = clip_splits(1000, 0)
    own = np.array([re.match(r"[a-z]+", name).group() for name in clips.names])
    for digits, recordings in ((clips.heard, clips.heard_clip), (clips.mouthed, clips.mouthed_clip)):
        np.testing.assert_array_equal(digits >= 0, recordings >= 0)
        rows, columns = np.nonzero(digits >= 0)
        np.testing.assert_array_equal(DIGIT[recordings[rows, columns]], digits[rows, columns])
        np.testing.assert_array_equal(split[recordings[rows, columns]], own[rows])
    same = (clips.heard == clips.mouthed) & (clips.heard >= 0)
    assert share(clips.heard_clip[same] == clips.mouthed_clip[same]) < 0.1, "voice and lips are drawn apart"


def test_drawing_depends_on_the_seed_alone(drawn):
    first = draw(DIGIT, clip_splits(1000, 1), 640, seed=1)
    again = draw(DIGIT, clip_splits(1000, 1), 640, seed=1)
    np.testing.assert_array_equal(first[0].heard_clip, again[0].heard_clip)
    assert first[1] == again[1]
    assert [q.number for q in first[1]] == list(range(640 + 80 + 160))
    assert [q.split for q in first[1]] == [name for name in SPLITS for _ in range(round(640 * SHARES[name]))]


def test_every_question_ends_in_a_mark_that_is_dropped():
    for content, _ in slots.ASKING.values():
        places = content.count("<")
        words = question_words(content, ["x"] * places, "published", "")
        assert not words[-1].endswith("?")
