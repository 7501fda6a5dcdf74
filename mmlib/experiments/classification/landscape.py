"""The loss landscape of a finished run, from what it left in its folder: weights, and the parameters of its record."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from mmlib.analysis.landscape import EXTENT, SAMPLES, SIZE, Landscape, Norms, fixed_subset, loss_landscape
from mmlib.data.loading import load_data
from mmlib.data.progress import Progress
from mmlib.errors import DataError, OutputsError, UsageError
from mmlib.experiments.classification.experiment import vocabularies_of
from mmlib.experiments.classification.model import build_model
from mmlib.experiments.classification.parameters import Parameters
from mmlib.experiments.classification.saved import WEIGHTS, with_weights
from mmlib.experiments.classification.unimodal import as_trained
from mmlib.files import atomic_path, content_hash, sha256_file
from mmlib.record import read_result

LAYOUT = 1  # raise when the same settings would give another landscape


def landscape_of_run(
    folder: str | Path,
    cache: str | Path | None = None,
    *,
    split: str = "test",
    samples: int = SAMPLES,
    size: int = SIZE,
    extent: float = EXTENT,
    seed: int = 0,
    norms: Norms = "trained",
) -> Landscape:
    """The landscape around the weights that a run kept (of the epoch chosen on validation, where there is one).

    Args:
        folder: of a finished run of classification, with `result.json` and `model.safetensors`.
        cache: folder for the computed grid, `landscape-<hash of weights and settings>.npz`; from there it is read the
            next time, without torch's work. Usually the folder of the figures.
        split, samples: at most so many rows of the split, evenly spaced.
        size, extent, seed, norms: see `mmlib.analysis.landscape.loss_landscape`. Runs that are compared take the same.

    Raises:
        UsageError: where there is no finished run of classification.
        OutputsError: where its weights are missing, damaged or another network's.
        DataError: where the split is empty, or the data are missing.
    """
    folder = Path(folder)
    parameters, weights = _left_by(folder)
    settings = {"split": split, "samples": samples, "size": size, "extent": extent, "seed": seed, "norms": norms}
    key = content_hash({**settings, "weights": sha256_file(weights), "layout": LAYOUT})
    kept = None if cache is None else Path(cache) / f"landscape-{key[:12]}.npz"
    found = _read(kept) if kept is not None else None
    if found is None:
        found = _compute(parameters, folder, settings)
        if kept is not None:
            _write(kept, found)
    return found


def _left_by(folder: Path) -> tuple[Parameters, Path]:
    result, problem = read_result(folder)
    if result is None:
        raise UsageError(problem or f"there is no finished run in {folder}. Give the folder of one (`mmlib status`).")
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise OutputsError(f"there is no {weights}. Run that cell again.")
    return Parameters.of_record(result.parameters), weights


def _compute(parameters: Parameters, folder: Path, settings: dict) -> Landscape:
    trained = as_trained(parameters)
    dataset = load_data(trained.located())[settings["split"]]
    if not len(dataset):
        raise DataError(f"the {settings['split']} split of {parameters.dataset} is empty: there is no loss to show.")
    shapes, classes = dataset.input_shapes, len(dataset.classes)
    model = with_weights(build_model(trained, shapes, classes, vocabularies_of(dataset)), folder)
    batches = fixed_subset(dataset, settings["samples"])
    size = settings["size"]
    progress = Progress("loss landscape", size * size, "points")
    around = {name: settings[name] for name in ("size", "extent", "seed", "norms")}
    return loss_landscape(model, batches, advance=progress.advance, **around)


def _write(path: Path, found: Landscape) -> None:
    about = {"samples": found.samples, "seed": found.seed, "norms": np.array(found.norms)}
    with atomic_path(path, durable=False) as target, open(target, "wb") as stream:
        np.savez(stream, loss=found.loss, places=found.places, **about)


def _read(path: Path) -> Landscape | None:
    """What was computed before; None where there is nothing, or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            about = int(stored["samples"]), int(stored["seed"]), str(stored["norms"])
            return Landscape(stored["loss"], stored["places"], *about)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
