"""Generated clips in the form of MUSIC-AVQA's features: sound (60, D) and maps (60, C, H, W), a row for each second.

Construction, on the scenes of `mmlib.data.avqa.scenes`, whose ten seconds last six seconds of a clip each:

1. A direction for every kind of instrument in each modality, and one for playing, in the picture; all of a modality
   are orthonormal.
2. Sound: for every instrument that plays its direction, times its gain and `audio_strength`.
3. Picture: the map is a left, a middle and a right part. All positions of a part show the instrument there: its
   direction times `visual_strength`, and while it plays the direction of playing besides.
4. White noise of deviation 1 in every channel, drawn for each second of each clip by itself: seconds that are left out
   change nothing in the others.

A clip of validation or test is asked only what training has words and answers for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mmlib.data.avqa.asked import Asked, ask
from mmlib.data.avqa.questions import Question
from mmlib.data.avqa.scenes import KINDS, PLACES, SECONDS, ask_about, draw_scenes
from mmlib.data.avqa.tokens import question_words
from mmlib.data.catalogue import DATASETS
from mmlib.data.prepared import SPLITS
from mmlib.errors import ParameterError

EVERY = 6  # of a published clip's 60 seconds these are used: 0, 6, ..., 54
STORED = SECONDS * EVERY
SHARES = (0.7, 0.1, 0.2)  # of the clips: train, validation, test
GENERATED_ID = "SYN"  # generated clips are SYN00000 and so on
OPTIONS = {name: value for name, value in DATASETS["synthetic_avqa"].options.items() if name != "storage"}


class Generator:
    """The clips of one set of options (`OPTIONS`). Raises `ParameterError` for an option out of range.

    `names` and `splits`: of every clip. `scenes`: what is in them. `questions`: in the order of the clips.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        check_options(options)
        self.options = options
        count, seed = options["clips"], options["seed"]
        rng = np.random.default_rng([seed, 0])
        self.audio_directions = _directions(rng, len(KINDS), options["audio_features"])
        visual = _directions(rng, len(KINDS) + 1, options["visual_features"])
        self.visual_directions, self.playing = visual[:-1], visual[-1]
        self.scenes = draw_scenes(rng, count)
        self.names = [f"{GENERATED_ID}{row:05d}" for row in range(count)]
        edges = np.rint(np.cumsum(SHARES) * count)[:-1]
        self.splits = np.asarray(SPLITS)[np.searchsorted(edges, np.arange(count), side="right")].tolist()
        self.questions = _answerable(ask_about(self.scenes, self.names, self.splits, options["questions"], seed))

    @property
    def asked(self) -> Asked:
        """The questions as a prepared folder holds them; items are the clips in order."""
        return ask(self.questions, "published", videos=self.names)

    def features(self, clip: int, seconds: range = range(0, STORED, EVERY)) -> dict[str, np.ndarray]:
        """Some seconds of a clip: `audio` (n, D), `visual` (n, C, H, W) float32."""
        rows = [self._second(clip, second) for second in seconds]
        return {name: np.stack([row[name] for row in rows]) for name in ("audio", "visual")}

    def _second(self, clip: int, second: int) -> dict[str, np.ndarray]:
        options, scenes = self.options, self.scenes
        rng = np.random.default_rng([options["seed"], 1, clip, second])
        plays = scenes.play[clip, :, second // EVERY]  # (3,)
        audio = rng.standard_normal(options["audio_features"], np.float32)
        for place in np.flatnonzero(plays):
            heard = options["audio_strength"] * scenes.gain[clip, place]
            audio += np.float32(heard) * self.audio_directions[scenes.kind[clip, place]]
        side = options["map"]
        visual = rng.standard_normal((options["visual_features"], side, side), np.float32)
        parts = np.array_split(np.arange(side), len(PLACES))
        for place in np.flatnonzero(scenes.kind[clip] >= 0):
            seen = self.visual_directions[scenes.kind[clip, place]] + plays[place] * self.playing
            visual[:, :, parts[place]] += (np.float32(options["visual_strength"]) * seen)[:, None, None]
        return {"audio": audio, "visual": visual}


def _directions(rng: np.random.Generator, count: int, channels: int) -> np.ndarray:
    """Orthonormal vectors (count, channels) float32."""
    return np.linalg.qr(rng.standard_normal((channels, count)))[0].T.astype(np.float32)


def _answerable(questions: list[Question]) -> list[Question]:
    """Those whose words and answers training has; numbered anew."""
    words = [set(question_words(q.content, q.values, "published", q.where)) for q in questions]
    training = [row for row, question in enumerate(questions) if question.split == "train"]
    known = set().union(*(words[row] for row in training))
    answers = {questions[row].answer for row in training}
    kept = [q for q, found in zip(questions, words, strict=True) if found <= known and q.answer in answers]
    return [replace(question, number=number) for number, question in enumerate(kept)]


def check_options(options: dict[str, Any]) -> None:
    limits = {
        "clips": (20, 100_000),
        "questions": (1, 9),
        "audio_features": (len(KINDS) + 1, 4096),
        "visual_features": (len(KINDS) + 1, 4096),
        "map": (len(PLACES), 64),
        "audio_strength": (0.0, 1000.0),
        "visual_strength": (0.0, 1000.0),
    }
    for name, (low, high) in limits.items():
        if not low <= options[name] <= high:
            raise ParameterError(f"synthetic_avqa {name} is {options[name]}: it must lie between {low} and {high}.")
