"""Where the proxies of new classes start: K-means of their features (AFC).

Kang et al., "Class-Incremental Learning by Knowledge Distillation with Adaptive Feature Consolidation", CVPR 2022;
audio-visual in AV-CIL's code (ICCV 2023).

Paper says: as PODNet, imprinted weights from K-means of each new class.
Published code does: K-means of the normalised features of each new class, as many clusters as proxies; centres times
    the mean length of the old proxies. Features are those of the training batches, an incomplete last one left out.
We do: the same with scipy's K-means, the best of several starts, on whatever features are given: give all.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
import torch.nn.functional as F
from scipy.cluster.vq import kmeans2
from torch import Tensor

from mmlib.data.randomness import mix
from mmlib.errors import UsageError

STARTS, ITERATIONS = 3, 50


def cluster_centres(features: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """Centres (clusters, C) of features (N, C) by K-means, the best of several k-means++ starts, float64.

    Raises `UsageError` for fewer features than clusters.
    """
    features = np.asarray(features, dtype=np.float64)
    if len(features) < clusters:
        raise UsageError(
            f"{len(features)} features cannot make {clusters} clusters: give more clips, or fewer proxies."
        )
    best, least = None, np.inf
    for start in range(STARTS):
        with warnings.catch_warnings(), np.errstate(invalid="ignore"):
            warnings.simplefilter("ignore", UserWarning)  # clips may be equal: an empty cluster keeps its centre
            centres, nearest = kmeans2(
                features, clusters, iter=ITERATIONS, minit="++", rng=np.random.default_rng(mix(seed, "k-means", start))
            )
        spread = np.square(features - centres[nearest]).sum()
        if spread < least:
            best, least = centres, spread
    return best


def imprinted_proxies(
    features: Tensor, targets: Tensor, new_classes: range, proxies: int, old_proxies: Tensor, seed: int = 0
) -> Tensor:
    """Proxies of the new classes (new classes, proxies, C), for `LocalSimilarityClassifier.imprint`.

    Args:
        features: (N, C) of new samples, of any length.
        targets: (N,) class indices.
        new_classes: their units, from the first to the last.
        proxies: clusters of each class.
        old_proxies: (old classes, proxies, C): the new ones get their mean length.
        seed: of K-means; each class has its own stream.

    Raises `UsageError` for a class with fewer samples than proxies.
    """
    unit = F.normalize(features.detach().double(), dim=1).cpu().numpy()
    labels = targets.cpu().numpy()
    centres = []
    for unit_of_class in new_classes:
        try:
            centres.append(cluster_centres(unit[labels == unit_of_class], proxies, mix(seed, unit_of_class)))
        except UsageError as error:
            raise UsageError(f"class {unit_of_class}: {error}") from None
    length = old_proxies.norm(dim=-1).mean()
    return torch.from_numpy(np.stack(centres)).to(old_proxies) * length
