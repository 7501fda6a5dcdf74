"""Clips of ten slots, drawn so that questions on them have known and evenly spread answers; and the questions.

Four kinds of clips, each for the questions that need it:

- `apart`: zero to four slots with a voice and zero to four with lips, drawn apart; where there are both, the voice
  comes first, the lips do, or they come together, a third each. First and last voice are of different digits.
- `talk`: one to four slots with voice and lips of one digit; in half of the clips one voice is of another digit.
- `dubbed`: three or four slots with lips of different digits, and voices whose digits are drawn independently: whoever
  guesses among the voices is right in a third of the cases or less.
- `mixed`: zero to four slots where voice and lips have one digit, zero to four where they differ.

| type | question | clips |
|---|---|---|
| Audio Counting | How many digits are heard? | apart |
| Audio Comparative | Is the first heard digit larger than the last heard digit? and reverse | apart, two voices |
| Visual Counting | How many digits are mouthed? | apart |
| Visual Location | Which digit is mouthed first? and last | apart, with lips |
| Audio-Visual Existential | Do the lips always match the voice? | talk |
| Audio-Visual Counting | How many digits have lips that match the voice? | mixed |
| Audio-Visual Location | Which comes first, the voice or the lips? | apart, with both |
| Audio-Visual Temporal | Which digit is heard while the lips say seven? | dubbed |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmlib.data.avqa.questions import Question
from mmlib.data.grid_digits import DIGITS

SLOTS, MOST = 10, 4
ANSWERS = [*DIGITS, "yes", "no", "voice", "lips", "simultaneously"]
APART, TALK, DUBBED, MIXED = range(4)
KINDS = {APART: 2.0, TALK: 1.0, DUBBED: 0.6, MIXED: 1.0}  # clips of each kind, in questions of a type


@dataclass(frozen=True)
class Slots:
    """N clips: `heard`, `mouthed` (N, 10) int8, a digit or -1; `heard_clip`, `mouthed_clip` (N, 10) int16, its
    recording or -1; `kind` (N,); `names` (N,).
    """

    heard: np.ndarray
    mouthed: np.ndarray
    heard_clip: np.ndarray
    mouthed_clip: np.ndarray
    kind: np.ndarray
    names: list[str]

    def __len__(self) -> int:
        return len(self.heard)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The truth as a prepared folder holds it, by item."""
        return {name: getattr(self, name) for name in ("heard", "mouthed", "heard_clip", "mouthed_clip")}

    def filled(self, rng: np.random.Generator, recordings: Sequence[np.ndarray]) -> Slots:
        """With a recording drawn for every digit; `recordings`: those that say each digit."""
        return replace(
            self,
            heard_clip=_recordings(rng, self.heard, recordings),
            mouthed_clip=_recordings(rng, self.mouthed, recordings),
        )

    @classmethod
    def joined(cls, parts: Sequence[Slots]) -> Slots:
        """One after the other."""
        arrays = ("heard", "mouthed", "heard_clip", "mouthed_clip", "kind")
        return cls(
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays},
            names=[name for part in parts for name in part.names],
        )


def draw_slots(rng: np.random.Generator, each: int, split: str) -> Slots:
    """Clips for `each` questions of every type, without recordings yet; in random order."""
    makers = {APART: _apart, TALK: _talk, DUBBED: _dubbed, MIXED: _mixed}
    counts = {kind: int(np.ceil(share * each)) for kind, share in KINDS.items()}
    pairs = [makers[kind](rng, count) for kind, count in counts.items()]
    heard, mouthed = (np.concatenate(arrays).astype(np.int8) for arrays in zip(*pairs, strict=True))
    order = rng.permutation(len(heard))
    nothing = np.full(heard.shape, -1, np.int16)
    names = [f"{split}{row:05d}" for row in range(len(heard))]
    kind = np.repeat(list(counts), list(counts.values()))
    return Slots(heard[order], mouthed[order], nothing, nothing, kind[order], names)


def _recordings(rng: np.random.Generator, digits: np.ndarray, recordings: Sequence[np.ndarray]) -> np.ndarray:
    chosen = np.full(digits.shape, -1, np.int16)
    for digit, clips in enumerate(recordings):
        there = digits == digit
        chosen[there] = rng.choice(clips, int(there.sum()))
    return chosen


