"""Generated files of the FAME challenge, as `fame` reads them: two languages, a model's features for either.

For every language L of a version a folder `<version>/<L>` with the features that L's extractors give: training rows of
L with labels, test rows of L (heard) and of the other language (unheard), the split of each test and its truth. Test
identities are not among the trained ones. A language is a shift of the voices; faces have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.voxceleb import lists
from mmlib.data.voxceleb.fame import LANGUAGES, split_names
from mmlib.data.voxceleb.generator import LATENT, Generator
from mmlib.errors import UsageError
from mmlib.files import write_text

OPTIONS = {"train_identities": 12, "validation_identities": 0, "test_identities": 6}
OTHER_LANGUAGE = 0.7  # length of the shift per latent dimension
KEYS = "abcdefghijklmnopqrstuvwxyz0123456789"


def write_fame(folder: str | Path, version: str = "v1", options: Mapping[str, Any] | None = None) -> Path:
    """Write `<folder>/<version>`, sizes by the generator's options (`rows`: training rows, `test_rows` per identity).

    Raises `UsageError` (unknown version, or the folder exists), `ParameterError`.
    """
    if version not in LANGUAGES:
        raise UsageError(f"FAME has no version {version!r}. Choose one of: {', '.join(LANGUAGES)}.")
    place = Path(folder) / version
    if place.exists():
        raise UsageError(f"{place} already exists. Choose another folder, or remove that one first.")
    generator = Generator({**OPTIONS, **(options or {})})
    rng = np.random.default_rng([generator.options["seed"], 7])
    shifts = {language: OTHER_LANGUAGE * rng.standard_normal(2 * LATENT) for language in LANGUAGES[version]}
    for heard in LANGUAGES[version]:
        (place / heard).mkdir(parents=True)
        _write_training(place / heard, heard, generator, rng, shifts[heard])
        for tested in LANGUAGES[version]:
            _write_test(place / heard, version, heard, tested, generator, rng, shifts[tested])
    return place


def _write_training(
    folder: Path, language: str, generator: Generator, rng: np.random.Generator, shift: np.ndarray
) -> None:
    people = np.flatnonzero(generator.people.set_code == lists.TRAIN)
    who = np.repeat(people, generator.options["rows"])
    labels = generator.people.names[who]
    _write_features(folder / f"{language}_faces_train.csv", generator.faces(rng, who), labels)
    _write_features(folder / f"{language}_voices_train.csv", generator.voices(rng, who, shift), labels)


def _write_test(
    folder: Path,
    version: str,
    heard: str,
    tested: str,
    generator: Generator,
    rng: np.random.Generator,
    shift: np.ndarray,
) -> None:
    people = np.flatnonzero(generator.people.set_code == lists.UNSEEN)
    voice = np.repeat(people, generator.options["test_rows"])
    same = rng.random(len(voice)) < 0.5
    same[:2] = True, False
    other = people[(np.searchsorted(people, voice) + rng.integers(1, len(people), len(voice))) % len(people)]
    face = np.where(same, voice, other)
    word = "unheard_test" if heard != tested else "test"
    _write_features(folder / f"{tested}_faces_{word}.csv", generator.faces(rng, face))
    _write_features(folder / f"{tested}_voices_{word}.csv", generator.voices(rng, voice, shift))
    split, truth = (folder / name for name in split_names(version, heard, heard != tested))
    keys = [f"{number:04d}" + "".join(rng.choice(list(KEYS), 4)) for number in range(len(voice))]
    files = [f"voices/{tested}/{number:05d}.wav faces/{tested}/{number:05d}.jpg" for number in range(len(voice))]
    write_text(split, "".join(f"{key} {paths}\n" for key, paths in zip(keys, files, strict=True)))
    write_text(truth, "".join(f"{key} {int(label)}\n" for key, label in zip(keys, same, strict=True)))


def _write_features(path: Path, values: np.ndarray, labels: np.ndarray | None = None) -> None:
    import pandas as pd

    frame = pd.DataFrame(values)
    if labels is not None:
        frame["label"] = labels
    frame.to_csv(path, header=False, index=False, float_format="%.9g")
