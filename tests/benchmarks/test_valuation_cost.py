"""What valuing a training set costs, against one evaluation pass of it: all subsets come from one pass of the encoders.

Evaluation passes and valuations of the same samples, in memory already, alternate within one run. The bar is for the
published network; one so small that its pass takes 75 µs a sample pays about a fifth for a second call of the head.
"""

from __future__ import annotations

import pytest
import torch

from mmlib.data.batch import Batch
from mmlib.experiments.predictions import collect_outputs
from mmlib.fusion import SimAM2Options
from mmlib.models import build_classifier
from mmlib.training import Group
from mmlib.valuation.contributions import contributions
from mmlib.valuation.resampling import sample_plan
from mmlib.valuation.subsets import subset_predictions, valued_modalities

BAR = 1.15
CASES = {  # encoder, fusion, options, samples of a batch and batches
    "small, concat": ("small", "concat", {"feature_channels": 32}, 64, 16),
    "ResNet-18, concat": ("resnet18", "concat", {}, 16, 1),
    "ResNet-18, gated with SimAM2": ("resnet18", "gated", {"simam2": SimAM2Options(zeta="learned")}, 16, 1),
}


class Passes:
    """Fixed samples of 31 classes and a network in evaluation mode; `evaluate` and `value` look at all of them."""

    def __init__(self, case: str, device: str, batch: int = 0, batches: int = 0) -> None:
        encoder, fusion, options, size, count = CASES[case]
        torch.manual_seed(0)
        self.case, self.device, self.size = case, device, batch or size
        self.model = build_classifier(encoder, num_classes=31, fusion=fusion, **options).to(device).eval()
        frames, sound = ((3, 1, 224, 224), (1, 257, 188)) if encoder == "resnet18" else ((3, 1, 32, 32), (1, 64, 48))
        self.batches = [
            Batch(
                {"visual": torch.randn(self.size, *frames), "audio": torch.randn(self.size, *sound)},
                torch.randint(31, (self.size,)),
                torch.arange(self.size) + self.size * number,
            ).to(device)
            for number in range(batches or count)
        ]

    def _collect(self, named) -> dict:
        with torch.inference_mode():
            return collect_outputs(self.model, self.batches, Group(), named)

    def evaluate(self) -> None:
        self._collect(lambda output: {"logits": output.logits})

    def value(self) -> None:
        found = self._collect(lambda output: {"subsets": subset_predictions(self.model.fusion, output)})
        names = valued_modalities(self.model.fusion)
        sample_plan(contributions(found["subsets"] == found["targets"][:, None], names))


def compare(alternate, passes: Passes, rounds: int) -> None:
    """Alternate an evaluation with a valuation and its plan."""
    facts = {"samples": passes.size * len(passes.batches), "device": passes.device}
    bar = None if passes.case.startswith("small") else BAR
    alternate("ratio to an evaluation pass", passes.evaluate, passes.value, bar, rounds=rounds, **facts)


@pytest.mark.benchmark(group="valuation, CPU")
@pytest.mark.parametrize("case", CASES)
def test_cost_of_valuation_on_cpu(alternate, case):
    compare(alternate, Passes(case, "cpu"), rounds=9)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.benchmark(group="valuation, GPU")
@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("ResNet")])
def test_cost_of_valuation_on_gpu(alternate, case):
    compare(alternate, Passes(case, "cuda", batch=64, batches=8), rounds=30)