def _after(rng: np.random.Generator, lead: np.ndarray, count: np.ndarray) -> np.ndarray:
    """`count` (n,) random slots after slot `lead` (n,), `(n, 10)` bool; there must be so many."""
    keys = rng.random((len(lead), SLOTS))
    keys[np.arange(SLOTS) <= lead[:, None]] = 2  # those come last
    return keys.argsort(axis=1).argsort(axis=1) < count[:, None]


def _anywhere(rng: np.random.Generator, count: np.ndarray) -> np.ndarray:
    return _after(rng, np.full(len(count), -1), count)


def _digits(rng: np.random.Generator, there: np.ndarray) -> np.ndarray:
    return np.where(there, rng.integers(len(DIGITS), size=there.shape), -1)


def _other(rng: np.random.Generator, digits: np.ndarray) -> np.ndarray:
    """Another digit than each, all others equally likely."""
    return (digits + rng.integers(1, len(DIGITS), size=digits.shape)) % len(DIGITS)


def _apart(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    voices, lips = rng.integers(MOST + 1, size=(2, count))
    order = rng.integers(3, size=count)  # voice first, lips first, together
    both = (voices > 0) & (lips > 0)
    voice_leads, lips_lead = (both & (order != number) for number in (1, 0))
    left = np.maximum(voices - voice_leads, lips - lips_lead)  # slots needed after the leading one
    lead = np.where(both, np.floor(rng.random(count) * (SLOTS - left)).astype(np.int64), -1)
    first = (np.arange(SLOTS) == lead[:, None]) & both[:, None]
    heard = _digits(rng, _after(rng, lead, voices - voice_leads) | (first & voice_leads[:, None]))
    mouthed = _digits(rng, _after(rng, lead, lips - lips_lead) | (first & lips_lead[:, None]))
    rows = np.flatnonzero(voices > 1)
    begin, end = _ends(heard[rows])
    heard[rows, end] = _other(rng, heard[rows, begin])
    return heard, mouthed


def _talk(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    mouthed = _digits(rng, _anywhere(rng, rng.integers(1, MOST + 1, size=count)))
    heard = mouthed.copy()
    rows = rng.permutation(count)[: count // 2]
    slot = np.where(mouthed[rows] >= 0, rng.random((len(rows), SLOTS)), -1).argmax(axis=1)
    heard[rows, slot] = _other(rng, mouthed[rows, slot])
    return heard, mouthed


def _dubbed(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    there = _anywhere(rng, rng.integers(MOST - 1, MOST + 1, size=count))
    different = rng.random((count, len(DIGITS))).argsort(axis=1)  # a digit for every slot, no two alike
    return _digits(rng, there), np.where(there, different, -1)


def _mixed(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    alike, unlike = rng.integers(MOST + 1, size=(2, count))
    rank = rng.random((count, SLOTS)).argsort(axis=1).argsort(axis=1)
    mouthed = _digits(rng, rank < (alike + unlike)[:, None])
    heard = np.where(rank < alike[:, None], mouthed, _other(rng, mouthed))
    return np.where(mouthed >= 0, heard, -1), mouthed


def _ends(digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last filled slot of rows that have one, (n,) each."""
    there = digits >= 0
    return there.argmax(axis=1), SLOTS - 1 - there[:, ::-1].argmax(axis=1)


# (clip, values, answer) of every question of a type that could be asked.
Asked = list[tuple[int, tuple[str, ...], str]]


def _count(clips: np.ndarray, numbers: np.ndarray) -> Asked:
    return [(int(clip), (), DIGITS[number]) for clip, number in zip(clips, numbers, strict=True)]


def _audio_counting(slots: Slots) -> Asked:
    clips = np.flatnonzero(slots.kind == APART)
    return _count(clips, (slots.heard[clips] >= 0).sum(axis=1))


def _visual_counting(slots: Slots) -> Asked:
    clips = np.flatnonzero(slots.kind == APART)
    return _count(clips, (slots.mouthed[clips] >= 0).sum(axis=1))


def _counting(slots: Slots) -> Asked:
    clips = np.flatnonzero(slots.kind == MIXED)
    heard, mouthed = slots.heard[clips], slots.mouthed[clips]
    return _count(clips, ((heard == mouthed) & (heard >= 0)).sum(axis=1))


def _comparative(slots: Slots) -> Asked:
    clips = np.flatnonzero((slots.kind == APART) & ((slots.heard >= 0).sum(axis=1) > 1))
    begin, end = _ends(slots.heard[clips])
    falls = slots.heard[clips, begin] > slots.heard[clips, end]
    return [
        (int(clip), values, "yes" if fall == (values[0] == "first") else "no")
        for clip, fall in zip(clips, falls.tolist(), strict=True)
        for values in (("first", "last"), ("last", "first"))
    ]


def _location(slots: Slots) -> Asked:
    clips = np.flatnonzero((slots.kind == APART) & (slots.mouthed >= 0).any(axis=1))
    digits = np.stack([slots.mouthed[clips, end] for end in _ends(slots.mouthed[clips])], axis=1)  # (n, 2)
    return [
        (int(clip), (which,), DIGITS[digit])
        for clip, two in zip(clips, digits, strict=True)
        for which, digit in zip(("first", "last"), two, strict=True)
    ]


def _existential(slots: Slots) -> Asked:
    clips = np.flatnonzero(slots.kind == TALK)
    alike = (slots.heard[clips] == slots.mouthed[clips]).all(axis=1)
    return [(int(clip), (), "yes" if same else "no") for clip, same in zip(clips, alike, strict=True)]


def _first_of_two(slots: Slots) -> Asked:
    there = [values >= 0 for values in (slots.heard, slots.mouthed)]
    clips = np.flatnonzero((slots.kind == APART) & there[0].any(axis=1) & there[1].any(axis=1))
    voice, lips = (values[clips].argmax(axis=1) for values in there)
    answers = np.select([voice < lips, lips < voice], ["voice", "lips"], "simultaneously")
    return [(int(clip), (), answer) for clip, answer in zip(clips, answers.tolist(), strict=True)]


def _temporal(slots: Slots) -> Asked:
    places = np.argwhere((slots.kind == DUBBED)[:, None] & (slots.mouthed >= 0))
    return [(int(c), (DIGITS[slots.mouthed[c, s]],), DIGITS[slots.heard[c, s]]) for c, s in places]


# By type: the words of the question, and what could be asked.
ASKING: dict[tuple[str, str], tuple[str, Callable[[Slots], Asked]]] = {
    ("Audio", "Counting"): ("How many digits are heard?", _audio_counting),
    ("Audio", "Comparative"): ("Is the <FL> heard digit larger than the <FL> heard digit?", _comparative),
    ("Visual", "Counting"): ("How many digits are mouthed?", _visual_counting),
    ("Visual", "Location"): ("Which digit is mouthed <FL>?", _location),
    ("Audio-Visual", "Existential"): ("Do the lips always match the voice?", _existential),
    ("Audio-Visual", "Counting"): ("How many digits have lips that match the voice?", _counting),
    ("Audio-Visual", "Location"): ("Which comes first, the voice or the lips?", _first_of_two),
    ("Audio-Visual", "Temporal"): ("Which digit is heard while the lips say <Digit>?", _temporal),
}
TYPES = tuple(" ".join(kind) for kind in ASKING)


def ask_about(rng: np.random.Generator, slots: Slots, each: int, split: str, first: int) -> list[Question]:
    """`each` questions of every type on the clips of a split, in random order, numbered from `first`."""
    chosen = []
    for (modality, kind), (content, possible) in ASKING.items():
        found = possible(slots)
        for place in rng.choice(len(found), each, replace=len(found) < each).tolist():
            clip, values, answer = found[place]
            chosen.append((slots.names[clip], modality, kind, content, values, answer))
    order = rng.permutation(len(chosen)).tolist()
    return [
        Question(split, first + number, *chosen[place], where=f"generated question {first + number}")
        for number, place in enumerate(order)
    ]
