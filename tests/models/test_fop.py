"""FOP with and without SimAM²: sizes, the deterministic mini-instance in both modes, published weights."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from mmlib.errors import DataError, UsageError
from mmlib.fusion import SimAM2Options
from mmlib.losses.orthogonal_projection import orthogonal_projection
from mmlib.models.fop import FOP, verification_distance
from mmlib.models.fop_checkpoint import load_published_fop

LABELS = torch.tensor([0, 0, 1, 1, 2, 2])
LITERAL = SimAM2Options(ddof=0, r_eval="batch")


def series(shape, c, a, b):
    """c·sin(a·k + b), k = 1, 2, ... in row-major order."""
    k = torch.arange(1, math.prod(shape) + 1, dtype=torch.float64)
    return (c * torch.sin(a * k + b)).reshape(shape)


def mini(simam2=None):
    """The mini-instance, dropout off."""
    model = FOP(6, 5, 3, simam2=simam2, embedding=4, gate_hidden=3).double()
    face, voice, gate = model.branches["face"], model.branches["voice"], model.gate
    values = {
        face.linear.weight: series((4, 6), 0.5, 0.7, 0.1),
        face.linear.bias: series((4,), 0.1, 0.9, 0.2),
        face.norm.weight: 1 + series((4,), 0.2, 1.1, 0.3),
        face.norm.bias: 0.2 + series((4,), 0.1, 1.3, 0.4),
        face.norm.running_mean: series((4,), 0.05, 0.5, 0.5),
        face.norm.running_var: 1 + series((4,), 0.3, 0.6, 0.6),
        voice.linear.weight: series((4, 5), 0.5, 0.8, 0.7),
        voice.linear.bias: series((4,), 0.1, 1.0, 0.8),
        voice.norm.weight: 1 + series((4,), 0.2, 1.2, 0.9),
        voice.norm.bias: 0.2 + series((4,), 0.1, 1.4, 1.0),
        voice.norm.running_mean: series((4,), 0.05, 0.7, 1.1),
        voice.norm.running_var: 1 + series((4,), 0.3, 0.8, 1.2),
        gate.hidden.weight: series((3, 8), 0.6, 0.9, 1.3),
        gate.hidden.bias: series((3,), 0.1, 0.4, 1.4),
        gate.norm.weight: 1 + series((3,), 0.2, 0.5, 1.5),
        gate.norm.bias: series((3,), 0.1, 0.6, 1.6),
        gate.norm.running_mean: series((3,), 0.05, 0.7, 1.7),
        gate.norm.running_var: 1 + series((3,), 0.3, 0.9, 1.8),
        gate.out.weight: series((4, 3), 0.8, 1.0, 1.9),
        gate.out.bias: series((4,), 0.1, 1.1, 2.0),
        model.head.weight: series((3, 4), 0.7, 1.2, 2.1),
        model.head.bias: series((3,), 0.1, 1.3, 2.2),
    }
    with torch.no_grad():
        for target, value in values.items():
            target.copy_(value)
    for branch in model.branches.values():
        branch.dropout.p = 0.0
    return model


def inputs():
    return {"face": series((6, 6), 1, 0.37, 0), "voice": series((6, 5), 1, 0.53, 0.5)}


def row(text):
    return torch.tensor([float(number) for number in text.split()], dtype=torch.float64)


def close(found, expected, tolerance=2e-8):
    expected = row(expected) if isinstance(expected, str) else torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(found.detach(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("sizes", "fusion", "count"),
    [
        ((4096, 512, 901), "gated", 756_485),
        ((4096, 512, 901), "linear", 706_823),
        ((4096, 512, 64), "gated", 648_512),
        ((4096, 512, 78), "gated", 650_318),
        ((4096, 512, 50), "linear", 597_044),
        ((512, 512, 901), "gated", 297_733),
    ],
)
def test_parameter_counts(sizes, fusion, count):
    assert sum(parameter.numel() for parameter in FOP(*sizes, fusion=fusion).parameters()) == count


def test_simam2_adds_no_parameter():
    model = FOP(4096, 512, 901, simam2=SimAM2Options())
    assert sum(parameter.numel() for parameter in model.parameters()) == 756_485


def test_published_initialisation():
    model = FOP(4096, 512, 901)
    bounds = {
        model.branches["face"].linear: 0.0376889,
        model.branches["voice"].linear: 0.0968246,
        model.gate.hidden: 0.125,
        model.gate.out: 0.1530931,
        model.head: 0.0763604,
    }
    for layer, bound in bounds.items():
        assert 0.98 * bound < layer.weight.abs().max().item() <= bound + 1e-6
        assert torch.all(layer.bias == 0.01)
    weights = FOP(8, 8, 3, fusion="linear").weights
    assert torch.all((weights >= 0) & (weights < 1))


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (
            False,
            {
                "zeta": ".52946779 .43411742 .53871993 .42984256",
                "fused": ".51601293 .42065075 0 .46662724",
                "logits": "-.19095562 .03846921 .16182575",
                "zeta_sum": 11.60787059,
                "fused_sum": 7.20915578,
                "logits_sum": -0.97118441,
                "oc": (0.92303093, 0.59157420, 0.73515019),
                "ce": 1.09704045,
                "distance": ".35843207 .55724303 .28555689 .27644436 1.28591598 1.33813082",
            },
        ),
        (
            True,
            {
                "zeta": ".55450813 .39586122 .59060753 .36745047",
                "fused": ".52896802 .42488579 0 .51563730",
                "logits": "-.17543950 .02149226 .14333870",
                "zeta_sum": 11.50264571,
                "fused_sum": 6.81472792,
                "logits_sum": -1.31342464,
                "oc": (0.96340153, 0.51818487, 0.68798057),
                "ce": 1.12171847,
                "distance": ".22025902 .78796397 .34984106 .32667469 1.12524644 1.34983303",
            },
        ),
    ],
)
def test_mini_instance(training, expected):
    model = mini().train(training)
    output = model(inputs())
    for name in ("zeta", "fused", "logits"):
        close(getattr(output, name)[0], expected[name])
        close(getattr(output, name).sum(), expected[f"{name}_sum"], 5e-8)
    constraint = orthogonal_projection(output.fused, LABELS)
    for found, value in zip((constraint.loss, constraint.same, constraint.different), expected["oc"], strict=True):
        close(found, value, 5e-8)
    close(F.cross_entropy(output.logits, LABELS), expected["ce"])
    close(verification_distance(output.embeddings), expected["distance"])


@pytest.mark.parametrize(
    ("training", "ddof", "expected"),
    [
        (False, 0, (0.09889426, 48.94470322, 6.29117764, 0.92028247, 1.10012787)),
        (True, 0, (0.98661388, 15.07148929, 4.42523420, 0.93623775, 1.11982356)),
        (False, 1, (0.09889426, 51.87545307, 6.40213344, None, None)),
        (True, 1, (0.98661388, 16.13746096, 4.49767462, None, None)),
    ],
)
def test_mini_instance_with_simam2(training, ddof, expected):
    model = mini(SimAM2Options(ddof=ddof)).train(training)
    model.simam2.train()
    model.simam2.correlation.var_max.fill_(0.02)
    output = model(inputs())
    r, energy, fused, constraint, entropy = expected
    close(output.r, r)
    close(output.superposed.energy.sum(), energy, 1e-6)
    close(output.fused.sum(), fused, 1e-7)
    if constraint is not None:
        close(orthogonal_projection(output.fused, LABELS).loss, constraint, 5e-8)
        close(F.cross_entropy(output.logits, LABELS), entropy, 5e-8)


def test_rows_of_the_mini_instance_with_simam2():
    model = mini(LITERAL).eval()
    model.simam2.train()
    model.simam2.correlation.var_max.fill_(0.02)
    features = model.embeddings(inputs())
    out = model.simam2(features["face"], features["voice"], zeta=model(inputs()).zeta)
    close(out.eu[0], "1.51103837 1.89067796 .81317113 1.72557948")
    close(out.e1[0], "1.71353316 1.12112328 1.02819150 1.81203263")
    close(out.e2[0], "1.57821902 1.79448634 1.01578327 1.21263584")
    close(out.energy[0], "2.04285989 2.80845818 1.03138577 2.55150646")
    close(out.fused[0], ".45678712 .39672884 0 .43287826")


@pytest.mark.parametrize(("training", "r"), [(False, 0.98660173), (True, 0.98661388)])
def test_first_step_has_the_highest_correlation_measure(training, r):
    model = mini(LITERAL).train(training)
    model.simam2.train()
    close(model(inputs()).r, r)


@pytest.mark.parametrize("gate", ["paper", "neg", "inv", "simam", "none"])
def test_scores_do_not_see_simam2(gate):
    plain, gated = mini().eval(), mini(SimAM2Options(gate=gate)).eval()
    assert torch.equal(
        verification_distance(plain(inputs()).embeddings), verification_distance(gated(inputs()).embeddings)
    )
    assert torch.equal(plain.embeddings(inputs())["face"], gated(inputs()).embeddings["face"])


def test_linear_fusion_compares_untransformed_embeddings():
    torch.manual_seed(0)  # of other weights a ReLU may leave an embedding that is all zero
    model = FOP(6, 5, 3, fusion="linear", embedding=4).eval()
    output = model({name: value.float() for name, value in inputs().items()})
    fused = model.weights[0] * output.embeddings["face"] + model.weights[1] * output.embeddings["voice"]
    assert torch.equal(output.fused, fused)
    assert output.zeta is None
    torch.testing.assert_close(output.embeddings["face"].norm(dim=1), torch.ones(6))


def test_simam2_needs_the_gate():
    with pytest.raises(UsageError, match="fusion = 'gated'"):
        FOP(6, 5, 3, fusion="linear", simam2=SimAM2Options())


def published(model):
    """The state of a model under the published names."""
    from mmlib.models.fop_checkpoint import NAMES

    ours = {new: old for old, new in NAMES.items()}
    state = {}
    for name, value in model.state_dict().items():
        layer, _, what = name.rpartition(".")
        state[f"{ours[layer]}.{what}"] = value
    return state


def test_published_weights_give_the_same_scores(tmp_path):
    model = FOP(7, 6, 4).eval()
    torch.save({"epoch": 3, "state_dict": published(model)}, tmp_path / "fop.pth.tar")
    loaded = load_published_fop(tmp_path / "fop.pth.tar", simam2=SimAM2Options())
    batch = {"face": torch.randn(5, 7), "voice": torch.randn(5, 6)}
    assert not loaded.training
    expected = model(batch)
    assert torch.equal(verification_distance(loaded(batch).embeddings), verification_distance(expected.embeddings))


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda model, trace: {"state_dict": published(model), "extra": Attack(trace)}, "could run code"),
        (lambda model, trace: {"epoch": 3}, "no state_dict"),
        (lambda model, trace: {"state_dict": {"conv1.weight": torch.zeros(3)}}, "'conv1.weight', which FOP has not"),
        (lambda model, trace: {"state_dict": dict(list(published(model).items())[:4])}, "do not fit together"),
        (lambda model, trace: {"state_dict": dict(list(published(model).items())[:-1])}, "head.bias is missing"),
    ],
)
def test_other_files_are_refused_and_run_nothing(tmp_path, content, message):
    trace = tmp_path / "executed"
    torch.save(content(FOP(7, 6, 4), trace), tmp_path / "bad.pth")
    with pytest.raises(DataError, match=message):
        load_published_fop(tmp_path / "bad.pth")
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04broken"])
def test_damaged_files_are_one_message(tmp_path, content):
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(DataError, match="bad.pth"):
        load_published_fop(tmp_path / "bad.pth")


def test_absent_file_is_one_message(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        load_published_fop(tmp_path / "none.pth")
