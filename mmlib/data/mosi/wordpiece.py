"""WordPiece as BERT cuts words, from its vocabulary file, so that data can be prepared without `transformers`.

Devlin et al., NAACL 2019 (uncased): text is lower-cased, accents are taken off, punctuation stands alone; then, from
the left, always the longest piece that the vocabulary has, pieces within a word marked by ##.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from mmlib.errors import DataError

PAD, UNKNOWN, FIRST, LAST = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
LONGEST = 100  # characters of a word


class WordPiece:
    """Pieces of words by the vocabulary `vocab.txt`, one piece a line, whose line numbers are the ids.

    Raises `DataError` for a file that is no such vocabulary. Id 0 must be the padding, as everywhere here.
    """

    def __init__(self, path: Path) -> None:
        try:
            pieces = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read as BERT's vocabulary ({error!s:.200}). Get vocab.txt.") from error
        self.ids = {piece: number for number, piece in enumerate(pieces)}
        lacking = [piece for piece in (PAD, UNKNOWN, FIRST, LAST) if piece not in self.ids]
        if lacking or self.ids[PAD] != 0:
            raise DataError(
                f"{path} is no vocabulary of BERT: {lacking[0] if lacking else PAD + ' is not its first line'}. Get "
                "the vocab.txt that belongs to the weights."
            )

    def __len__(self) -> int:
        return len(self.ids)

    def pieces(self, word: str) -> list[int]:
        """Ids of the pieces of one word; none for one that is empty without its accents."""
        return [self.ids[piece] for token in _tokens(word) for piece in self._cut(token)]

    def _cut(self, token: str) -> list[str]:
        found: list[str] = []
        start = 0
        while start < len(token):
            prefix = "##" if start else ""
            ends = range(len(token), start, -1)
            end = next((end for end in ends if prefix + token[start:end] in self.ids), None)
            if end is None or len(token) > LONGEST:
                return [UNKNOWN]
            found.append(prefix + token[start:end])
            start = end
        return found


def _tokens(word: str) -> Iterator[str]:
    plain = "".join(c for c in unicodedata.normalize("NFD", word.lower()) if unicodedata.category(c) != "Mn")
    token = ""
    for character in plain:
        alone = _is_punctuation(character)
        if alone or character.isspace():
            if token:
                yield token
            token = ""
            if alone:
                yield character
        else:
            token += character
    if token:
        yield token


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character).startswith("P") or character in "$+<=>^`|~"
