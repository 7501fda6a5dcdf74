"""Generated scenes of instruments, and nine types of questions whose answers are known from them.

A scene has two or three instruments, each of another kind, at the left, in the middle or at the right. An instrument
plays all the time, for three to six of the ten seconds, or never; it is soft, medium or loud, no two alike. In half of
the scenes with three, two play together and the third at another time.

No question asks for what comes first or last: the published networks attend over seconds without knowing their order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmlib.data.avqa.questions import Question

SECONDS = 10
KINDS = ("cello", "drum", "flute", "piano", "trumpet", "violin")
PLACES = ("left", "middle", "right")
GAINS = (0.6, 1.0, 1.6)
NUMBERS = ("zero", "one", "two", "three")
YES_NO = ("no", "yes")
SILENT, ALWAYS = 0.2, 0.3  # shares of the instruments that never play, and that play all the time
LONGEST = 6
# What a question becomes: words with places, their values, the answer; None where a scene cannot be asked that.
Asking = tuple[str, tuple[str, ...], str] | None


@dataclass(frozen=True)
class Scenes:
    """N scenes: `kind` (N, 3) int8, -1 where a place is empty; `gain` (N, 3) float32; `play` (N, 3, 10) bool."""

    kind: np.ndarray
    gain: np.ndarray
    play: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The truth as a prepared folder holds it, by item."""
        return {"scene_kind": self.kind, "scene_gain": self.gain, "scene_play": self.play.astype(np.uint8)}


def draw_scenes(rng: np.random.Generator, count: int) -> Scenes:
    """`count` scenes, a pair of instruments in half of those with three."""
    instruments = rng.integers(2, 4, count)
    present = _ranks(rng, count, 3) < instruments[:, None]
    kind = np.where(present, _ranks(rng, count, len(KINDS))[:, :3], -1).astype(np.int8)
    gain = np.array(GAINS, np.float32)[_ranks(rng, count, 3)]
    play = _alone(rng, count)
    paired = (instruments == 3) & (rng.random(count) < 0.5)
    play[paired] = _pairs(rng, int(paired.sum()))
    return Scenes(kind, gain, play & present[:, :, None])


