"""The data set `synthetic_faces_voices`: generated recordings written as the published files, then converted as those.

`write_files` is also of use by itself: a folder that any reader of the published files can open, CSV included.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.features.standin import scratch_folder, write_array, write_new_folder
from mmlib.data.voxceleb import drawing, lists
from mmlib.data.voxceleb.drawing import Drawn, Recordings
from mmlib.data.voxceleb.files import IDENTITIES, MATCHING, META, TRAIN, VOICE_CODES
from mmlib.data.voxceleb.generator import Generator, People

LAYOUT = 1  # raise when the same options would write other content
HELD_OUT_TRACKS = 5  # of every training identity, all of one video
TRACKS_PER_VIDEO = 8
FRAMES_HELD_OUT = 2  # face frames per held-out track; one elsewhere
TRIALS, CANDIDATES = 10, 10


def prepare_folder(folder: Path, root: Path | None, options: dict[str, Any], inputs_hash: str) -> Path:
    """Generate the published files beside `folder` and convert them. Raises `ParameterError`, `OutputsError`."""
    from mmlib.data.voxceleb.conversion import convert

    generator = Generator(options)
    with scratch_folder(folder) as scratch:
        _write_all(scratch, generator, (".npz",))
        source = {"generator": "mmlib.data.voxceleb.generator", "layout": LAYOUT, **options}
        widths = {"face": options["face_features"], "voice": options["voice_features"]}
        truth = {"generator": "synthetic_faces_voices", "rho": options["rho"]}
        return convert(folder, scratch, "synthetic_faces_voices", widths, source, truth)


def write_files(
    folder: str | Path, options: dict[str, Any] | None = None, endings: tuple[str, ...] = (".csv",)
) -> Path:
    """Write a generated folder of published files, sizes by `options` (see `OPTIONS`, `WIDE` for the published widths).

    `endings`: feature files as `.csv`, `.npz` or both. The folder appears whole or not at all, and must not exist.
    Raises `UsageError` (it exists), `ParameterError`, `OutputsError`.
    """
    generator = Generator(options or {})
    return write_new_folder(folder, lambda scratch: _write_all(scratch, generator, endings))


def _write_all(folder: Path, generator: Generator, endings: tuple[str, ...]) -> None:
    people, seed = generator.people, generator.options["seed"]
    voices, faces = recordings(generator)
    features = _features(generator, np.random.default_rng([seed, 1]), voices, faces)
    (folder / "features").mkdir()
    _write_people(folder, people)
    paths = {"voice": _paths(people, voices, "_{:07d}.wav"), "face": _paths(people, faces, "/{:07d}.jpg")}
    codes = [f"{path} {code}" for path, code in zip(paths["voice"], voices.code, strict=True)]
    _write_lines(folder / VOICE_CODES, codes)
    trained = np.flatnonzero((voices.code == lists.TRAIN) | (voices.code == lists.SEEN_HEARD))
    frames = frames_of(voices)
    rows = {"voice": trained, "face": (np.cumsum(frames) - frames)[trained]}  # a track and its first frame
    for name, stem in TRAIN.items():
        labels = people.names[voices.identity[trained]]
        _write_features(folder, stem, features[name][rows[name]], labels, endings)
    for name, pairs in _pairs(np.random.default_rng([seed, 2]), people, voices, faces).items():
        if len(pairs.same):
            _write_pairs(folder, name, pairs, voices, faces, paths)
            stem = Path(lists.ALL_LISTS[name]).stem
            for modality, which in (("voice", pairs.voice), ("face", pairs.face)):
                _write_features(folder, f"{modality}_{stem}", features[modality][which], None, endings)
    drawn = drawing.trials(np.random.default_rng([seed, 3]), voices, faces, lists.UNSEEN, TRIALS, candidates(people))
    labels = people.names[voices.identity[drawn[0].ravel()]]
    for (modality, stem), rows in zip(MATCHING.items(), reversed(drawn), strict=True):
        _write_features(folder, f"{stem}{drawn[0].shape[1]}", features[modality][rows.ravel()], labels, endings)


def recordings(generator: Generator) -> tuple[Recordings, Recordings]:
    """Voice tracks and face frames, both sorted by identity, then track. Every video belongs to one set."""
    options, people = generator.options, generator.people
    counts = np.where(people.set_code == lists.TRAIN, options["rows"], options["test_rows"])
    identity, code, video, videos = [], [], [], 0
    for one, count in enumerate(counts):
        own = np.arange(count) // TRACKS_PER_VIDEO
        kind = np.full(count, people.set_code[one])
        if people.set_code[one] == lists.TRAIN:  # one more video is held out
            own = np.concatenate([own, np.full(HELD_OUT_TRACKS, own[-1] + 1)])
            kind = np.concatenate([kind, np.full(HELD_OUT_TRACKS, lists.SEEN_HEARD)])
        identity.append(np.full(len(own), one))
        code.append(kind)
        video.append(videos + own)
        videos += own[-1] + 1
    voices = Recordings(*(np.concatenate(values) for values in (identity, video, code)))
    frames = frames_of(voices)
    return voices, Recordings(*(np.repeat(values, frames) for values in (voices.identity, voices.video, voices.code)))


def frames_of(voices: Recordings) -> np.ndarray:
    """How many face frames go with each track."""
    return np.where(voices.code == lists.SEEN_HEARD, FRAMES_HELD_OUT, 1)


def candidates(people: People) -> int:
    """Size of the largest gallery: `CANDIDATES`, or all unseen identities where they are fewer."""
    return min(CANDIDATES, int(np.sum(people.set_code == lists.UNSEEN)))


def _features(
    generator: Generator, rng: np.random.Generator, voices: Recordings, faces: Recordings
) -> dict[str, np.ndarray]:
    """Features of every track and of every frame."""
    offsets = generator.offsets(rng, int(voices.video.max()) + 1)
    return {
        "voice": generator.voices(rng, voices.identity, offsets[voices.video]),
        "face": generator.faces(rng, faces.identity, offsets[faces.video]),
    }


def _pairs(rng: np.random.Generator, people: People, voices: Recordings, faces: Recordings) -> dict[str, Drawn]:
    """The pairs of every list, by its name; a list without anybody is empty."""

    wanted = {lists.VALIDATION: ("random", lists.VALIDATION_CODE)}
    for stratum in lists.STRATA:
        wanted[f"seen_heard_{stratum}"] = stratum, lists.SEEN_HEARD
        wanted[f"unseen_unheard_{stratum}"] = stratum, lists.UNSEEN
    found = {
        name: drawing.pairs(rng, voices, faces, drawing.partners(people, stratum, code), code)
        for name, (stratum, code) in wanted.items()
    }
    found["unseen_unheard_N"] = drawing.break_alternation(found["unseen_unheard_N"])
    return found


def _paths(people: People, rows: Recordings, ending: str) -> np.ndarray:
    """Paths as published: name, an id of eleven characters per video, a number within the video."""
    starts = np.flatnonzero(np.diff(rows.video, prepend=-1))
    number = np.arange(len(rows.video)) - np.repeat(starts, np.diff([*starts, len(rows.video)]))
    return np.array(
        [
            f"{people.names[who]}/video{video:06d}{ending.format(one + 1)}"
            for who, video, one in zip(rows.identity, rows.video, number, strict=True)
        ]
    )


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_people(folder: Path, people: People) -> None:
    sets = [f"{name} {code} " for name, code in zip(people.names, people.set_code, strict=True)]
    _write_lines(folder / IDENTITIES, sets)
    rows = ["VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet"]
    columns = zip(people.names, people.gender, people.nationality, strict=True)
    rows += ["\t".join((f"id{number}", *row, "dev")) for number, row in enumerate(columns, start=10001)]
    _write_lines(folder / META, rows)


def _write_pairs(
    folder: Path,
    name: str,
    pairs: Drawn,
    voices: Recordings,
    faces: Recordings,
    paths: dict[str, np.ndarray],
) -> None:
    numbers = voices.identity[pairs.voice] + 1, faces.identity[pairs.face] + 1
    columns = (*numbers, pairs.same.astype(int), paths["voice"][pairs.voice], paths["face"][pairs.face])
    rows = [",".join(map(str, (i, *row))) for i, row in enumerate(zip(*columns, strict=True), start=1)]
    _write_lines(folder / lists.ALL_LISTS[name], [",".join(lists.PAIR_COLUMNS), *rows])


def _write_features(
    folder: Path, stem: str, values: np.ndarray, labels: np.ndarray | None, endings: tuple[str, ...]
) -> None:
    for ending in endings:
        write_array(folder / "features" / f"{stem}{ending}", values, labels=labels)
