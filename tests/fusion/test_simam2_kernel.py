"""SimAM² in one step of autograd against the same equations one by one."""

from __future__ import annotations

import copy
import itertools
import pickle

import pytest
import torch
from torch.testing import assert_close

from mmlib.errors import UsageError
from mmlib.fusion import SimAM2, SimAM2Options, build_fusion
from mmlib.fusion.simam2_kernel import GatedSuperposition

SHAPES = [(5, 6), (3, 4, 6), (3, 6, 2, 3)]


def both(shape, *, dtype=torch.float64, channels=6, **options):
    """What the two kernels give for the same signals and parameters: the fused signal, and gradients by name."""
    torch.manual_seed(7)
    x1, x2, upstream = (torch.randn(shape, dtype=dtype) for _ in range(3))
    found = []
    for kernel in ("plain", "fused"):
        torch.manual_seed(3)
        module = SimAM2(channels, kernel=kernel, **options).to(dtype)
        signals = [x.clone().requires_grad_() for x in (x1, x2)]
        out = module(*signals)
        out.fused.backward(upstream)
        gradients = {name: p.grad for name, p in module.named_parameters()}
        found.append((out, {"x1": signals[0].grad, "x2": signals[1].grad} | gradients))
    return found


@pytest.mark.parametrize("zeta", ["half", "learned", "channel"])
@pytest.mark.parametrize("gate", ["paper", "neg"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_the_equations_one_by_one(shape, zeta, gate):
    for scale, ddof, r_grad in itertools.product(("half", "unit"), (0, 1), ("detach", "flow")):
        options = {"zeta": zeta, "gate": gate, "scale": scale, "ddof": ddof, "r_grad": r_grad}
        (plain, expected), (fused, found) = both(shape, **options)
        assert_close(fused.fused, plain.fused, atol=1e-12, rtol=1e-12)
        assert_close(found, expected, atol=1e-11, rtol=1e-9)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_along_every_axis(shape):
    axes = {2: ("feature", "batch"), 3: ("feature", "batch", "time", "both"), 4: ("spatial", "feature", "batch")}
    for axis, degradation in itertools.product(axes[len(shape)], ("one_minus_r", "r", "none")):
        options = {"zeta": "learned", "stat_axis": axis, "degradation": degradation, "lambda_u": 2**-10}
        (plain, expected), (fused, found) = both(shape, **options)
        assert_close(fused.fused, plain.fused, atol=1e-12, rtol=1e-12)
        assert_close(found, expected, atol=1e-11, rtol=1e-9)


@pytest.mark.parametrize("shape", [(64, 10, 512), (16, 512, 7, 7)], ids=str)
@pytest.mark.parametrize("zeta", ["half", "learned"])
def test_in_single_precision_to_a_millionth(shape, zeta):
    (plain, expected), (fused, found) = both(shape, dtype=torch.float32, channels=512, zeta=zeta)
    assert_close(fused.fused, plain.fused, atol=2e-6, rtol=1e-6)
    for name in ("x1", "x2"):
        assert_close(found[name], expected[name], atol=1e-6 * float(expected[name].abs().max()), rtol=1e-5)


def test_a_full_map_of_zeta_and_one_from_elsewhere():
    (plain, expected), (fused, found) = both((3, 6, 2, 3), zeta="learned", zeta_map="full")
    assert_close((fused.fused, found), (plain.fused, expected), atol=1e-11, rtol=1e-9)
    x1, x2 = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    given = torch.rand(6, dtype=torch.float64, requires_grad=True)  # one for all rows and steps
    results = []
    for kernel in ("plain", "fused"):
        fused = SimAM2(6, kernel=kernel).double()(x1, x2, zeta=given.expand(3, 4, 6)).fused
        results.append((fused, *torch.autograd.grad(fused.square().sum(), given)))
    assert_close(results[1], results[0], atol=1e-11, rtol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, 1.3, 3.7, 33.3, 9e4])
@pytest.mark.parametrize("shape", [(8, 512), (4, 16, 7, 7)], ids=str)
def test_constant_neurons_in_single_precision(value, shape):
    """Their mean is no number of single precision, and still they stand at it: energy 2, no gradient through it."""
    x1, x2 = torch.randn(2, *shape)
    x1[0] = value
    results = []
    for kernel, dtype in (("plain", torch.float64), ("plain", torch.float32), ("fused", torch.float32)):
        signal = x1.clone().to(dtype).requires_grad_()
        out = SimAM2(shape[1], kernel=kernel).to(dtype)(signal, x2.to(dtype))
        out.fused.mean().backward()
        results.append([out.fused.detach().double(), signal.grad.double()])
        with torch.no_grad():
            assert_close(out.gate * (signal + x2) / 2, out.fused, atol=1e-5, rtol=1e-5)
    for exact, plain, fused in zip(*results, strict=True):
        error, its_error = ((found - exact).abs().max() for found in (fused, plain))
        assert error <= 1.5 * its_error + 1e-6 * exact.abs().max()


@pytest.mark.parametrize("exponent", [-20, -8, 8, 14, 16, 17])
def test_small_and_large_values_in_single_precision(exponent):
    x1, x2 = (10.0**exponent * torch.randn(4, 64) for _ in range(2))
    gradients = []
    for kernel in ("plain", "fused"):
        signal = x1.clone().requires_grad_()
        SimAM2(64, kernel=kernel)(signal, x2).fused.sum().backward()
        gradients.append(signal.grad)
    assert_close(gradients[1], gradients[0], atol=1e-4, rtol=1e-3)


def test_energies_and_gate_are_those_of_the_equations_with_their_gradients():
    x1, x2 = torch.randn(2, 5, 6, dtype=torch.float64)
    results = []
    for kernel in ("plain", "fused"):
        signal = x1.clone().requires_grad_()
        out = SimAM2(6, kernel=kernel).double()(signal, x2)
        total = (out.energy + out.gate + out.mutual).sum()
        results.append((out.energy, out.gate, out.e1, out.e2, out.eu, *torch.autograd.grad(total, signal)))
        with torch.no_grad():
            assert_close(out.gate * (x1 + x2) / 2, out.fused, atol=1e-12, rtol=0)
    assert_close(results[1], results[0], atol=1e-12, rtol=1e-10)


def test_what_was_changed_in_place_has_no_energies_any_more():
    module = SimAM2(6)
    x1, x2 = torch.randn(2, 5, 6)
    with torch.no_grad():
        out = module(x1, x2)
        before = out.energy.clone()
        module.correlation.r.fill_(0.1)  # as loading other weights does
        assert_close(out.energy, before, atol=0, rtol=0)
        x1.relu_()
        with pytest.raises(UsageError, match="changed in place"):
            _ = out.energy
    with torch.inference_mode():
        out = module(torch.randn(5, 6), x2)
        assert out.energy.shape == (5, 6)


@pytest.mark.parametrize("kernel", ["plain", "fused"])
def test_an_output_may_be_copied_and_kept(kernel):
    with torch.no_grad():
        x1, x2 = torch.randn(2, 5, 6)
        out = SimAM2(6, kernel=kernel)(x1, x2)
        copied, kept = copy.deepcopy(out), pickle.loads(pickle.dumps(out))
        x1.relu_()
        for one in (copied, kept):
            assert_close(one.gate * (one.e1 * 0 + 1), out.gate, atol=0, rtol=0)


def test_transforms_of_functions_take_the_equations():
    module = SimAM2(6).double()
    x1, x2 = torch.randn(2, 5, 6, dtype=torch.float64)
    whole = module(x1, x2).fused
    by_row = torch.func.vmap(lambda a, b: module(a[None], b[None]).fused[0])(x1, x2)
    assert_close(by_row, whole, atol=1e-12, rtol=0)
    gradient = torch.func.grad(lambda x: module(x, x2).fused.sum())(x1)
    signal = x1.clone().requires_grad_()
    module(signal, x2).fused.sum().backward()
    assert_close(gradient, signal.grad, atol=1e-12, rtol=0)


def test_signals_of_two_types_meet_in_the_wider_one():
    for kernel in ("plain", "fused"):
        module = SimAM2(6, kernel=kernel)
        assert module(torch.randn(5, 6), torch.randn(5, 6).double()).fused.dtype == torch.float64
        assert module(torch.randn(5, 6).double(), torch.randn(5, 6)).fused.dtype == torch.float64


def test_r_is_recorded_once_whatever_is_asked():
    module = SimAM2(6, zeta="learned", kernel="fused").train()
    out = module(*torch.randn(2, 5, 6))
    record = module.correlation.var_max.clone()
    assert out.energy.shape == out.gate.shape == (5, 6)
    assert module.correlation.steps == 1
    assert torch.equal(module.correlation.var_max, record)


@pytest.mark.parametrize(
    "options", [{"gate": "inv"}, {"gate": "simam"}, {"gate": "none"}, {"concat_stats": "block"}], ids=str
)
def test_what_it_does_not_know_goes_by_the_equations(options, monkeypatch):
    monkeypatch.setattr(GatedSuperposition, "apply", lambda *_: pytest.fail("one step"))
    (plain, expected), (fused, found) = both((4, 6), **options)
    assert torch.equal(plain.fused, fused.fused)
    assert_close(found, expected, atol=0, rtol=0)


def test_gradients_of_gradients_are_refused_and_the_plain_kernel_has_them():
    x = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    y = torch.randn(3, 6, dtype=torch.float64)
    with pytest.raises(UsageError, match="kernel='plain'"):
        torch.autograd.grad(SimAM2(6)(x, y).fused.sum(), x, create_graph=True)
    once = torch.autograd.grad(SimAM2(6, kernel="plain")(x, y).fused.sum(), x, create_graph=True)[0]
    assert torch.isfinite(torch.autograd.grad(once.sum(), x)[0]).all()


def kept_bytes(shape, kernel):
    """Memory that a forward pass keeps for the backward pass, the signals themselves aside."""
    x1, x2 = (torch.randn(shape, requires_grad=True) for _ in range(2))
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.update({x.untyped_storage().data_ptr(): x}), int):
        SimAM2(shape[-1], kernel=kernel)(x1, x2)
    own = {x.untyped_storage().data_ptr() for x in (x1, x2)}
    return sum(x.untyped_storage().nbytes() for place, x in kept.items() if place not in own)


def test_keeps_a_fifth_of_the_memory():
    """U, the gate and statistics."""
    shape = (64, 10, 512)
    size = 64 * 10 * 512 * 4
    assert kept_bytes(shape, "fused") <= 2.1 * size
    assert kept_bytes(shape, "plain") >= 10 * size


@pytest.mark.parametrize("fusion", ["concat", "sum", "film", "gated"])
def test_a_compiler_sees_one_graph(fusion):
    """With no compiler behind it: only what torch.compile makes of the code."""
    torch.compiler.reset()
    torch.manual_seed(0)
    module = build_fusion(fusion, {"visual": 6, "audio": 6}, 3, simam2=SimAM2Options(zeta="learned")).eval()
    features = {"visual": torch.randn(4, 6), "audio": torch.randn(4, 6)}
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    assert_close(compiled(features).logits, module(features).logits)
