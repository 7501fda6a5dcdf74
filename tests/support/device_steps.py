"""Training steps on a device, ours against the published loop's way, in one command of at most four minutes:

    PYTHONPATH=. python tests/support/device_steps.py            # on the GPU, batch 64, ResNet-18 pair
    PYTHONPATH=. python tests/support/device_steps.py --toy      # on the CPU, in seconds: does it still run?

The published way (OGM-GE's training loop), written from its description: one process, float32; class probabilities
are summed sample by sample; whether a modality leads is asked of the device; each modulated gradient is replaced by a
new tensor with noise whose deviation is read with `.item()`; three losses are read in every step. Ours is the training
loop of the workbook itself (`Trainer`), losses, ratios and traces included, as it is set by default and as it is
fastest (bf16, channels last, any algorithm of cuDNN).

Printed are ratios of time, ours over the published (median, fastest and slowest of the rounds, which alternate), and
of peak memory. `fed`: with the input pipeline, files decoded by Pillow against stored bytes finished on the device.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from published_input import PublishedDataset, prepared_clips, write_clips
from torch import Tensor
from torch.utils.data import DataLoader

from mmlib.data.assembly import build_views
from mmlib.data.batch import Batch
from mmlib.data.dataset import MultimodalDataset
from mmlib.data.loader import BatchLoader
from mmlib.data.prepared import open_prepared
from mmlib.experiments.classification.task import Classification
from mmlib.fusion import SimAM2Options
from mmlib.models import build_classifier
from mmlib.modulation import build_modulation
from mmlib.training import Group, Stage, TrainingSettings
from mmlib.training.determinism import deterministic_algorithms
from mmlib.training.history import History, Progress
from mmlib.training.loop import Log, Trainer
from mmlib.training.optimisation import build_optimizer
from mmlib.training.trace import Trace

CLASSES = 6
VARIANTS = {  # modulation and what differs from the plain model
    "plain": ("none", {}),
    "OGM-GE": ("ogm_ge", {}),
    "SimAM2 + decoupling-free": ("decoupling_free", {"simam2": SimAM2Options(zeta="learned")}),
    "IEMF": ("iemf", {"unimodal_heads": "attached"}),
}
WAYS = {  # precision, channels last, deterministic, compiled
    "default": ("fp32", False, True, False),
    "fastest": ("bf16", True, False, False),
    "compiled": ("bf16", True, False, True),
}


@dataclass(frozen=True)
class Sizes:
    """What a step is made of; `steps` are timed together, `rounds` times."""

    batch: int = 64
    frames: int = 1
    sound: tuple[int, int] = (257, 188)
    image: int = 224
    encoder: str = "resnet18"
    steps: int = 10
    rounds: int = 7
    workers: int = 8


TOY = Sizes(batch=4, sound=(33, 30), image=32, encoder="small", steps=1, rounds=1, workers=0)


class Ours:
    """Steps of the workbook's own loop."""

    def __init__(self, variant: str, way: str, sizes: Sizes, device: torch.device) -> None:
        method, options = VARIANTS[variant]
        precision, channels_last, self.deterministic, compiled = WAYS[way]
        torch.manual_seed(0)
        model = build_classifier(sizes.encoder, num_classes=CLASSES, fusion="concat", **options).to(device)
        model = model.to(memory_format=torch.channels_last) if channels_last else model
        optimizer = build_optimizer(model.parameters(), "sgd", 1e-3, 0.9, 1e-4)
        layer = {"fusion": model.fusion.mixing_parameters()}
        groups = layer if method == "iemf" else model.modality_parameters()
        modulations = [build_modulation(method, groups, alpha=0.8).attach(optimizer)]
        stage = Stage(model, Classification(model), {"train": ()}, optimizer=optimizer, modulations=modulations)
        log = Log(History(None), Trace(Group()), Progress(None, {"steps": 1}))
        settings = TrainingSettings(device, precision, channels_last, compiled)
        self.trainer = Trainer(stage, name="steps", epochs=1, settings=settings, log=log)
        self.trainer.replica.train()

    def take(self, batches: Iterator[Batch]) -> None:
        with deterministic_algorithms(self.deterministic):
            for batch in batches:
                self.trainer._step(batch)
            self.trainer.log.trace.close_epoch(0)


class Published:
    """Steps as published code takes them, with or without OGM-GE."""

    def __init__(self, modulated: bool, sizes: Sizes, device: torch.device, alpha: float = 0.8) -> None:
        torch.manual_seed(0)
        self.model = build_classifier(sizes.encoder, num_classes=CLASSES, fusion="concat").to(device)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
        self.modulated, self.device, self.alpha, self.read = modulated, device, alpha, 0.0
        self.model.train()

    def take(self, batches: Iterator[tuple[Tensor, Tensor, Tensor]]) -> None:
        for sound, frames, targets in batches:
            self._step(sound.to(self.device), frames.to(self.device), targets.to(self.device))

    def _step(self, sound: Tensor, frames: Tensor, targets: Tensor) -> None:
        self.optimizer.zero_grad()
        output = self.model({"audio": sound, "visual": frames})
        alone = self.model.unimodal_logits(output)
        loss = F.cross_entropy(output.logits, targets)
        others = [F.cross_entropy(scores, targets) for scores in alone.values()]
        loss.backward()
        if self.modulated:
            self._modulate(alone, targets)
        self.optimizer.step()
        self.read += loss.item() + sum(other.item() for other in others)

    def _modulate(self, alone: dict[str, Tensor], targets: Tensor) -> None:
        score = {}
        for name, logits in alone.items():
            probabilities = F.softmax(logits, dim=1)
            score[name] = sum(probabilities[row][targets[row]] for row in range(len(targets)))
        ratio = score["visual"] / score["audio"]
        leading = "visual" if ratio > 1 else "audio"
        held_back = 1 - torch.tanh(self.alpha * torch.relu(ratio if leading == "visual" else 1 / ratio))
        for name, parameters in self.model.modality_parameters().items():
            for parameter in parameters:
                if parameter.grad.dim() == 4:
                    deviation = parameter.grad.std().item() + 1e-8
                    noise = torch.zeros_like(parameter.grad).normal_(0, deviation)
                    parameter.grad = parameter.grad * (held_back if name == leading else 1) + noise


