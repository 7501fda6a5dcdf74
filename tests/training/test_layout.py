"""Images laid out channels last, wherever a model is called."""

from __future__ import annotations

import torch
from torch import nn

from mmlib.models import build_classifier
from mmlib.training.layout import lay_out_images


class Seen(nn.Module):
    """Keeps what it was given."""

    def forward(self, inputs, keep=None):
        self.inputs, self.keep = inputs, keep
        return inputs


def test_spectrograms_and_frames_come_channels_last_and_stored_features_as_they_are():
    model = Seen()
    lay_out_images(model)
    given = {
        "audio": torch.randn(2, 3, 5, 7),
        "visual": torch.randn(2, 3, 4, 5, 6),
        "features": torch.randn(2, 10, 4, 4, 8),
        "vector": torch.randn(2, 9),
    }
    model(given, keep={"audio": None})
    for name, value in given.items():
        assert torch.equal(model.inputs[name], value), name
    assert model.keep == {"audio": None}
    assert model.inputs["audio"].is_contiguous(memory_format=torch.channels_last)
    frames = model.inputs["visual"].transpose(1, 2).flatten(0, 1)  # as encoders fold them
    assert frames.is_contiguous(memory_format=torch.channels_last)
    assert frames.data_ptr() == model.inputs["visual"].data_ptr(), "folding is no copy"
    assert model.inputs["features"].is_contiguous()


def test_the_classifier_scores_the_same():
    torch.manual_seed(0)
    model = build_classifier("small", num_classes=4).eval()
    inputs = {"audio": torch.randn(3, 1, 33, 30), "visual": torch.randn(3, 3, 2, 24, 24)}
    expected = model(inputs).logits
    lay_out_images(model)
    torch.testing.assert_close(model.to(memory_format=torch.channels_last)(inputs).logits, expected)
