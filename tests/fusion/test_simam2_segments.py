"""SimAM² on sequences of segments (B, T, C): golden values along each axis, and the ζ of a single linear layer."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mmlib.errors import UsageError
from mmlib.fusion import SimAM2, SimAM2Options
from mmlib.modulation import zeta_ratio

FLAT = torch.arange(48, dtype=torch.float64)
X1, X2 = torch.sin(FLAT).view(2, 3, 8), torch.cos(0.7 * FLAT).view(2, 3, 8)
GOLDEN = {  # axis, ddof: sum of |Ū|, mean of E*
    ("feature", 0): (14.1994285703, 1.0913142),
    ("feature", 1): (14.3926915879, 1.1201385),
    ("time", 0): (14.6875799536, 1.0433844),
    ("time", 1): (15.1780400065, 1.1435504),
    ("both", 0): (13.9362230310, 1.1273832),
    ("both", 1): (13.9981257225, 1.1351062),
}


def module(**options):
    return SimAM2(8, SimAM2Options(**options)).double()


def close(actual, expected, atol):
    assert_close(actual.detach(), torch.tensor(expected, dtype=torch.float64), atol=atol, rtol=0)


@pytest.mark.parametrize(("axis", "ddof"), GOLDEN)
def test_constant_zeta(axis, ddof):
    out = module(stat_axis=axis, ddof=ddof)(X1, X2)
    total, energy = GOLDEN[axis, ddof]
    # The module keeps r, tanh(1) here, in single precision until it is converted.
    close(out.fused.abs().sum(), total, 2e-6)
    close(out.energy.mean(), energy, 2e-7)


def test_first_outputs_along_the_features():
    close(module(ddof=0)(X1, X2).fused[0, 0, :3], [0.3788175819, 0.5480626472, 0.3991615510], 1e-7)
    close(module(ddof=1)(X1, X2).fused[0, 0, :3], [0.3827100116, 0.5565805726, 0.4036923197], 1e-7)


@pytest.mark.parametrize(("ddof", "total"), [(0, 13.2313692374), (1, 13.3782753326)])
def test_learned_zeta_of_a_single_linear_layer(ddof, total):
    simam2 = module(zeta="learned", zeta_hidden=0, ddof=ddof)
    flat = torch.arange(8 * 16, dtype=torch.float64)
    with torch.no_grad():
        simam2.zeta.network.output.weight.copy_(0.1 * torch.sin(0.37 * flat).view(8, 16))
        simam2.zeta.network.output.bias.copy_(0.1 * torch.sin(0.37 * torch.arange(8, dtype=torch.float64) + 1.7))
    out = simam2(X1, X2)
    close(out.zeta.sum(), 25.1046781744, 1e-9)
    close(zeta_ratio(out.zeta), 1.0964981565, 1e-9)
    close(simam2.correlation.var_max.sum(), 0.0220020690, 1e-9)
    close(out.r, 0.9866124852, 1e-8)
    close(out.fused.abs().sum(), total, 1e-7)
    if ddof == 0:
        close(out.fused[0, 0, :3], [0.2940423640, 0.5004364428, 0.3854744184], 1e-8)
    single = SimAM2(256, SimAM2Options(zeta="learned", zeta_hidden=0))
    assert sum(p.numel() for p in single.parameters()) == 131_328


def test_the_axes_of_sequences_refuse_vectors():
    for axis in ("time", "both"):
        with pytest.raises(UsageError, match="needs a sequence"):
            SimAM2(8, stat_axis=axis)(X1[0].float(), X2[0].float())
