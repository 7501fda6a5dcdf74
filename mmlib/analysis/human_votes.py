"""Inverse effectiveness in people: the coefficient of IEMF made from human votes instead of a network's scores.

Data (CREMA-D, Cao et al., IEEE Trans. Affective Computing 2014; no media needed): every clip was rated by several
    people from the voice alone, from the face alone, and from both. `tabulatedVotes.csv` counts the votes for each of
    six emotions: a rating's number over 100000 is 1 for the voice, 2 for the face, 3 for both.
Paper says (IEMF): the rule follows the brain, where a combination gains most when each cue alone is weak. It computes
    nothing from people.
We do: score of a clip = share of its votes for the emotion that the actor was asked to show, and the mean over clips,
    which all count the same however many people rated them; r and I follow by the rule's own formula. An illustration
    only: votes of different people on the same clips, scores without an interval, and nothing about what causes what.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlib.errors import DataError

FILE = Path("cremad_meta", "tabulatedVotes.csv")
EMOTIONS = {"ANG": "A", "DIS": "D", "FEA": "F", "HAP": "H", "NEU": "N", "SAD": "S"}
"""Code in a clip's name (`1001_IEO_ANG_HI`) -> column of its votes."""
NAMES = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral", "SAD": "sadness"}
SHOWN = {"1": "voice", "2": "face", "3": "both"}
"""First digit of a rating's number -> what the raters saw or heard."""
BOTH = "both"
DIGITS = 5  # of the number that follow
ALL = "all"


@dataclass(frozen=True)
class Votes:
    """Share of votes for the intended emotion by `voice`, `face`, `both` (means over clips), what IEMF makes of them.

    `ratio` is r, the mean of the single cues' scores over the score of both; `coefficient` is I = 1 + tanh(1 - r).
    """

    emotion: str
    voice: float
    face: float
    both: float
    ratio: float
    coefficient: float
    votes: int
    """Single votes behind the three shares."""


Counts = dict[str, np.ndarray]
"""By what was shown (`voice`, `face`, `both`): (clips, 2), votes for the intended emotion and all votes."""


def read_votes(path: str | Path) -> dict[str, Counts]:
    """The votes on every clip, by code of the emotion.

    Raises `DataError` for a file that is missing, lacks a column, or holds what cannot be a vote.
    """
    path = Path(path)
    found: dict[str, dict[str, list]] = {code: {shown: [] for shown in SHOWN.values()} for code in EMOTIONS}
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = {"", "fileName", *EMOTIONS.values()} - set(reader.fieldnames or ())
            if missing:
                raise DataError(
                    f"{path}: the columns {', '.join(map(repr, sorted(missing)))} are missing. Fetch the file again "
                    "from the CREMA-D repository."
                )
            for row in reader:
                shown, code, votes = _rating(path, reader.line_num, row)
                found[code][shown].append(votes)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read ({error}). Put tabulatedVotes.csv of the CREMA-D repository there."
        ) from None
    return {
        code: {shown: np.array(votes, dtype=np.int64).reshape(-1, 2) for shown, votes in by.items()}
        for code, by in found.items()
    }


def _rating(path: Path, line: int, row: Mapping[str, str]) -> tuple[str, str, tuple[int, int]]:
    """What was shown, the emotion intended, the votes for it and all votes."""
    try:
        shown = SHOWN[row[""][:-DIGITS]]
        code = row["fileName"].split("_")[2]
        votes = {letter: int(row[letter]) for letter in EMOTIONS.values()}
        if min(votes.values()) < 0 or not sum(votes.values()):
            raise ValueError("a count below 0, or no vote")
        return shown, code, (votes[EMOTIONS[code]], sum(votes.values()))
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}, line {line}: no rating of a clip of CREMA-D ({error}). Fetch the file again."
        ) from None


def human_votes(path: str | Path) -> list[Votes]:
    """Scores, r and I over all clips, then for each emotion. Raises `DataError`, also for votes of one kind only."""
    counts = read_votes(path)
    whole = {shown: np.concatenate([by[shown] for by in counts.values()]) for shown in SHOWN.values()}
    return [_scored(path, name, by) for name, by in {ALL: whole, **counts}.items()]


def _scored(path: str | Path, emotion: str, counts: Counts) -> Votes:
    import torch  # takes a second, which what only reads votes can save

    from mmlib.modulation.iemf import FUSED, iemf_coefficient, ratio_of_scores

    share = {shown: float((votes[:, 0] / votes[:, 1]).mean()) if len(votes) else 0.0 for shown, votes in counts.items()}
    unasked = [shown for shown, votes in counts.items() if not len(votes)] or ([] if share[BOTH] else [BOTH])
    if unasked:
        raise DataError(f"{path}: {emotion} has no votes by {', '.join(unasked)}, so nothing can be compared.")
    scores = {shown: torch.tensor(value, dtype=torch.float64) for shown, value in share.items()}
    scores[FUSED] = scores.pop(BOTH)
    ratio = ratio_of_scores(scores)
    total = int(sum(votes[:, 1].sum() for votes in counts.values()))
    return Votes(emotion, **share, ratio=float(ratio), coefficient=float(iemf_coefficient(ratio)), votes=total)