def held(sizes: Sizes, device: torch.device) -> tuple[list[Batch], list[tuple[Tensor, Tensor, Tensor]]]:
    """The same tensors for both, on the device already: the pipeline is excluded."""
    sound = torch.randn(sizes.batch, 1, *sizes.sound, device=device)
    frames = torch.randn(sizes.batch, 3, sizes.frames, sizes.image, sizes.image, device=device)
    targets = torch.randint(CLASSES, (sizes.batch,), device=device)
    batch = Batch({"audio": sound, "visual": frames}, targets, targets)
    return [batch] * sizes.steps, [(sound, frames, targets)] * sizes.steps


def fed(sizes: Sizes, device: torch.device, folder: Path) -> tuple[BatchLoader, DataLoader]:
    """Loaders of the same clips: stored bytes that the device finishes, and files that Pillow decodes."""
    clips = sizes.batch * sizes.steps
    write_clips(folder / "files", clips, sizes.frames)
    prepared = open_prepared(prepared_clips(folder / "prepared", clips, sizes.frames))
    shown = {"frame_pick": "first", "frames": sizes.frames, "spectrogram": "", "test_crop": "center"}
    views = build_views(prepared, SimpleNamespace(**shown, resize="device", image_size=sizes.image), True)
    rows = MultimodalDataset(prepared, prepared.rows("train"), views, split="train")
    common = {"batch_size": sizes.batch, "shuffle": True, "pin_memory": device.type == "cuda"}
    ours = BatchLoader(rows, seed=0, workers=sizes.workers, deferred=True, **common)
    more = {"num_workers": sizes.workers, "persistent_workers": sizes.workers > 0}
    return ours, DataLoader(PublishedDataset(folder / "files", clips, sizes.frames), **common, **more)


def compare(ours: Callable[[], None], theirs: Callable[[], None], device: torch.device, rounds: int) -> dict:
    """Alternate both; ratios of time and of peak memory, which is measured in the second pass of each."""
    taken: dict[str, list[float]] = {"ours": [], "theirs": []}
    memory = {}
    for number in range(rounds + 2):  # the first two warm up: algorithms are chosen, code is compiled
        for name, work in (("theirs", theirs), ("ours", ours)):
            if device.type == "cuda":
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
            began = time.perf_counter()
            work()
            if device.type == "cuda":
                torch.cuda.synchronize()
                memory[name] = torch.cuda.max_memory_allocated()
            if number > 1:
                taken[name].append(time.perf_counter() - began)
    ratios = sorted(one / other for one, other in zip(taken["ours"], taken["theirs"], strict=True))
    found = {"time": statistics.median(ratios), "fastest": ratios[0], "slowest": ratios[-1]}
    return found | ({"memory": memory["ours"] / memory["theirs"]} if memory else {})


def measure(sizes: Sizes, device: torch.device, seconds: float, ways: list[str], say=print) -> dict[str, dict]:
    """Every variant in every way, then fed; what does not fit into the time is said to be left out."""
    found, began = {}, time.perf_counter()

    def one(name: str, work: Callable[[], dict]) -> None:
        if time.perf_counter() - began > seconds:
            say(f"{name}: left out, {seconds:.0f} s are over")
            return
        found[name] = work()
        say(f"{name}: " + ", ".join(f"{key} {value:.3f}" for key, value in found[name].items()))

    batches, tensors = held(sizes, device)
    for variant in VARIANTS:
        theirs = Published(variant != "plain", sizes, device)
        for way in ways:

            def work(variant: str = variant, way: str = way, theirs: Published = theirs) -> dict:
                steps = Ours(variant, way, sizes, device)
                return compare(lambda: steps.take(iter(batches)), lambda: theirs.take(tensors), device, sizes.rounds)

            one(f"{variant}, {way}", work)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        shown = sizes if sizes.encoder == "resnet18" else replace(sizes, image=224)  # published code shows 224

        def with_input() -> dict:
            loader, files = fed(shown, device, Path(folder))
            steps, theirs = Ours("OGM-GE", "fastest", shown, device), Published(True, shown, device)
            rounds = max(1, sizes.rounds // 3)
            return compare(lambda: steps.take(iter(loader)), lambda: theirs.take(files), device, rounds)

        one("OGM-GE, fastest, fed", with_input)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--toy", action="store_true", help="small shapes, on the CPU")
    parser.add_argument("--frames", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=200, help="nothing is begun after them")
    parser.add_argument("--compiled", action="store_true", help="also torch.compile, a minute for each variant")
    given = parser.parse_args()
    if not given.toy and not torch.cuda.is_available():
        sys.exit("torch finds no GPU here. --toy tries everything on the CPU.")
    device = torch.device("cpu" if given.toy else "cuda")
    sizes = replace(TOY if given.toy else Sizes(), frames=given.frames)
    measure(sizes, device, given.seconds, ["default", "fastest", *(["compiled"] if given.compiled else [])])


if __name__ == "__main__":
    main()
