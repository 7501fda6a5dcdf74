"""An estimate of the maximal (HGR) correlation of two sets of features, by fresh critics on data they never saw.

Critics trained beside a model measure what the model has learned to show them. A held-out estimate therefore starts
from new critics: they maximise Soft-HGR on one part of the data, stop where a second part says so, and what is reported
is the correlation of their outputs on a third. It is a lower estimate: critics that are too small or too short of data
find less than there is. Torch is loaded here; the other analyses need none.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from mmlib.errors import UsageError
from mmlib.losses.critics import CriticPair
from mmlib.losses.soft_hgr import centred, column_correlations

VALIDATION_SHARE = 0.2
CHECK_EVERY = 20
PATIENCE = 10  # checks without a better validation value


@dataclass(frozen=True)
class MaximalCorrelation:
    """`held_out`: Pearson's r of the first critics' outputs on the held-out rows, at least 0; `steps` taken."""

    held_out: float
    validation: float
    steps: int


def maximal_correlation(
    fit: tuple[Tensor, Tensor],
    held_out: tuple[Tensor, Tensor],
    *,
    outputs: int = 1,
    hidden: int = 64,
    steps: int = 1000,
    batch_size: int = 512,
    learning_rate: float = 3e-3,
    weight_decay: float = 1e-3,
    seed: int = 0,
) -> MaximalCorrelation:
    """Estimate the maximal correlation of paired features.

    Args:
        fit: (N, C1) and (N, C2) features of the same samples; four fifths train the critics, one fifth stops them.
        held_out: (M, C1) and (M, C2), on which the result is measured.
        outputs: k; only the best pair of directions is reported.

    Raises:
        UsageError: for fewer than 20 rows, or pairs of unequal length.
    """
    (x, y), (test_x, test_y) = _prepared(fit, held_out)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(x), generator=generator)
    cut = max(4, round(VALIDATION_SHARE * len(x)))
    (check_x, check_y), (x, y) = ((part[rows] for part in (x, y)) for rows in (order[:cut], order[cut:]))
    critics = CriticPair((x.shape[1], y.shape[1]), outputs, hidden, seed)
    optimizer = torch.optim.AdamW([critics.as_one()], lr=learning_rate, weight_decay=weight_decay)
    best, weights, waited, step = -1.0, critics.state_dict(), 0, 0
    for step in range(1, steps + 1):
        rows = torch.randint(len(x), (min(batch_size, len(x)),), generator=generator)
        critics.ascend(optimizer, x[rows], y[rows])
        if step % CHECK_EVERY:
            continue
        value = _best_pair(critics, (x, y), (check_x, check_y))
        if value > best:
            best, weights, waited = value, copy.deepcopy(critics.state_dict()), 0
        elif (waited := waited + 1) >= PATIENCE:
            break
    critics.load_state_dict(weights)
    return MaximalCorrelation(max(0.0, _best_pair(critics, (x, y), (test_x, test_y))), best, step)


def _prepared(fit: tuple[Tensor, Tensor], held_out: tuple[Tensor, Tensor]) -> tuple[tuple, tuple]:
    """Float32 on the CPU, columns standardised by the statistics of `fit`."""
    for name, (x, y) in (("fit", fit), ("held_out", held_out)):
        if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) < 20:
            raise UsageError(
                f"a maximal correlation needs at least 20 paired rows; {name} has shapes {tuple(x.shape)} and "
                f"{tuple(y.shape)}."
            )
    pairs = []
    for first, second in zip(fit, held_out, strict=True):
        first, second = (part.detach().to("cpu", torch.float32) for part in (first, second))
        deviation, mean = torch.std_mean(first, dim=0, correction=0)
        pairs.append([(part - mean) / (deviation + 1e-5) for part in (first, second)])
    return (pairs[0][0], pairs[1][0]), (pairs[0][1], pairs[1][1])


@torch.no_grad()
def _best_pair(critics: CriticPair, fit: tuple[Tensor, Tensor], data: tuple[Tensor, Tensor]) -> float:
    """Correlation on `data` of the first canonical pair that the critics' outputs have on `fit`."""
    f, g = critics(*data)
    if f.shape[1] > 1:
        a, b = _first_directions(*critics(*fit))
        f, g = f @ a, g @ b
    return float(column_correlations(f.double(), g.double())[0])


def _first_directions(f: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    """Canonical directions (k, 1) of two sets of rows (m, k): whiten both, then take the first singular pair."""
    f, g = centred(f.double(), g.double())
    whitened = []
    for rows in (f, g):
        values, vectors = torch.linalg.eigh(rows.T @ rows / (len(rows) - 1))
        whitened.append(vectors / (values + 1e-6).sqrt())  # (k, k)
    left, _, right = torch.linalg.svd(whitened[0].T @ (f.T @ g) @ whitened[1])
    return (whitened[0] @ left[:, :1]).float(), (whitened[1] @ right[:1].T).float()
