"""Soft-HGR: an objective whose optimum is the maximal correlation of two variables, on critics' features of them.

Wang et al., "An Efficient Approach to Informative Feature Extraction from Multimodal Data", AAAI 2019; SimAM² (section
2.1) forces a value of it.

Paper says: maximise E[f(X)ᵀ g(Y)] - ½ tr(cov f · cov g) over zero-mean critics f, g with k outputs. In its optimum it
    is half the sum of the k largest squared canonical correlations: ½ρ² for k = 1, and no coefficient in [0, 1].
Published code does: public ports centre nothing, take covariances over samples, or multiply them element by element.
We do: columns centred on the batch, covariances (k, k), everything divided by m - 1, the trace of the matrix product.
    What "equal to a value" can mean is a choice of scale: `pearson`, `sqrt` or `raw`.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from mmlib.errors import ParameterError, UsageError

HGRScale = Literal["pearson", "sqrt", "raw"]
EPSILON = 1e-8  # added to standard deviations: a constant column correlates with nothing


def soft_hgr(f: Tensor, g: Tensor) -> Tensor:
    """H(f, g), 0-d, to be maximised; the mini-batch estimate.

    Args:
        f, g: (m, k) the critics' outputs for the same m ≥ 2 samples; raises `UsageError` otherwise.
    """
    f, g = centred(f, g)
    scale = len(f) - 1
    inner = (f * g).sum() / scale
    covariance_f, covariance_g = f.T @ f / scale, g.T @ g / scale  # (k, k)
    return inner - 0.5 * (covariance_f * covariance_g.T).sum()  # tr(AB) = Σ A_ij B_ji


def soft_hgr_gradients(f: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of `soft_hgr` with respect to `f` and to `g`, (m, k) each; raises `UsageError` as it does.

    Autograd gives the same to the last bit on a CPU, in nearly three times as long: terms are added in its order.
    """
    f, g = centred(f, g)
    scale = len(f) - 1
    found = []
    for one, other in ((f, g), (g, f)):
        slope = -0.5 * (other.T @ other / scale).T / scale  # of H by the covariance of `one`, (k, k)
        gradient = (one @ slope).add_(one @ slope.T).add_(other * (1 / scale))
        found.append(gradient.sub_(gradient.sum(dim=0) / len(f)))  # centring's own
    return found[0], found[1]


def column_correlations(x: Tensor, y: Tensor) -> Tensor:
    """Pearson's r of column i of `x` with column i of `y`, both (m, C): (C,). 0 for a constant column."""
    x, y = centred(x, y)
    return (x * y).sum(dim=0) / ((x.norm(dim=0) + EPSILON) * (y.norm(dim=0) + EPSILON))


def correlation(f: Tensor, g: Tensor, scale: HGRScale = "pearson") -> Tensor:
    """The correlation of critics' outputs (m, k) on a scale, 0-d.

    Args:
        f, g: as `soft_hgr`.
        scale: `pearson`, mean over the k columns of their correlation, in [-1, 1]; `sqrt`, √(2H/k), which is |ρ| at
            the optimum (0 where H is negative); `raw`, H itself.
    """
    if scale not in get_args(HGRScale):
        raise ParameterError(f"scale is {scale!r}; choose one of {', '.join(map(repr, get_args(HGRScale)))}.")
    if scale == "pearson":
        return column_correlations(f, g).mean()
    value = soft_hgr(f, g)
    if scale == "raw":
        return value
    # The root's slope is infinite at 0: below a tiny value it is cut off, and with it the gradient.
    return (2 * value / f.shape[1]).clamp(min=EPSILON).sqrt()


def centred(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Both without their columns' means. Raises `UsageError` unless both are (m, k) with m ≥ 2."""
    if x.ndim != 2 or x.shape != y.shape or len(x) < 2:
        raise UsageError(
            f"a correlation needs two sets of rows of equal shape (m, k) with at least 2 rows; got {tuple(x.shape)} "
            f"and {tuple(y.shape)}."
        )
    return x - x.mean(dim=0), y - y.mean(dim=0)


def mean_absolute_error(value: Tensor, target: float) -> Tensor:
    """|value - target|, 0-d: what SimAM² forces a correlation with. Only the sign of the error reaches the gradient."""
    return torch.abs(value - target)
