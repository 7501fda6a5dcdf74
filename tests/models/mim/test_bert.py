"""BERT as an optional part: what is said where the package or the weights are missing; its shapes with a tiny one."""

from __future__ import annotations

import importlib.util
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmlib.errors import BlockedError
from mmlib.models.mim.bert import BertEncoder


class Tiny(nn.Module):
    """Stands for `transformers.BertModel`: embeddings alone."""

    calls: list[dict] = []

    def __init__(self):
        super().__init__()
        self.config = SimpleNamespace(hidden_size=6)
        self.embedding = nn.Embedding(20, 6)

    @classmethod
    def from_pretrained(cls, folder, **options):
        cls.calls.append({"folder": folder, **options})
        if "broken" in folder:
            raise OSError("no file named model.safetensors")
        return cls()

    def forward(self, input_ids, attention_mask):
        assert torch.equal(attention_mask, (input_ids != 0).long())
        return SimpleNamespace(last_hidden_state=self.embedding(input_ids))


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", SimpleNamespace(BertModel=Tiny))
    Tiny.calls.clear()


def folder(tmp_path, name="bert"):
    (tmp_path / name).mkdir()
    (tmp_path / name / "config.json").write_text("{}")
    return tmp_path / name


def test_without_the_package(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(BlockedError, match=r'pip install "mmlib\[bert\]"'):
        BertEncoder(folder(tmp_path))


def test_without_weights(fake, tmp_path):
    with pytest.raises(BlockedError, match=r"there is no config\.json"):
        BertEncoder(tmp_path)
    with pytest.raises(BlockedError, match="no weights that BERT can load"):
        BertEncoder(folder(tmp_path, "broken"))


def test_nothing_is_fetched_and_no_pooler_is_built(fake, tmp_path):
    BertEncoder(folder(tmp_path))
    (call,) = Tiny.calls
    assert (call["local_files_only"], call["add_pooling_layer"]) == (True, False)


def test_steps_are_those_after_the_first_piece(fake, tmp_path):
    torch.manual_seed(0)
    encoder = BertEncoder(folder(tmp_path), 8)
    tokens = torch.tensor([[2, 5, 6, 3, 0, 0], [2, 5, 6, 7, 8, 3]])
    mask = encoder.mask_of(tokens)
    assert mask.tolist() == [[True, True, True, False, False], [True] * 5]
    found = encoder(tokens, mask)
    assert found.shape == (2, 5, 8)
    assert not found[0, 3:].any()
    assert encoder(tokens)[0, 3:].any()  # as published, padding takes part
    assert sum(p.numel() for p in encoder.convolution.parameters()) == 8 * 6 * 3


@pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="the optional package transformers")
def test_a_tiny_bert_from_a_folder(tmp_path):
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    BertModel(BertConfig(vocab_size=20, **sizes)).save_pretrained(tmp_path / "bert")
    found = BertEncoder(tmp_path / "bert", 8)(torch.tensor([[2, 5, 6, 3, 0, 0]]))
    assert found.shape == (1, 5, 8)