def _ranks(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """A random order of 0 to `size` - 1 in every row, `(count, size)`."""
    return rng.random((count, size)).argsort(axis=1)


def _alone(rng: np.random.Generator, count: int) -> np.ndarray:
    """When each of three instruments plays, one regardless of another, `(count, 3, 10)` bool."""
    length = rng.integers(3, LONGEST + 1, (count, 3))
    first = np.floor(rng.random((count, 3)) * (SECONDS - length + 1)).astype(np.int64)
    how = rng.random((count, 3))
    length = np.where(how < SILENT, 0, np.where(how < SILENT + ALWAYS, SECONDS, length))
    return _seconds(np.where(length == SECONDS, 0, first), length)


def _pairs(rng: np.random.Generator, count: int) -> np.ndarray:
    """Two instruments play in one half of the time, the third in the other, `(count, 3, 10)` bool."""
    half = SECONDS // 2
    length, early = rng.integers(3, half + 1, (count, 2)), rng.integers(2, size=count)
    first = np.floor(rng.random((count, 2)) * (half - length + 1)).astype(np.int64)
    first += half * np.stack([early, 1 - early], axis=1)
    single = rng.integers(3, size=count)
    which = (np.arange(3) == single[:, None]).astype(np.int64)  # (count, 3): 1 for the third
    rows = np.arange(count)[:, None]
    return _seconds(first[rows, which], length[rows, which])


def _seconds(first: np.ndarray, length: np.ndarray) -> np.ndarray:
    second = np.arange(SECONDS)
    return (second >= first[..., None]) & (second < (first + length)[..., None])


@dataclass(frozen=True)
class _Scene:
    """One scene for its questions: numbers of places."""

    kind: np.ndarray
    gain: np.ndarray
    play: np.ndarray
    rng: np.random.Generator

    @property
    def seen(self) -> list[int]:
        return np.flatnonzero(self.kind >= 0).tolist()

    @property
    def heard(self) -> list[int]:
        return np.flatnonzero(self.play.any(axis=1)).tolist()

    def name(self, place: int) -> str:
        return KINDS[self.kind[place]]

    def two_heard(self) -> list[int]:
        """Two places whose instruments are heard, in either order; none where there are fewer."""
        heard = self.heard
        return self.rng.permutation(heard)[:2].tolist() if len(heard) > 1 else []


def _audio_counting(scene: _Scene) -> Asking:
    return "How many instruments can be heard?", (), NUMBERS[len(scene.heard)]


def _audio_comparative(scene: _Scene) -> Asking:
    two = scene.two_heard()
    if not two:
        return None
    louder = YES_NO[int(scene.gain[two[0]] > scene.gain[two[1]])]
    return "Is the <Object> louder than the <Object>?", (scene.name(two[0]), scene.name(two[1])), louder


def _visual_counting(scene: _Scene) -> Asking:
    if scene.rng.random() < 0.5:
        return "How many instruments can be seen?", (), NUMBERS[len(scene.seen)]
    there = scene.rng.random() < 0.5
    absent = sorted(set(range(len(KINDS))) - set(scene.kind.tolist()))
    kind = scene.rng.choice(scene.kind[scene.seen] if there else absent)
    return "Can a <Object> be seen?", (KINDS[kind],), YES_NO[int(there)]


def _visual_location(scene: _Scene) -> Asking:
    place = int(scene.rng.choice(scene.seen))
    return "Where is the <Object>?", (scene.name(place),), PLACES[place]


def _existential(scene: _Scene) -> Asking:
    always = scene.play.all(axis=1)
    wanted = scene.rng.random() < 0.5  # as often yes as no where the scene allows it
    fitting = [place for place in scene.seen if always[place] == wanted] or scene.seen
    place = int(scene.rng.choice(fitting))
    return "Does the <Object> play all the time?", (scene.name(place),), YES_NO[int(always[place])]


def _counting(scene: _Scene) -> Asking:
    return "How many of the instruments are never heard?", (), NUMBERS[len(scene.seen) - len(scene.heard)]


def _location(scene: _Scene) -> Asking:
    if not scene.heard:
        return None
    return "Where is the loudest instrument?", (), PLACES[max(scene.heard, key=scene.gain.__getitem__)]


def _comparative(scene: _Scene) -> Asking:
    two = scene.two_heard()
    if not two:
        return None
    louder = YES_NO[int(scene.gain[two[0]] > scene.gain[two[1]])]
    return "Is the <LR> instrument louder than the <LR> one?", (PLACES[two[0]], PLACES[two[1]]), louder


def _temporal(scene: _Scene) -> Asking:
    together = (scene.play[:, None] & scene.play[None]).any(axis=2) & ~np.eye(3, dtype=bool)  # (3, 3)
    single = np.flatnonzero(together.sum(axis=1) == 1)
    if not len(single):
        return None
    place = int(scene.rng.choice(single))
    return (
        "Which instrument plays together with the <Object>?",
        (scene.name(place),),
        scene.name(together[place].argmax()),
    )


ASKING: dict[tuple[str, str], Callable[[_Scene], Asking]] = {
    ("Audio", "Counting"): _audio_counting,
    ("Audio", "Comparative"): _audio_comparative,
    ("Visual", "Counting"): _visual_counting,
    ("Visual", "Location"): _visual_location,
    ("Audio-Visual", "Existential"): _existential,
    ("Audio-Visual", "Counting"): _counting,
    ("Audio-Visual", "Location"): _location,
    ("Audio-Visual", "Comparative"): _comparative,
    ("Audio-Visual", "Temporal"): _temporal,
}


def ask_about(scenes: Scenes, names: list[str], splits: list[str], each: int, seed: int) -> list[Question]:
    """Up to `each` questions on every scene, of different types; a scene's own stream of `seed` chooses them."""
    questions = []
    for row, (name, split) in enumerate(zip(names, splits, strict=True)):
        rng = np.random.default_rng([seed, 2, row])
        scene = _Scene(scenes.kind[row], scenes.gain[row], scenes.play[row], rng)
        asked = ((types, make(scene)) for types, make in ASKING.items())
        possible = [(types, found) for types, found in asked if found is not None]
        for number in np.sort(rng.permutation(len(possible))[:each]):
            (modality, kind), (content, values, answer) = possible[number]
            place = len(questions)
            where = f"generated question {place}"
            questions.append(Question(split, place, name, modality, kind, content, values, answer, where))
    return questions
