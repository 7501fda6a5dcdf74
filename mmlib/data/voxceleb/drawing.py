"""Draw pairs and trials among recordings by the recipes of the published lists.

Seen-heard: each voice stands in four rows (same, other, same, other), the same person's face from the voice's own
video. Unseen-unheard and validation: each voice stands in one row, same and other alternating; the face is any of the
person's. A stratum restricts the others to people of the same gender (G), nationality (N), age group (A) or all three;
who has no such other is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmlib.data.voxceleb.generator import People
from mmlib.data.voxceleb.lists import SEEN_HEARD, TRAIN

CUTS = (0.1, 0.45, 0.8)  # of the N unseen-unheard list: rows left out there break the alternation of its labels


@dataclass(frozen=True)
class Recordings:
    """Voice tracks or face frames, (n,) each: `identity` (into `People`), number of the `video`, set `code`."""

    identity: np.ndarray
    video: np.ndarray
    code: np.ndarray


@dataclass(frozen=True)
class Drawn:
    """Pairs (P,): rows of the voice tracks and of the face frames, and whether they are of one identity."""

    voice: np.ndarray
    face: np.ndarray
    same: np.ndarray


def partners(people: People, stratum: str, code: int) -> dict[int, np.ndarray]:
    """Who may be the other one, by identity, among those of set `code`; nobody without such an other is listed."""
    pool = np.flatnonzero(people.set_code == (TRAIN if code == SEEN_HEARD else code))
    fits = np.ones((len(pool), len(pool)), bool)
    for letter, values in (("G", people.gender), ("N", people.nationality), ("A", people.age)):
        if stratum != "random" and letter in stratum:
            fits &= values[pool][:, None] == values[pool][None, :]
    np.fill_diagonal(fits, False)
    return {int(one): pool[others] for one, others in zip(pool, fits, strict=True) if others.any()}


def pairs(
    rng: np.random.Generator, voices: Recordings, faces: Recordings, who: dict[int, np.ndarray], code: int
) -> Drawn:
    """Rows for every track of set `code` whose identity is in `who`: four where it is seen-heard, else one."""
    tracks = [track for track in np.flatnonzero(voices.code == code) if int(voices.identity[track]) in who]
    frames, rows = _of_code(faces, code), []
    for place, track in enumerate(tracks):
        one = int(voices.identity[track])
        own, kinds = frames[one], (place % 2 == 0,)
        if code == SEEN_HEARD:
            own, kinds = own[faces.video[own] == voices.video[track]], (True, False, True, False)
        for same in kinds:
            rows.append((track, rng.choice(own if same else frames[rng.choice(who[one])]), same))
    return _drawn(rows)


def break_alternation(pairs: Drawn) -> Drawn:
    """Without a few rows, so that neither even nor odd rows are all alike."""
    keep = np.ones(len(pairs.same), bool)
    keep[[int(cut * len(keep)) for cut in CUTS]] = False
    return Drawn(pairs.voice[keep], pairs.face[keep], pairs.same[keep])


def trials(
    rng: np.random.Generator, voices: Recordings, faces: Recordings, code: int, each: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Tracks and frames (trials, size): `each` trials per identity of set `code`, column 0 is it, the rest are others.

    Row i of a trial is voice and face of one identity, so a voice can be matched with faces or a face with voices.
    """
    heard, seen = _of_code(voices, code), _of_code(faces, code)
    pool = np.array(sorted(heard))
    tracks, frames = [], []
    for one in pool:
        for _ in range(each):
            chosen = [one, *rng.choice(pool[pool != one], size - 1, replace=False)]
            tracks.append([rng.choice(heard[i]) for i in chosen])
            frames.append([rng.choice(seen[i]) for i in chosen])
    return np.array(tracks).reshape(-1, size), np.array(frames).reshape(-1, size)


def _of_code(recordings: Recordings, code: int) -> dict[int, np.ndarray]:
    """Recordings of set `code` by identity."""
    chosen = np.flatnonzero(recordings.code == code)
    who = recordings.identity[chosen]
    return {int(one): chosen[who == one] for one in np.unique(who)}


def _drawn(rows: list[tuple[int, int, bool]]) -> Drawn:
    voice, face, same = (np.array(values) for values in zip(*rows, strict=True)) if rows else (np.zeros(0, int),) * 3
    return Drawn(voice, face, same.astype(bool))
