"""The FAME challenge with a FOP model: score files of both tests of a language, and the four error rates of a version.

Published code does (mavceleb_baseline): one model per language; the score is the Euclidean distance of the embeddings,
which ranks as the squared one does; the overall score is the mean of four equal error rates.
We do: the same, from feature files that need no conversion (tests are small enough to be read whole).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from mmlib.data.voxceleb import fame
from mmlib.data.voxceleb.tables import Table
from mmlib.errors import DataError
from mmlib.models.fop import FOP, verification_distance

CHUNK = 2048


def distances(model: FOP, tables: Mapping[str, Table]) -> np.ndarray:
    """Euclidean distance (P,) of face and voice embeddings of every row. Raises `DataError` for other widths."""
    for name, branch in model.branches.items():
        if tables[name].width != branch.linear.in_features:
            raise DataError(
                f"{tables[name].path} has {tables[name].width} features, the model was trained on "
                f"{branch.linear.in_features}: take those of the same extractor."
            )
    device = next(model.parameters()).device
    features = {name: torch.from_numpy(np.concatenate(list(table.pieces()))) for name, table in tables.items()}
    found = []
    with torch.inference_mode():
        for start in range(0, len(features["face"]), CHUNK):
            part = {name: values[start : start + CHUNK].to(device) for name, values in features.items()}
            found.append(verification_distance(model.eval().embeddings(part)).sqrt())
    return torch.cat(found).float().cpu().numpy()


def write_language(model: FOP, folder: Path, version: str, heard: str, out: Path) -> dict[str, Path]:
    """The two score files of the model of language `heard`, from `<folder>/<heard>`; by the tested language.

    Raises `DataError`, `UsageError` (a test and its split differ in length).
    """
    written = {}
    for tested in fame.LANGUAGES[version]:
        split, _ = fame.split_names(version, heard, tested != heard)
        keys = fame.read_split(folder / heard / split).key
        found = distances(model, fame.features(folder / heard, heard, tested))
        written[tested] = fame.write_scores(out / fame.score_name(version, heard, tested != heard), keys, found)
    return written


def evaluate_version(folder: Path, version: str, scores: Path) -> dict[str, float]:
    """Equal error rates "<trained>-<tested>" of the four score files in `scores`, and `overall`, their mean."""
    found, truth = {}, {}
    for heard in fame.LANGUAGES[version]:
        for tested in fame.LANGUAGES[version]:
            split, labels = (folder / heard / name for name in fame.split_names(version, heard, tested != heard))
            name = f"{heard}-{tested}"
            keys = fame.read_split(split).key
            found[name] = fame.read_scores(scores / fame.score_name(version, heard, tested != heard), keys)
            truth[name] = fame.read_truth(labels)
    return fame.evaluate(found, truth)
