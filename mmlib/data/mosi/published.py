"""CMU-MOSI and CMU-MOSEI as MIM reads them, in the prepared format: aligned words or word pieces.

Published code does (MAG, MIM): every word piece inherits its word's audio and vision row; at most 48 pieces, then [CLS]
    and [SEP] with rows of zeros, padded to 50. Features are not normalised.
We do: that, where a BERT vocabulary is given. Without one a step is a word, 50 at most, and its id counts the words of
    the training split; 1 stands for every other word. Values that are not finite become 0, and are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.mosi.pickle_file import Utterance, read_utterances
from mmlib.data.mosi.scores import CLASSES, TARGET, classes_of
from mmlib.data.mosi.wordpiece import FIRST, LAST, WordPiece
from mmlib.data.prepared import Prepared, write_prepared
from mmlib.errors import DataError
from mmlib.files import sha256_file

STEPS = 50
UNKNOWN = 1  # id of a word that the training split does not have
LONGEST_TRANSCRIPT = 400  # characters
# Ids of the steps, and for each step the word whose rows it shows (-1: none).
Cut = Callable[[Sequence[str]], tuple[list[int], list[int]]]


@dataclass(frozen=True)
class PublishedSet:
    """`file` in the data root or in its folder `dataset`; `utterances` by split as published."""

    dataset: str
    file: str
    utterances: Mapping[str, int]
    layout: int = 1  # raise when the same options would write other content

    def place(self, root: Path) -> Path:
        inside = root / self.dataset / self.file
        return inside if inside.is_file() else root / self.file

    def missing(self, root: Path) -> str | None:
        """What is not there; None when the pickle is."""
        return None if self.place(root).is_file() else f"{root / self.dataset / self.file} is missing."

    def inputs(self, root: Path) -> dict[str, Path]:
        return {self.file: self.place(root)}

    def prepare_folder(self, folder: Path, root: Path, options: dict[str, Any], inputs_hash: str) -> Path:
        """Read the pickle and write the prepared folder. Raises `DataError`."""
        source: dict[str, Any] = {"layout": self.layout, "inputs_sha256": inputs_hash, **options}
        utterances = read_utterances(self.place(root))
        if options["bert"]:
            vocabulary = root / options["bert"] / "vocab.txt"
            cut = pieces_of(WordPiece(vocabulary))
            source["vocabulary_sha256"] = sha256_file(vocabulary)
        else:
            cut = words_of([one for one in utterances if one.split == "train"])
        arrays, replaced, steps = aligned(utterances, cut)
        scores = np.array([one.score for one in utterances])
        standin = {"standin": True} if (self.place(root).parent / "STANDIN").is_file() else {}
        return write_prepared(
            folder,
            dataset=self.dataset,
            classes=CLASSES,
            index={
                "id": [f"{one.split}-{number:05d}" for number, one in enumerate(utterances)],
                "label": classes_of(scores),
                "split": [one.split for one in utterances],
                "group": [one.video for one in utterances],
                TARGET: scores,
                "steps": steps,
                "segment": [one.segment for one in utterances],
                "transcript": [" ".join(one.words)[:LONGEST_TRANSCRIPT] for one in utterances],
            },
            arrays=arrays,
            source={
                **source,
                "target": TARGET,
                "values_not_finite": replaced,
                "modalities": {"text": "tokens", "audio": "features", "visual": "features"},
            },
            truth=standin,
            replace=True,
        )

    def notes(self, prepared: Prepared) -> list[str]:
        """Counts beside the published ones, and what was replaced."""
        split = prepared.index["split"]
        counts = ", ".join(
            f"{np.sum(split == name):,} {name} utterances of {count:,} published"
            for name, count in self.utterances.items()
        )
        replaced = prepared.manifest["source"]["values_not_finite"]
        said = [f"{replaced:,} values that are not finite were set to 0."] if replaced else []
        return [f"{self.dataset}: {counts}.", *said]


def words_of(train: Sequence[Utterance]) -> Cut:
    """A step per word; ids from 2 on, in alphabetical order, for the words of these utterances."""
    words = sorted({word.lower() for one in train for word in one.words})
    ids = {word: UNKNOWN + 1 + number for number, word in enumerate(words)}

    def cut(spoken: Sequence[str]) -> tuple[list[int], list[int]]:
        shown = spoken[:STEPS]
        return [ids.get(word.lower(), UNKNOWN) for word in shown], list(range(len(shown)))

    return cut


def pieces_of(vocabulary: WordPiece) -> Cut:
    """A step per word piece between [CLS] and [SEP]; the pieces of a word show its rows."""

    def cut(spoken: Sequence[str]) -> tuple[list[int], list[int]]:
        pairs = [(piece, place) for place, word in enumerate(spoken) for piece in vocabulary.pieces(word)]
        pairs = [(vocabulary.ids[FIRST], -1), *pairs[: STEPS - 2], (vocabulary.ids[LAST], -1)]
        return [piece for piece, _ in pairs], [place for _, place in pairs]

    return cut


def aligned(utterances: Sequence[Utterance], cut: Cut) -> tuple[dict[str, np.ndarray], int, np.ndarray]:
    """Arrays (N, 50) and (N, 50, D) of all modalities, how many values were not finite, and the steps of each (N,)."""
    first = utterances[0]
    arrays = {
        "text": np.zeros((len(utterances), STEPS), np.int32),
        "audio": np.zeros((len(utterances), STEPS, first.acoustic.shape[1]), np.float32),
        "visual": np.zeros((len(utterances), STEPS, first.visual.shape[1]), np.float32),
    }
    steps = np.zeros(len(utterances), np.int64)
    replaced = 0
    for row, one in enumerate(utterances):
        ids, places = (np.asarray(part) for part in cut(one.words))
        if not len(ids):
            raise DataError(f"utterance {one.segment!r} has no word that can be shown. Take it out of the file.")
        steps[row] = len(ids)
        arrays["text"][row, : len(ids)] = ids
        at, shown = np.flatnonzero(places >= 0), places[places >= 0]
        for name, values in (("audio", one.acoustic), ("visual", one.visual)):
            taken = values[shown]
            finite = np.isfinite(taken)
            replaced += int((~finite).sum())
            arrays[name][row, at] = np.where(finite, taken, 0)
    return arrays, replaced, steps
