"""The loss on a plane through trained weights: its directions, its values by hand, and what must not change."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmlib.analysis.landscape import estimate_norms, fixed_subset, loss_landscape, mean_cross_entropy, random_direction
from mmlib.data.batch import Batch
from mmlib.errors import ParameterError
from mmlib.models import build_classifier

INPUTS = {"visual": (3, 2, 12, 12), "audio": (1, 20, 20)}


class Scores(nn.Module):
    """A linear layer as a model: scores of `x`."""

    def __init__(self, features=3, classes=2):
        super().__init__()
        self.head = nn.Linear(features, classes)

    def forward(self, inputs):
        return SimpleNamespace(logits=self.head(inputs["x"]))


def batch_of(count, seed=0, classes=4):
    generator = torch.Generator().manual_seed(seed)
    inputs = {name: torch.randn(count, *shape, generator=generator) for name, shape in INPUTS.items()}
    targets = torch.arange(count) % classes
    return Batch(inputs, targets, torch.arange(count))


@pytest.fixture
def model():
    torch.manual_seed(0)
    found = build_classifier("small", num_classes=4, feature_channels=8, unimodal_heads="attached")
    found.train()
    for seed in range(3):  # statistics of norms that are not the initial ones
        found(batch_of(16, seed + 10).inputs)
    return found


def test_every_filter_of_a_direction_is_as_long_as_that_of_the_weights(model):
    direction = random_direction(model, torch.Generator().manual_seed(0))
    parameters = dict(model.named_parameters())
    assert set(direction) == {name for name, parameter in parameters.items() if parameter.dim() > 1}
    assert any(parameter.dim() == 4 for parameter in parameters.values())
    assert any(parameter.dim() == 1 for parameter in parameters.values())
    for name, drawn in direction.items():
        weights = parameters[name].detach()
        torch.testing.assert_close(drawn.flatten(1).norm(dim=1), weights.flatten(1).norm(dim=1))
    kernel = direction["encoders.visual.body.0.0.weight"]
    assert kernel.flatten(1).norm(dim=1).unique().numel() > 1, "filter by filter, not tensor by tensor"


def test_directions_are_gaussian_and_depend_on_the_seed_alone():
    wide = Scores(4000, 50)
    first = random_direction(wide, torch.Generator().manual_seed(3))["head.weight"]
    rows = first / first.norm(dim=1, keepdim=True) * 4000**0.5  # a Gaussian row of 4000 has this length, nearly
    assert abs(rows.mean().item()) < 4 / 200_000**0.5
    assert abs((rows**4).mean().item() - 3) < 4 * (96 / 200_000) ** 0.5  # fourth moment of a standard normal
    again = random_direction(wide, torch.Generator().manual_seed(3))["head.weight"]
    assert torch.equal(first, again)
    other = random_direction(wide, torch.Generator().manual_seed(4))["head.weight"]
    assert abs(F.cosine_similarity(first.flatten(), other.flatten(), dim=0).item()) < 0.02
    with torch.no_grad():
        wide.head.weight.mul_(2)  # the same draws, as long as the weights
    longer = random_direction(wide, torch.Generator().manual_seed(3))["head.weight"]
    torch.testing.assert_close(longer, 2 * first)


def test_a_grid_by_hand():
    """A linear model: the loss at every point is that of W + a D1 + b D2 with the same bias."""
    torch.manual_seed(1)
    model = Scores()
    x, targets = torch.randn(7, 3), torch.tensor([0, 1, 1, 0, 1, 0, 0])
    batches = [Batch({"x": x[:4]}, targets[:4], torch.arange(4)), Batch({"x": x[4:]}, targets[4:], torch.arange(3))]
    found = loss_landscape(model, batches, size=5, extent=0.5, seed=2)
    generator = torch.Generator().manual_seed(2)
    first, second = (random_direction(model, generator)["head.weight"] for _ in range(2))
    np.testing.assert_allclose(found.places, [-0.5, -0.25, 0, 0.25, 0.5])
    for i, a in enumerate(found.places):
        for j, b in enumerate(found.places):
            weight = model.head.weight + a * first + b * second
            expected = F.cross_entropy(F.linear(x, weight, model.head.bias), targets)
            assert found.loss[i, j] == pytest.approx(expected.item(), rel=1e-5)
    assert found.samples == 7
    assert found.centre == found.loss[2, 2]
    assert found.share_below(found.loss.max()) == 1
    assert found.share_below(np.sort(found.loss, axis=None)[4]) == 5 / 25


def test_the_middle_is_the_model_and_the_model_stays_as_it_was(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    batches = [batch_of(8), batch_of(5, seed=1)]
    points = []
    for norms in ("trained", "estimated"):
        found = loss_landscape(model, batches, size=3, norms=norms, advance=points.append)
        assert len(points) == 9
        points.clear()
        assert [module.training for module in model.modules()] == modes
        after = model.state_dict()
        assert all(torch.equal(after[name], value) for name, value in before.items())
        assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
        assert all(not value.is_inference() for value in after.values()), "it can still be trained"
        assert np.ptp(found.loss) > 0
        if norms == "trained":
            trained = found
    with torch.no_grad():
        logits = torch.cat([model.eval()(batch.inputs).logits for batch in batches])
    expected = F.cross_entropy(logits, torch.cat([batch.targets for batch in batches]))
    assert trained.centre == pytest.approx(expected.item(), rel=1e-5)
    assert found.centre != pytest.approx(trained.centre, rel=1e-3), "other statistics, another loss"


def test_trained_statistics_do_not_depend_on_the_subset_and_measured_ones_are_its_own(model):
    model.eval()
    whole = batch_of(16)
    halves = [
        Batch({name: value[rows] for name, value in whole.inputs.items()}, whole.targets[rows], whole.index[rows])
        for rows in (slice(0, 8), slice(8, 16))
    ]
    one, two = (loss_landscape(model, batches, size=3) for batches in ([whole], halves))
    np.testing.assert_allclose(one.loss, two.loss, rtol=1e-5)
    estimate_norms(model, [whole])
    for encoder in model.encoders.values():
        norm = encoder.body[0][1]
        assert not norm.training
        assert norm.momentum == 0.1
    kernel = model.encoders["audio"].body[0]
    with torch.no_grad():
        maps = kernel[0](whole.inputs["audio"])
    torch.testing.assert_close(kernel[1].running_mean, maps.mean(dim=(0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(kernel[1].running_var, maps.var(dim=(0, 2, 3)), rtol=1e-4, atol=1e-5)


def test_every_point_is_the_model_with_those_weights(model):
    """Against the model itself with its parameters replaced, norms and layout as they are: only rounding differs."""
    batch = batch_of(6)
    found = loss_landscape(model, [batch], size=3, extent=0.7, seed=5)
    generator = torch.Generator().manual_seed(5)
    first, second = (random_direction(model, generator) for _ in range(2))
    state = {name: value.detach() for name, value in model.named_parameters()}
    model.eval()
    for i, a in enumerate((-0.7, 0.0, 0.7)):
        for j, b in enumerate((-0.7, 0.0, 0.7)):
            moved = {name: state[name] + a * first[name] + b * second[name] for name in first}
            with torch.no_grad():
                output = torch.func.functional_call(model, moved, (batch.inputs,))
            expected = F.cross_entropy(output.logits, batch.targets)
            assert found.loss[i, j] == pytest.approx(expected.item(), rel=1e-4)


def test_equal_seeds_give_equal_grids(model):
    one, two, other = (loss_landscape(model, [batch_of(6)], size=3, seed=seed).loss for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)
    state = torch.random.get_rng_state()
    loss_landscape(model, [batch_of(6)], size=2)
    assert torch.equal(state, torch.random.get_rng_state()), "the global generator is left alone"


def test_plain_cross_entropy_is_that_of_the_fused_logits(model):
    batch = batch_of(9)
    with torch.no_grad():
        output = model.eval()(batch.inputs)
    assert output.head_logits is not None
    assert mean_cross_entropy(model, [batch]) == pytest.approx(F.cross_entropy(output.logits, batch.targets).item())


def test_a_subset_is_evenly_spaced_and_the_same_each_time():
    class Rows:
        def __len__(self):
            return 100

        def __getitem__(self, rows):
            return list(rows)

    assert fixed_subset(Rows(), samples=5, batch_size=3) == [[0, 25, 50], [74, 99]]
    assert sum(map(len, fixed_subset(Rows(), samples=1000))) == 100


@pytest.mark.parametrize("changes", [{"size": 0}, {"extent": 0.0}, {"norms": "batch"}, {"batches": []}])
def test_what_cannot_be_computed_is_said(model, changes):
    given = {"batches": [batch_of(4)], **changes}
    with pytest.raises(ParameterError, match="a landscape needs size >= 1"):
        loss_landscape(model, given.pop("batches"), **given)
    with pytest.raises(ParameterError, match="no direction to go"):
        loss_landscape(nn.BatchNorm1d(3), [batch_of(2)])
