"""Attention with weights per channel: golden values G5, pieces equal to the whole, what is kept, types, gradients."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmlib.errors import UsageError
from mmlib.models.channel_attention import ChannelAttention


def published():
    """Both projections the identity, in double precision."""
    attention = ChannelAttention(2, 2).double()
    for layer in (attention.project_audio, attention.project_visual):
        nn.init.eye_(layer.weight)
        nn.init.zeros_(layer.bias)
    return attention


def batch(clips=7, steps=3, positions=5, audio=4, visual=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    torch.manual_seed(seed)
    return ChannelAttention(audio, visual).double(), draw(clips, audio), draw(clips, steps, positions, visual)


def test_golden_values():
    audio = torch.tensor([[1, -0.5]], dtype=torch.float64)
    visual = torch.tensor([[[[1, 0], [0, 1]], [[0.5, 0.5], [-1, 1]]]], dtype=torch.float64)  # (1, T, P, C)
    pooled, maps = published()(audio, visual, slice(None))
    expected = [
        [[0.64107331, 0.58708933], [0.35892669, 0.41291067]],
        [[0.71747507, 0.53454325], [0.28252493, 0.46545675]],
    ]
    assert_close(maps.spatial, torch.tensor([expected], dtype=torch.float64), atol=1e-8, rtol=0)
    expected = [[0.57033018, 0.53311304], [0.42966982, 0.46688696]]
    assert_close(maps.temporal, torch.tensor([expected], dtype=torch.float64), atol=1e-8, rtol=0)
    assert pooled[0].tolist() == pytest.approx([0.39836971, 0.56222939], abs=1e-8)


def test_equals_a_loop_over_clips_and_channels():
    attention, audio, visual = batch()
    pooled, maps = attention(audio, visual, slice(None))
    guide, keys = torch.tanh(attention.project_audio(audio)), torch.tanh(attention.project_visual(visual))
    for clip in range(7):
        for channel in range(6):
            spatial, steps = [], []
            for step in range(3):
                key = keys[clip, step, :, channel]
                spatial.append(torch.softmax(key * guide[clip, channel], dim=0))
                steps.append((spatial[-1] * key).sum())
            temporal = torch.softmax(torch.stack(steps) * guide[clip, channel], dim=0)
            seen = torch.stack([(w * visual[clip, t, :, channel]).sum() for t, w in enumerate(spatial)])
            assert_close(pooled[clip, channel], (temporal * seen).sum())
            assert_close(maps.spatial[clip, ..., channel], torch.stack(spatial))
            assert_close(maps.temporal[clip, :, channel], temporal)


@pytest.mark.parametrize("clips", [1, 2, 100])
@pytest.mark.parametrize("maps_of", [None, slice(None), slice(4, None), slice(2, 5), slice(0, 0)])
def test_pieces_of_a_batch_give_what_the_whole_gives(clips, maps_of):
    whole, audio, visual = batch()
    pieces = copy.deepcopy(whole)
    pieces.most_elements = clips * visual[0].numel() + 1
    results = []
    for attention in (whole, pieces):
        pooled, maps = attention(audio, visual, maps_of)
        extra = 0 if maps is None else maps.spatial.square().sum() + maps.temporal.pow(3).sum()
        (pooled.square().sum() + extra).backward()
        results.append((pooled, maps, [p.grad for p in attention.parameters()]))
    (pooled, maps, gradients), (other, other_maps, other_gradients) = results
    assert_close(other, pooled)
    assert_close(other_gradients, gradients)
    rows = [] if maps_of is None else range(7)[maps_of]
    assert (maps is None) == (len(rows) == 0) == (other_maps is None)
    if maps is not None:
        assert len(maps.spatial) == len(maps.temporal) == len(rows)
        assert_close(other_maps.spatial, maps.spatial)
        assert_close(maps.spatial, whole(audio, visual, slice(None))[1].spatial[maps_of])
        assert_close(maps.temporal.sum(dim=1), torch.ones_like(maps.temporal[:, 0]))


def kept_bytes(attention, audio, visual):
    """Bytes that the graph of one pass keeps, beside its inputs and weights."""
    own = {x.untyped_storage().data_ptr() for x in (audio, visual, *attention.parameters())}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = (storage.nbytes(), storage)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        attention(audio, visual)[0].sum().backward()
    return sum(size for size, _ in kept.values())


def test_a_large_batch_keeps_no_copy_of_its_tokens():
    torch.manual_seed(0)
    attention = ChannelAttention(8, 16)
    audio, visual = torch.randn(20, 8), torch.randn(20, 4, 32, 16).half()
    copy_bytes = visual.numel() * 4
    assert 3 * copy_bytes <= kept_bytes(attention, audio, visual) < 3.3 * copy_bytes  # tokens, keys, spatial weights
    attention.most_elements = visual.numel() // 4
    assert kept_bytes(attention, audio, visual) < 0.1 * copy_bytes


@pytest.mark.parametrize("pieces", [False, True])
def test_half_precision_tokens_are_computed_with_in_single(pieces):
    attention, audio, visual = batch()
    attention.float()
    if pieces:
        attention.most_elements = visual[0].numel()
    halved = attention(audio.half(), visual.half(), slice(None))
    single = attention(audio.half().float(), visual.half().float(), slice(None))
    assert halved[0].dtype == torch.float32
    assert_close(halved[0], single[0], rtol=1e-6, atol=1e-6)
    assert_close(halved[1].spatial, single[1].spatial, rtol=1e-6, atol=1e-6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_close(attention(audio.half(), visual.half())[0].float(), single[0], atol=0.05, rtol=0)


@pytest.mark.parametrize("shape", [(7, 3, 5, 4), (7, 5, 6), (6, 3, 5, 6)])
def test_other_shapes_are_refused(shape):
    attention, audio, _ = batch()
    with pytest.raises(UsageError, match=r"visual tokens \(B, T, P, 6\) with sounds \(B, 4\)"):
        attention(audio, torch.zeros(shape))


def test_gradients():
    attention, audio, visual = batch(clips=2, steps=2, positions=3, audio=2, visual=2)
    audio.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: attention(x, visual)[0], (audio,))
    assert torch.autograd.gradcheck(lambda x: attention(x, visual, slice(1, None))[1].spatial, (audio,))
    assert torch.autograd.gradcheck(lambda x: attention(x, visual, slice(None))[1].temporal, (audio,))
