"""A run of two stages with everything that a stage can have of its own.

A grown head, other data with an exemplar memory drawn at random, a frozen teacher, another optimiser, other protocols.

python toy_stages.py FOLDER [SEED]
"""

from __future__ import annotations

import copy
import sys
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from mmlib.experiments.base import DataFacts, Experiment, Setup, execute
from mmlib.experiments.settings import RecipeSettings, about
from mmlib.training import Evaluation, SelectionProtocol
from mmlib.training.distributed import gathered_rows

OLD, ALL = 3, 5  # classes of the first stage, and of both


class Parameters(RecipeSettings):
    experiment = "toy_stages"
    epochs: int = about(3, "of the first stage")
    later_epochs: int = about(4, "of the second")


@dataclass
class Points:
    """Points around a centre for each class, in batches of 8; also the batch itself."""

    x: torch.Tensor
    targets: torch.Tensor
    size: int = 0
    shuffle: bool = False
    epoch: int = 0

    @classmethod
    def drawn(cls, classes, count, seed, shuffle=False):
        generator = torch.Generator().manual_seed(seed)
        targets = torch.tensor(classes)[torch.arange(count) % len(classes)]
        centres = 1.5 * torch.randn(ALL, 4, generator=torch.Generator().manual_seed(7))
        return cls(centres[targets] + torch.randn(count, 4, generator=generator), targets, shuffle=shuffle)

    def with_more(self, x, targets):
        return replace(self, x=torch.cat([self.x, x]), targets=torch.cat([self.targets, targets]))

    @property
    def inputs(self):
        return {"x": self.x}

    def to(self, device, non_blocking=False):
        return self

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return len(self.targets) if self.size else -(-len(self.targets) // 8)

    def __iter__(self):
        count = len(self.targets)
        order = np.random.default_rng([5, self.epoch]).permutation(count) if self.shuffle else np.arange(count)
        for rows in np.split(order, range(8, count, 8)):
            yield replace(self, x=self.x[rows], targets=self.targets[rows], size=len(rows))


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Dropout(0.2))
        self.head = nn.Linear(16, classes)

    def forward(self, inputs):
        return self.head(self.body(inputs["x"]))


class Task:
    def __init__(self, teacher=None):
        self.teacher, self.inputs, self.epochs = teacher, None, []

    def start_epoch(self, epoch):
        self.epochs.append(epoch)

    def losses(self, output, batch):
        losses = {"cross_entropy": F.cross_entropy(output, batch.targets)}
        if self.teacher is not None:
            with torch.no_grad():
                soft = self.teacher(batch.inputs).softmax(1)
            losses["distillation"] = 0.5 * F.cross_entropy(output[:, :OLD], soft)
        return losses

    def observables(self, output, batch):
        return {}

    def trace(self, output, batch, observed):
        hits = (output.argmax(1) == batch.targets).float().mean()
        return {"train/top1": hits} | (
            {} if self.teacher is None else {"confidence": output.softmax(1).max(1)[0].mean()}
        )

    def evaluate(self, model, loader, group):
        hits = torch.cat([(model(batch.inputs).argmax(1) == batch.targets).float() for batch in loader])
        hits = gathered_rows(hits, group)
        return Evaluation({"top1": float(hits.mean())}, {"hits": hits.cpu().numpy()})

    def state_dict(self):
        return {"epochs": list(self.epochs)}

    def load_state_dict(self, state):
        self.epochs = state["epochs"]


class TwoStages(Experiment):
    module = "toy_stages"
    metrics = ("top1",)
    protocols = {
        "paper": SelectionProtocol("paper", "best on test", "test", "top1"),
        "clean": SelectionProtocol("clean", "best on validation", "validation", "top1"),
        "last": SelectionProtocol("last", "last epoch"),
    }

    def stages(self, parameters):
        return {"old": parameters.epochs, "new": parameters.later_epochs}

    def stage(self, name, parameters, device, group, carried):
        if name == "old":
            return self.first(parameters)
        return self.second(parameters, carried)

    def first(self, parameters):
        classes = tuple(range(OLD))
        model, train = Net(OLD), Points.drawn(classes, 45, 0, shuffle=True)

        def hand_over(outcome):
            kept = torch.randperm(len(train.targets))[:12]  # from the global generator, as herding with ties would
            return {"weights": outcome.weights, "x": train.x[kept], "targets": train.targets[kept], "classes": OLD}

        return self.setup_of(model, Task(), train, classes, torch.optim.SGD(model.parameters(), 0.05, 0.9), hand_over)

    def second(self, parameters, carried):
        teacher = Net(carried["classes"])
        teacher.load_state_dict(carried["weights"])
        teacher.eval().requires_grad_(False)
        model = Net(ALL)
        model.body.load_state_dict(copy.deepcopy(teacher.body.state_dict()))
        with torch.no_grad():
            model.head.weight[:OLD], model.head.bias[:OLD] = teacher.head.weight, teacher.head.bias
        train = Points.drawn(tuple(range(OLD, ALL)), 30, 1, shuffle=True)
        # Drawn while building, and in no checkpoint: only the same random state makes it again.
        train = train.with_more(carried["x"] + 0.1 * torch.randn_like(carried["x"]), carried["targets"])
        setup = self.setup_of(
            model, Task(teacher), train, tuple(range(ALL)), torch.optim.Adam(model.parameters(), 1e-2)
        )
        setup.protocols = {name: self.protocols[name] for name in ("clean", "last")}
        return setup

    def setup_of(self, model, task, train, classes, optimizer, hand_over=None):
        loaders = {"validation": Points.drawn(classes, 25, 2), "test": Points.drawn(classes, 25, 3)}
        return Setup(
            model,
            task,
            {"train": train, **loaders},
            DataFacts({"train": len(train.targets)}, {"train": len(classes)}, "generated"),
            optimizer=optimizer,
            scheduler=torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5),
            hand_over=hand_over,
        )

    def conclude(self, parameters, setup, outcome, device):
        from mmlib.experiments.base import Conclusion

        old = outcome.stages[0].selector.result("clean")["test"].metrics["top1"]
        return Conclusion({"clean/forgetting": old - outcome.selector.result("clean")["test"].metrics["top1"]})


def run(folder, **changes):
    return execute(TwoStages(), Parameters.resolve({"output": str(folder), **changes}))


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(sys.argv[1], seed=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
