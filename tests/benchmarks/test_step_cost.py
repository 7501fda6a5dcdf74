"""What SimAM² and modulation cost per training step of the published network.

Not run by default, since it takes minutes and needs an idle machine:

    MMLIB_BENCHMARK=1 OMP_NUM_THREADS=2 pytest tests/benchmarks/test_step_cost.py -s

Plain and modulated steps alternate within one run, and medians are compared, so that a slow spell of the machine hits
both. SimAM² with decoupling-free modulation may cost 5 % at most.
"""

from __future__ import annotations

import os
import statistics
import time

import pytest
import torch
from torch.nn.functional import cross_entropy

from mmlib.fusion import SimAM2Options
from mmlib.models import build_classifier
from mmlib.modulation import build_modulation

pytestmark = [
    pytest.mark.skipif(not os.environ.get("MMLIB_BENCHMARK"), reason="a benchmark; set MMLIB_BENCHMARK=1 to run it"),
    pytest.mark.timeout(3600),
]

VARIANTS = {
    "plain": ("none", None),
    "SimAM2 + decoupling-free": ("decoupling_free", SimAM2Options(zeta="learned")),
    "OGM-GE": ("ogm_ge", None),
}
BAR = {"SimAM2 + decoupling-free": 1.05}


class Step:
    """One training step of the ResNet-18 pair (sum fusion) on fixed inputs."""

    def __init__(self, variant: str, device: str, batch_size: int) -> None:
        method, simam2 = VARIANTS[variant]
        torch.manual_seed(0)
        self.model = build_classifier("resnet18", num_classes=6, fusion="sum", simam2=simam2).to(device)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
        groups = self.model.modality_parameters()
        self.modulation = build_modulation(method, groups, alpha=0.8).attach(self.optimizer)
        self.needs_scores = method == "ogm_ge"
        self.inputs = {
            "audio": torch.randn(batch_size, 1, 257, 188, device=device),
            "visual": torch.randn(batch_size, 3, 1, 224, 224, device=device),
        }
        self.targets = torch.randint(6, (batch_size,), device=device)

    def __call__(self) -> None:
        output = self.model(self.inputs)
        scores = self.model.unimodal_logits(output) if self.needs_scores else None
        self.modulation.observe(unimodal_logits=scores, zeta=output.zeta, targets=self.targets)
        cross_entropy(output.logits, self.targets).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()


def compare(device: str, batch_size: int, rounds: int) -> dict[str, float]:
    """Median over rounds of each variant's time over the plain step's time in the same round."""

    def seconds(step: Step) -> float:
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        step()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    steps = {variant: Step(variant, device, batch_size) for variant in VARIANTS}
    for step in steps.values():  # warm up
        step()
    names = list(steps)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:  # each goes first equally often
            times[name].append(seconds(steps[name]))
    plain = times["plain"]
    print(f"\n{device}, batch {batch_size}, {rounds} rounds; plain step {statistics.median(plain) * 1e3:.1f} ms")
    ratios = {n: statistics.median(t / p for t, p in zip(times[n], plain, strict=True)) for n in names}
    for name, ratio in ratios.items():
        print(f"  {name}: {ratio:.3f} (of the fastest steps: {min(times[name]) / min(plain):.3f})")
    return ratios


def check(ratios: dict[str, float]) -> None:
    for name, bar in BAR.items():
        assert ratios[name] <= bar, f"{name} costs {ratios[name]:.3f} plain steps; the bar is {bar}"


def test_step_cost_on_cpu():
    check(compare("cpu", 16, rounds=int(os.environ.get("MMLIB_BENCHMARK_ROUNDS", "9"))))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_step_cost_on_gpu():
    check(compare("cuda", 64, rounds=50))
