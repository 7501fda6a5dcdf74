"""What valuing a training set costs, against one evaluation pass of it: all subsets come from one pass of the encoders.

Evaluation passes and valuations of the same samples alternate, and the median of their ratios is taken, so that a slow
spell of the machine hits both. `MMLIB_BENCHMARK_ROUNDS` changes how many rounds there are.
"""

from __future__ import annotations

import os
import statistics
import time

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
    "small, concat": ("small", "concat", {"feature_channels": 32}, 64, 4),
    "ResNet-18, concat": ("resnet18", "concat", {}, 16, 1),
    "ResNet-18, gated with SimAM2": ("resnet18", "gated", {"simam2": SimAM2Options(zeta="learned")}, 16, 1),
}


class Passes:
    """Fixed samples of 31 classes and a network in evaluation mode; `evaluate` and `value` look at all of them."""

    def __init__(self, case: str, device: str, batch: int = 0, batches: int = 0) -> None:
        encoder, fusion, options, size, count = CASES[case]
        torch.manual_seed(0)
        self.device, self.size = device, batch or size
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

    def seconds(self) -> float:
        began = time.perf_counter()
        self.evaluate()
        return time.perf_counter() - began


def compare(benchmark, hold, passes: Passes, rounds: int) -> None:
    """Alternate an evaluation (timed here) with a valuation and its plan (timed by the benchmark)."""
    rounds = int(os.environ.get("MMLIB_BENCHMARK_ROUNDS", rounds))
    passes.evaluate(), passes.value()  # warm up
    times: list[float] = []
    benchmark.pedantic(passes.value, setup=lambda: times.append(passes.seconds()), rounds=rounds, iterations=1)
    ours = benchmark.stats.stats.data
    ratio = statistics.median(x / y for x, y in zip(ours, times, strict=True))
    more = {"ratio_of_fastest": min(ours) / min(times), "evaluation_ms": statistics.median(times) * 1e3}
    more |= {"threads": torch.get_num_threads(), "samples": passes.size * len(passes.batches), "device": passes.device}
    hold("ratio to an evaluation pass", ratio, BAR, **more)


@pytest.mark.benchmark(group="valuation, CPU")
@pytest.mark.parametrize("case", CASES)
def test_cost_of_valuation_on_cpu(benchmark, hold, case):
    compare(benchmark, hold, Passes(case, "cpu"), rounds=9)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.benchmark(group="valuation, GPU")
@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("ResNet")])
def test_cost_of_valuation_on_gpu(benchmark, hold, case):
    compare(benchmark, hold, Passes(case, "cuda", batch=64, batches=8), rounds=30)
