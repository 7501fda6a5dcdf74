"""SimAM² against values worked out by hand (in double precision, with ddof 1, λ 1e-6, s 2.5 unless said)."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from mmlib.fusion import SimAM2, SimAM2Options, build_fusion

X1 = torch.tensor([[1, 0, 2, -1], [0.5, 1.5, -1, 2], [0, 1, 1, 3]], dtype=torch.float64)
X2 = torch.tensor([[0.5, 1, -1, 2], [2, 0, 1, -0.5], [1, 1, 0, -2]], dtype=torch.float64)
ZETA = torch.tensor([[0.6, 0.4, 0.5, 0.7], [0.3, 0.5, 0.8, 0.45], [0.9, 0.2, 0.5, 0.35]], dtype=torch.float64)


@pytest.fixture(autouse=True, params=["fused", "plain"])
def kernel(request, monkeypatch):
    """Every value, by both kernels."""
    if request.param == "plain":
        monkeypatch.setattr(SimAM2, "in_one_step", lambda self: False)


def close(actual, expected):
    assert_close(actual, torch.tensor(expected, dtype=actual.dtype), atol=1.5e-6, rtol=0)


def simam2(channels=4, **options):
    return SimAM2(channels, **options).double()


def test_learned_zeta_first_step():
    module = simam2()
    out = module(X1, X2, zeta=ZETA)
    e1 = [[1.860465, 1.860465, 1.19403, 1.19403], [1.964912, 1.723077, 1.066667, 1.382716]]
    close(out.e1, [*e1, [1.339207, 1.96129, 1.96129, 1.016722]])
    e2 = [[1.99005, 1.913876, 1.084011, 1.246106], [1.130539, 1.725777, 1.891784, 1.32028]]
    close(out.e2, [*e2, [1.6, 1.6, 2, 1]])
    eu = [[1.420121, 1.860466, 1.983471, 0.995854], [1.253585, 1.964507, 1.060843, 1.997574]]
    close(out.eu, [*eu, [1.822153, 1.136712, 1.912609, 1.25216]])
    mutual = [[0.431946, 0.873796, 1.413961, 0.29863], [0.522779, 1.102293, 0.302505, 1.31819]]
    close(out.mutual, [*mutual, [0.721396, 0.034261, 0.922287, 0.705111]])
    energy = [[0.450955, 0.898701, 1.440512, 0.31196], [0.539559, 1.12859, 0.316706, 1.344929]]
    close(out.energy, [*energy, [0.745787, 0.049477, 0.947889, 0.721873]])
    gate = [[0.610866, 0.710682, 0.808534, 0.577364], [0.63171, 0.755579, 0.578521, 0.793299]]
    close(out.gate, [*gate, [0.67826, 0.512367, 0.72069, 0.673019]])
    fused = [[0.488693, 0.426409, 0.404267, -0.057736], [0.97915, 0.566684, -0.347113, 0.495812]]
    close(out.fused, [*fused, [0.067826, 0.512367, 0.360345, -0.168255]])
    close(out.r, math.tanh(2.5))
    close(module.correlation.var_max, [0.06, 0.015556, 0.02, 0.021667])


def test_gate_neg():
    out = simam2(gate="neg")(X1, X2, zeta=ZETA)
    fused = [[0.311307, 0.173591, 0.095733, -0.042264], [0.57085, 0.183316, -0.252887, 0.129188]]
    close(out.fused, [*fused, [0.032174, 0.487633, 0.139655, -0.081745]])


def test_other_gates_follow_from_the_energies():
    base = simam2()(X1, X2, zeta=ZETA)
    u = base.fused / base.gate
    assert_close(simam2(gate="inv")(X1, X2, zeta=ZETA).gate, torch.sigmoid(1 / base.energy.clamp(min=0.05)))
    assert_close(simam2(gate="simam")(X1, X2, zeta=ZETA).gate, torch.sigmoid(1 / base.eu))
    assert_close(simam2(gate="none")(X1, X2, zeta=ZETA).fused, u)


def test_ddof_zero():
    close(simam2(ddof=0)(X1, X2, zeta=ZETA).energy[0], [0.339876, 0.872367, 1.506232, 0.249084])


def test_statistics_over_the_batch():
    out = simam2(stat_axis="batch")(X1, X2, zeta=ZETA)
    close(out.energy[0], [1.314513, 0.618104, 1.041832, 1.153721])
    close(out.fused[0], [0.630614, 0.389872, 0.369602, -0.076019])


def test_with_a_highest_variance_on_record():
    module = simam2()
    module.correlation.var_max.copy_(torch.tensor([0.1, 0.05, 0.04, 0.03]))
    out = module(X1, X2, zeta=ZETA)
    close(out.r, 0.869754)
    close(out.energy[0], [0.616911, 1.116114, 1.6723, 0.428336])
    close(out.fused[0], [0.519612, 0.45196, 0.420941, -0.060548])


def test_half():
    out = simam2()(X1, X2)
    close(out.r, math.tanh(1))
    close(out.eu[0], [0.941208, 1.77779, 1.77779, 1.77779])
    close(out.energy[0], [0.202969, 1.258041, 1.632116, 1.591592])
    close(out.fused[0], [0.412927, 0.389344, 0.41823, 0.41542])


def test_map():
    x1 = torch.tensor([1.0, 2, 3, 6], dtype=torch.float64).view(1, 1, 2, 2)
    x2 = torch.tensor([0.0, 1, 1, -2], dtype=torch.float64).view(1, 1, 2, 2)
    out = simam2(1)(x1, x2)
    close(out.energy.flatten(), [0.388407, 1.625199, 1.08145, 1.476905])
    close(out.fused.flatten(), [0.29795, 1.253266, 1.493537, 1.628209])
    assert out.zeta.shape == (1, 1, 1, 1)


V, A = torch.tensor([[1.0, 2, 3]], dtype=torch.float64), torch.tensor([[2.0, 0, 1]], dtype=torch.float64)


def concat_output(**options):
    fusion = build_fusion("concat", {"visual": 3, "audio": 3}, 6, simam2=SimAM2Options(**options)).double()
    return fusion, fusion({"visual": V, "audio": A})


def visual_first(row):
    """The example is written [v; a]; the module has audio first."""
    return torch.cat((row[..., 3:], row[..., :3]), dim=-1)[0]


def test_concat():
    fusion, half = concat_output(concat_scale="half")
    close(visual_first(half.superposed.energy), [1.299834, 1.418882, 0.578029, 1.651343, 0.419299, 1.418882])
    out = fusion.simam2(half.terms["visual"], half.terms["audio"])
    close(visual_first(out.e1), [2, 1.52381, 0.888889, 1.52381, 1.52381, 1.52381])
    close(visual_first(out.e2), [1.69697, 1.69697, 1.69697, 0.767123, 1.69697, 1.69697])
    # The paper says that this is 0 for concatenation.
    close(visual_first(out.mutual), [0.871677, 0.990724, 0.342301, 1.223186, 0.183571, 0.990724])
    _, unit = concat_output()
    close(visual_first(unit.fused), [0.785807, 1.610326, 1.92184, 1.678145, 0, 0.805163])


def test_concat_statistics_within_each_block():
    fusion, output = concat_output(concat_stats="block")
    out = fusion.simam2(output.terms["visual"], output.terms["audio"])
    # v = (1, 2, 3) alone: mean 2, variance 1; the padding is constant.
    close(out.e1[0], [2, 2, 2, 4 / 3, 2, 4 / 3])
    # a = (2, 0, 1) alone: mean 1, variance 1.
    close(out.e2[0], [4 / 3, 4 / 3, 2, 2, 2, 2])


def test_film():
    f, gamma = torch.tensor([[1, -1, 2, 0.5]]), torch.tensor([[0.5, 2, -1, 1]])
    beta, zeta = torch.tensor([[0.1, 0.2, -0.3, 0.4]]), torch.tensor([[0.6, 0.5, 0.4, 0.7]])
    out = simam2()((gamma * f).double(), beta.double(), zeta=zeta.double())
    close(out.r, math.tanh(1))
    close(out.fused / out.gate, [[0.34, -0.9, -0.98, 0.47]])
    close(out.energy, [[1.05568, 1.02647, 1.139268, 0.87917]])
    close(out.fused, [[0.252234, -0.662608, -0.742394, 0.332126]])


def test_equals_a_slow_reference():
    torch.manual_seed(1)
    x1, x2 = torch.randn(2, 3, 5, 7, dtype=torch.float64)  # (B, T, C) = (3, 5, 7) each
    zeta = torch.rand(3, 5, 7, dtype=torch.float64)
    module = simam2(7)
    out = module(x1, x2, zeta=zeta)

    def energy(row, t, lam):
        mean = sum(row) / len(row)
        variance = sum((v - mean) ** 2 for v in row) / (len(row) - 1)
        return 4 * (variance + lam) / ((t - mean) ** 2 + 2 * variance + 2 * lam)

    columns = zeta.flatten(0, 1).T.tolist()
    variances = [sum((v - sum(c) / 15) ** 2 for v in c) / 15 for c in columns]
    r = math.tanh((2.5 * sum(variances) + 1e-6) / (sum(variances) + 1e-6))
    for b in range(3):
        for t in range(5):
            a, v, z = x1[b, t].tolist(), x2[b, t].tolist(), zeta[b, t].tolist()
            u = [zi * ai + (1 - zi) * vi for zi, ai, vi in zip(z, a, v, strict=True)]
            for i in range(7):
                eu = energy(u, u[i], 1e-6)
                e = eu - z[i] ** 2 * energy(a, a[i], 0) - (1 - z[i]) ** 2 * energy(v, v[i], 0) + (1 - r) * eu
                assert out.energy[b, t, i].item() == pytest.approx(e, abs=1e-7)
                assert out.fused[b, t, i].item() == pytest.approx(u[i] / (1 + math.exp(-e)), abs=1e-7)
