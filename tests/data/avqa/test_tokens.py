"""Words and ids: the published rule with its three endings, the clean one, the 93 words and 42 answers."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.data.avqa.asked import ask
from mmlib.data.avqa.published import ANSWERS, WORDS
from mmlib.data.avqa.questions import QUESTION_TYPES, Question
from mmlib.data.avqa.tokens import build_vocabulary, check_rule, encode, question_words
from mmlib.errors import DataError, ParameterError

HERE = "file.json, record 3, question 8"


@pytest.mark.parametrize("end", ["?", "? ", "\uff1f", "?\n"])
def test_published_rule_drops_the_last_character(end):
    words = question_words(
        f"Is the <Object> louder than the <Object>{end}", ["acoustic_guitar", "drum"], "published", HERE
    )
    assert words == ["Is", "the", "acoustic_guitar", "louder", "than", "the", "drum"]


def test_published_rule_is_literal():
    """Blanks on the left and two in a row make empty words; a letter goes where no mark stands; a value stays one."""
    assert question_words(" Is  it on", (), "published", HERE) == ["", "Is", "", "it", "o"]
    assert question_words("How many <X>?", ["more than ten"], "published", HERE) == ["How", "many", "more than ten"]
    assert question_words("Which first, a or b?", (), "published", HERE) == ["Which", "first,", "a", "or", "b"]


@pytest.mark.parametrize("content", ["Is it  on?", " Is it on \uff1f ", "Is it on", "Is it on.?", "Is it on ?"])
def test_clean_rule_does_not_depend_on_blanks_and_marks(content):
    assert question_words(content, (), "clean", HERE) == ["Is", "it", "on"]


def test_clean_rule_fills_places():
    assert question_words("Where is the <FL> <Object> ?", ["first", " tuba "], "clean", HERE) == [
        "Where",
        "is",
        "the",
        "first",
        "tuba",
    ]
    assert question_words("?", (), "clean", HERE) == []


@pytest.mark.parametrize("rule", ["published", "clean"])
def test_places_without_a_value_are_named(rule):
    with pytest.raises(
        DataError, match=r"file.json, record 3, question 8: 'Is <A> like <B>\?' has 2 places .* 1 values"
    ):
        question_words("Is <A> like <B>?", ["tuba"], rule, HERE)
    assert question_words("Is <A>?", ["tuba", "unused"], rule, HERE) == ["Is", "tuba"]


def test_ids_are_first_appearances_and_padding_is_on_the_right():
    training = [["Is", "it", "on"], ["is", "it"], ["Is", "off"]]
    vocabulary = build_vocabulary(training, "published")
    assert vocabulary == ["<pad>", "Is", "it", "on", "is", "off"]
    ids = encode([["off"], ["Is", "it", "on"]], vocabulary, [HERE, HERE])
    assert ids.tolist() == [[5, 0, 0], [1, 2, 3]]
    assert ids.dtype == np.int32


def test_a_word_that_training_lacks():
    training = [["Is", "it", "on"]]
    with pytest.raises(DataError, match=r"question 8: no training question has the word 'off'.*--set tokens=clean"):
        encode([["Is", "off"]], build_vocabulary(training, "published"), [HERE])
    vocabulary = build_vocabulary(training, "clean")
    assert vocabulary == ["<pad>", "<unk>", "Is", "it", "on"]
    assert encode([["Is", "off"]], vocabulary, [HERE]).tolist() == [[2, 1]]


def test_rules_are_two():
    check_rule("music_avqa", "clean")
    with pytest.raises(ParameterError, match="music_avqa: tokens is 'raw', choose one of: published, clean"):
        check_rule("music_avqa", "raw")


# Forms of the 33 templates: with the values of their places they hold every word that the published files hold.
PLAIN = (
    "Is the <Object> in the video always playing?",
    "Is the <Object> louder than the <Object>?",
    "Is the <Object> more rhythmic than the <Object>?",
    "Is the <Object> playing longer than the <Object>?",
    "What is the instrument on the <LR> of <Object>?",
    "How many sounding <Object> in the video?",
    "How many types of musical instruments sound in the video?",
    "What is the <TH> instrument that comes in?",
    "Is there a voiceover?",
    "Is this sound from the instrument in the video? ",
    "How many instruments are sounding in the video\uff1f",
    "Are there <Object> and <Object> sound?",
    "Which <Object> sounds at the same time as the <Object>?",
    "What is the <TH> sounding instrument in the entire video?",
    "Where is the performance?",
    "Where is the <LL> instrument?",
    "Which instrument makes sounds <BA> the <Object>?",
    "What is the last instrument coming in? ",
    "What kind of instrument is the <LRer> instrument?",
    "How many instruments in the video did not sound from beginning to end?",
    "How many musical instruments were heard throughout the video?",
    "Is it that appeared <BA>?",
)
INSTRUMENTS = [
    *("ukulele", "guzheng", "piano", "electric_bass", "banjo", "xylophone", "flute", "acoustic_guitar", "accordion"),
    *("drum", "tuba", "trumpet", "saxophone", "erhu", "pipa", "violin", "bassoon", "bagpipe", "cello", "clarinet"),
    *("suona", "congas"),
]
VALUES = {
    "<LR>": ["left", "right", "middle"],
    "<TH>": ["first", "second", "third", "fourth", "fifth"],
    "<LL>": ["loudest", "lowest"],
    "<BA>": ["before", "after"],
    "<LRer>": ["leftest", "rightest"],
}


def training_file(answers, question="Is the <Object> louder than the <Object>?"):
    """Questions of all forms, every value in some place."""
    asked = []
    for content in PLAIN:
        places = [word.rstrip("?") for word in content.split() if "<" in word]
        for number in range(max([1, *(len(VALUES.get(place, INSTRUMENTS)) for place in places)])):
            choices = [VALUES.get(place, INSTRUMENTS) for place in places]
            asked.append((content, tuple(c[(number + shift) % len(c)] for shift, c in enumerate(choices))))
    answered = [answers[row % len(answers)] for row in range(max(len(asked), len(answers)))]
    asked += [asked[-1]] * (len(answered) - len(asked))
    return [
        Question("train", row, "v", "Audio", "Counting", content, values, answer, f"record {row}")
        for row, ((content, values), answer) in enumerate(zip(asked, answered, strict=True))
    ]


def test_the_93_words_and_42_answers_of_training():
    """With the forms and values of the release the vocabulary is its own: 93 words; 41 of the answers without "ten"."""
    asked = ask(training_file(ANSWERS), "published")
    assert len(WORDS) == len(set(WORDS)) == 93
    assert set(asked.vocabulary) == set(WORDS)
    assert asked.vocabulary[0] == "<pad>"
    assert asked.answers == ANSWERS
    assert len(set(ANSWERS)) == 42
    fewer = ask(training_file([name for name in ANSWERS if name != "ten"]), "published")
    assert len(fewer.answers) == 41
    assert set(ANSWERS) - set(fewer.answers) == {"ten"}
    assert asked.tokens.shape[1] == 13
    assert ask(training_file(ANSWERS), "clean").vocabulary == ["<pad>", "<unk>", *asked.vocabulary[1:]]


def test_types_are_in_the_order_of_the_table():
    assert len(QUESTION_TYPES) == 9
    assert QUESTION_TYPES[:4] == ("Audio Counting", "Audio Comparative", "Visual Counting", "Visual Location")
    assert [name.split()[1] for name in QUESTION_TYPES[4:]] == [
        "Existential",
        "Counting",
        "Location",
        "Comparative",
        "Temporal",
    ]
