"""What is measured once, at the selected epoch: strata, matching, intervals over identities, arrays of the figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from mmlib.data.voxceleb.pairs import MatchingList, PairList
from mmlib.experiments.base import Conclusion, Setup
from mmlib.experiments.face_voice.task import pair_distances, pair_metrics
from mmlib.metrics.identity_bootstrap import identity_bootstrap
from mmlib.metrics.verification import matching_accuracy, roc
from mmlib.models.fop import FOP

SETTINGS = ("seen_heard", "unseen_unheard")
POINTS = 512  # of a stored ROC
PROJECTED = 12  # identities whose embeddings are kept for a projection
PER_IDENTITY = 20


def conclude(parameters: Any, setup: Setup, protocol: str) -> Conclusion:
    """Metrics "<protocol>/<metric>_<list>" and arrays, of the model as it stands."""
    model, data = setup.model.eval(), setup.data
    metrics: dict[str, float | None] = {}
    arrays: dict[str, np.ndarray] = {}
    with torch.inference_mode():
        for name, pairs in data.lists.items():
            distances = pair_distances(model, pairs)
            short = name.removesuffix("_random")
            if pairs.stratum != "random":
                found = pair_metrics(distances, pairs.label)
                metrics |= {f"{protocol}/{metric}_{name}": value for metric, value in found.items()}
                continue
            arrays |= curve_arrays(short, distances, pairs.label)
            if parameters.bootstrap_draws and short in SETTINGS:
                metrics |= intervals(short, distances, pairs, parameters, protocol)
        for trials in data.matching.values():
            metrics |= matching(model, trials, protocol)
        arrays |= projection(model, data.lists)
    return Conclusion(metrics, arrays)


def intervals(
    name: str, distances: np.ndarray, pairs: PairList, parameters: Any, protocol: str
) -> dict[str, float | None]:
    """95 % intervals of EER and AUC over identities, as `eer_<name>_low` and so on."""
    draws = identity_bootstrap(
        distances, pairs.label, pairs.voice_identity, draws=parameters.bootstrap_draws, seed=parameters.data_seed
    )
    found = {}
    for metric in ("eer", "auc"):
        low, high = draws.interval(metric)
        found |= {f"{protocol}/{metric}_{name}_low": low, f"{protocol}/{metric}_{name}_high": high}
    return found


def matching(model: FOP, trials: MatchingList, protocol: str) -> dict[str, float | None]:
    """Accuracy of 1:N matching, a voice among faces, for every N up to the size of the trials: `matching_<N>`."""
    device = next(model.parameters()).device
    found = [model.embeddings({name: value.to(device) for name, value in inputs.items()}) for inputs in trials.chunks()]
    parts = {name: torch.cat([part[name] for part in found]) for name in ("face", "voice")}
    face, voice = (value.unflatten(0, (-1, trials.size)) for value in parts.values())  # (T, N, C)
    distances = (face - voice[:, :1]).square().sum(dim=2)  # (T, N)
    accuracy = matching_accuracy(distances.float().cpu().numpy())
    return {f"{protocol}/matching_{n}": value for n, value in accuracy.items()}


def curve_arrays(name: str, distances: np.ndarray, same: np.ndarray) -> dict[str, np.ndarray]:
    """`<name>_fpr`, `<name>_tpr` (at most `POINTS`), `<name>_distance` (P,) float32 and `<name>_same` (P,)."""
    curve = roc(distances, same)
    kept = np.unique(np.linspace(0, len(curve.fpr) - 1, POINTS).round().astype(int))
    return {
        f"{name}_fpr": curve.fpr[kept],
        f"{name}_tpr": curve.tpr[kept],
        f"{name}_distance": distances.astype(np.float32),
        f"{name}_same": same,
    }


def projection(model: FOP, lists: dict[str, PairList]) -> dict[str, np.ndarray]:
    """Embeddings of some unseen identities: `embedding_<modality>` (n, C), `embedding_identity` (n,) numbers."""
    pairs = lists.get("unseen_unheard_random")
    if pairs is None:
        return {}
    own = np.flatnonzero(pairs.label)
    who = pairs.voice_identity[own]
    chosen = [own[who == one][:PER_IDENTITY] for one in np.unique(who)[:PROJECTED]]
    places = np.concatenate(chosen)
    device = next(model.parameters()).device
    inputs = {name: torch.from_numpy(np.array(getattr(pairs, name)[places])) for name in ("face", "voice")}
    found = model.embeddings({name: value.to(device) for name, value in inputs.items()})
    numbers = np.repeat(np.arange(len(chosen)), [len(part) for part in chosen])
    return {f"embedding_{name}": value.cpu().numpy() for name, value in found.items()} | {"embedding_identity": numbers}
