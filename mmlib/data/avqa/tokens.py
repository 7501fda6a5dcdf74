"""From a question to the ids of its words.

Paper says (Li et al., CVPR 2022): words of a question are embedded; nothing of how it is cut.
Published code does (MUSIC-AVQA and IEMF): blanks are taken off the right end alone, the question is cut at single
spaces, the last character of the last word is dropped (the question mark, also a full-width one), and every word that
contains "<" is replaced by the next value of the template, which stays one word. The vocabulary is `<pad>` and the
words of the training file as they first appear, upper and lower case apart; questions are padded on the right to 14
words, and a word that training lacks stops the program.
We do: `published` is that rule, with a message where it stops; padding goes to the longest question there is. `clean`
takes blanks off both ends and between words however many there are, drops punctuation from the end if there is any
(never a letter), and reads a word that training lacks as `<unk>`, which no training question has: its vector stays
as it was initialised.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

import numpy as np

from mmlib.errors import DataError, ParameterError

Rule = Literal["published", "clean"]
PAD, UNKNOWN = "<pad>", "<unk>"


def check_rule(dataset: str, rule: str) -> None:
    """Raise `ParameterError` for a rule that does not exist."""
    if rule not in get_args(Rule):
        raise ParameterError(f"{dataset}: tokens is {rule!r}, choose one of: {', '.join(get_args(Rule))}.")


def question_words(content: str, values: Sequence[str], rule: Rule, where: str) -> list[str]:
    """The words of a question whose places, such as `<Object>`, take `values` in order.

    `where`: file and record, for the message. Raises `DataError` where there are more places than values.
    """
    words = _published_words(content) if rule == "published" else _clean_words(content)
    places = [number for number, word in enumerate(words) if "<" in word]
    if len(places) > len(values):
        raise DataError(
            f"{where}: {content!r} has {len(places)} places to fill and {len(values)} values (templ_values "
            f"{list(values)}). Get the file again, or correct the record."
        )
    for place, value in zip(places, values, strict=False):
        words[place] = value if rule == "published" else value.strip()
    return words


def _published_words(content: str) -> list[str]:
    words = content.rstrip().split(" ")
    words[-1] = words[-1][:-1]
    return words


def _clean_words(content: str) -> list[str]:
    words = content.split()
    while words:
        words[-1] = _without_mark(words[-1])
        if words[-1]:
            break
        words.pop()
    return words


def _without_mark(word: str) -> str:
    """A word without punctuation at its end; > closes a place and stays."""
    while word and unicodedata.category(word[-1]).startswith("P"):
        word = word[:-1]
    return word


def build_vocabulary(training: Iterable[Sequence[str]], rule: Rule) -> list[str]:
    """The word of every id: `<pad>`, under `clean` `<unk>`, then the words of training as they first appear."""
    special = [PAD] if rule == "published" else [PAD, UNKNOWN]
    return list(dict.fromkeys([*special, *(word for words in training for word in words)]))


def encode(questions: Sequence[Sequence[str]], vocabulary: Sequence[str], where: Sequence[str]) -> np.ndarray:
    """Ids `(N, L)` int32 of N questions, 0 beyond each one's words; L is the longest one's length.

    `where` (N,): file and record of each. Raises `DataError` for a word that is not in the vocabulary, unless that has
    `<unk>`.
    """
    number = {word: place for place, word in enumerate(vocabulary)}
    other = number.get(UNKNOWN)
    ids = np.zeros((len(questions), max(map(len, questions), default=0)), np.int32)
    for row, words in enumerate(questions):
        found = [number.get(word, other) for word in words]
        if None in found:
            raise DataError(
                f"{where[row]}: no training question has the word {words[found.index(None)]!r}, so it has no id. "
                "Correct the record, or prepare with --set tokens=clean, which reads such words as <unk>."
            )
        ids[row, : len(found)] = found
    return ids
