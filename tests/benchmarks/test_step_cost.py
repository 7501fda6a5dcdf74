"""What SimAM² and modulation cost per training step of the published network, against the plain step.

IEMF is compared with the step that has its unimodal losses. Plain and modulated steps alternate within one run.
"""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from mmlib.fusion import SimAM2Options
from mmlib.losses.unimodal import unimodal_losses
from mmlib.models import build_classifier
from mmlib.modulation import build_modulation

HEADS = {"fusion": "concat", "unimodal_heads": "attached"}
VARIANTS = {  # modulation, and what differs from the plain model
    "plain": ("none", {}),
    "SimAM2 + decoupling-free": ("decoupling_free", {"simam2": SimAM2Options(zeta="learned")}),
    "OGM-GE": ("ogm_ge", {}),
    "unimodal losses": ("none", HEADS),
    "IEMF": ("iemf", HEADS),
}


class Steps:
    """Training steps of the ResNet-18 pair (sum fusion unless the variant has another) on fixed inputs; the device is
    waited for outside of them."""

    def __init__(self, variant: str, device: str, batch_size: int, count: int) -> None:
        method, options = VARIANTS[variant]
        torch.manual_seed(0)
        self.device, self.count = device, count
        self.model = build_classifier("resnet18", num_classes=6, **{"fusion": "sum", **options}).to(device)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
        fusion = {"fusion": self.model.fusion.mixing_parameters()}
        groups = fusion if method == "iemf" else self.model.modality_parameters()
        self.modulation = build_modulation(method, groups, alpha=0.8).attach(self.optimizer)
        self.needs_scores = method == "ogm_ge"
        self.inputs = {
            "audio": torch.randn(batch_size, 1, 257, 188, device=device),
            "visual": torch.randn(batch_size, 3, 1, 224, 224, device=device),
        }
        self.targets = torch.randint(6, (batch_size,), device=device)

    def step(self) -> None:
        output = self.model(self.inputs)
        scores = self.model.unimodal_logits(output) if self.needs_scores else None
        seen = {"unimodal_logits": scores, "fused_logits": output.logits, "head_logits": output.head_logits}
        self.modulation.observe(**seen, zeta=output.zeta, targets=self.targets)
        loss = cross_entropy(output.logits, self.targets)
        if output.head_logits is not None:
            loss = loss + sum(unimodal_losses(output, self.targets).values())
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def __call__(self) -> None:
        for _ in range(self.count):
            self.step()
        if self.device == "cuda":
            torch.cuda.synchronize()


def compare(
    alternate, variant: str, device: str, batch_size: int, count: int, rounds: int, bar: float, plain="plain"
) -> None:
    """Alternate `count` plain steps with as many of the variant."""
    base, modulated = (Steps(name, device, batch_size, count) for name in (plain, variant))
    facts = {"batch": batch_size, "device": device}
    alternate("ratio to the plain step", base, modulated, bar, rounds=rounds, steps=count, **facts)


@pytest.mark.benchmark(group="training step, CPU")
@pytest.mark.parametrize("variant", ["SimAM2 + decoupling-free", "OGM-GE"])
def test_step_cost_on_cpu(alternate, variant):
    compare(alternate, variant, "cpu", batch_size=16, count=1, rounds=9, bar=1.05)


@pytest.mark.benchmark(group="training step, CPU")
def test_cost_of_iemf_on_cpu(alternate):
    compare(alternate, "IEMF", "cpu", batch_size=16, count=1, rounds=9, bar=1.03, plain="unimodal losses")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.benchmark(group="training step, GPU")
def test_cost_of_iemf_on_gpu(alternate):
    compare(alternate, "IEMF", "cuda", batch_size=64, count=10, rounds=30, bar=1.03, plain="unimodal losses")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.benchmark(group="training step, GPU")
@pytest.mark.parametrize("variant", ["SimAM2 + decoupling-free", "OGM-GE"])
def test_step_cost_on_gpu(alternate, variant):
    compare(alternate, variant, "cuda", batch_size=64, count=10, rounds=30, bar=1.03)
