"""Where the sound is in the picture: the golden value, lengths, gradients, and which pairs are scored."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mmlib.models.avqa import Grounding, MatchHead, ground

SIZES = {"audio": 5, "visual": 8}


def test_golden_value():
    """G8 of the specification."""
    mean, seen, weights = ground(torch.tensor([1.0, 2.0]), torch.tensor([[3.0, 4.0], [1.0, 0.0]]))
    assert_close(mean, torch.tensor([2.0, 2.0]))  # of the raw map
    assert_close(weights, torch.tensor([0.63103425, 0.36896575]))
    assert_close(seen, torch.tensor([0.74758630, 0.50482740]))  # of the map at length 1


def test_is_what_normalising_first_gives_without_its_copy():
    generator = torch.Generator().manual_seed(0)
    sound, positions = (torch.randn(*shape, generator=generator) for shape in ((3, 4, 6), (3, 4, 9, 6)))
    _, seen, weights = ground(sound, positions)
    unit = torch.nn.functional.normalize(positions, dim=-1)
    expected = torch.einsum("btpc,btc->btp", unit, torch.nn.functional.normalize(sound, dim=-1)).softmax(dim=-1)
    assert_close(weights, expected)
    assert_close(seen, torch.einsum("btp,btpc->btc", expected, unit))


def test_a_black_position_gives_no_nan():
    sound = torch.ones(1, 3, requires_grad=True)
    positions = torch.zeros(1, 2, 3)
    positions[0, 1] = 1
    _, seen, weights = ground(sound, positions)
    seen.sum().backward()
    assert torch.isfinite(weights).all()
    assert torch.isfinite(sound.grad).all()


def test_gradients_in_double_precision():
    torch.manual_seed(0)
    sound = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    positions = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s, p: ground(s, p), (sound, positions))


def test_match_head_has_the_published_sizes():
    linear = [layer for layer in MatchHead(512) if isinstance(layer, torch.nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [
        (1024, 512),
        (512, 256),
        (256, 128),
        (128, 2),
    ]
    assert isinstance(MatchHead(8)[1], torch.nn.ReLU)
    assert not isinstance(MatchHead(8)[-1], torch.nn.ReLU)


@pytest.mark.parametrize("storage", [torch.float16, torch.float32])
def test_pairs_are_scored_where_there_are_other_frames(storage):
    torch.manual_seed(0)
    network = Grounding(SIZES, 8)
    inputs = {"audio": torch.randn(2, 3, 5), "visual": torch.randn(2, 3, 8, 2, 4).to(storage)}
    found = network(inputs)
    assert found.match is None
    assert found.picture.shape == (2, 3, 8)
    assert_close(found.picture.sum(dim=-1), torch.ones(2, 3))
    pairs = network({**inputs, "other": inputs["visual"].flip(0)}).match
    assert {name: value.shape for name, value in pairs.items()} == {"right": (2, 3, 2), "wrong": (2, 3, 2)}
    assert_close(network({**inputs, "other": inputs["visual"]}).match["wrong"], pairs["right"])
    assert not torch.equal(pairs["right"], pairs["wrong"])


def test_pictures_of_another_width_go_through_layers_and_those_of_its_own_do_not():
    assert not list(Grounding({"audio": 5, "visual": 8}, 8).visual.parameters())
    other = Grounding({"audio": 5, "visual": 3}, 8)
    assert [p.shape for p in other.visual.parameters()][0] == (8, 3)
    assert other({"audio": torch.randn(2, 1, 5), "visual": torch.randn(2, 1, 3, 2, 2)}).features["visual"].shape == (
        2,
        1,
        8,
    )


def test_weights_follow_the_picture_row_by_row():
    torch.manual_seed(0)
    network = Grounding({"audio": 4, "visual": 4}, 4)
    sound = torch.randn(1, 1, 4)
    maps = torch.randn(1, 1, 4, 2, 3) * 0.1
    maps[0, 0, :, 1, 0] = 50 * network.audio(sound)[0, 0].detach()
    _, weights = network.look(network.audio(sound), maps)
    assert int(weights[0, 0].argmax()) == 3  # row 1, column 0 of 2 x 3
