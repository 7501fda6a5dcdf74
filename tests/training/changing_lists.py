"""Two stages over lists that change; run alone or under torchrun, with the same result.

torchrun --standalone --nproc-per-node=2 tests/training/changing_lists.py FOLDER

The first stage draws a new list for every epoch from what it measured: rows repeat, some drop a modality, each has a
weight. The second trains on new data and exemplars in one step, with two optimisers that share weights.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from mmlib.data.joint import JointLoader
from mmlib.data.loader import BatchLoader
from mmlib.data.loading import load_data
from mmlib.data.sampling import SamplingPlan
from mmlib.experiments.base import DataFacts, Setup, fit
from mmlib.experiments.classification import Parameters
from mmlib.experiments.classification.experiment import ClassificationExperiment, metric_names, vocabularies_of
from mmlib.experiments.classification.model import build_model
from mmlib.experiments.classification.task import Classification
from mmlib.experiments.loaders import build_loaders
from mmlib.experiments.predictions import collect_outputs
from mmlib.modulation import build_modulation
from mmlib.training import GradientSet, GradientSets, process_group
from mmlib.training.carry import load_matching

SETTINGS = {
    "dataset": "synthetic_trio",
    "synthetic_samples": 120,
    "feature_channels": 8,
    "fusion": "concat",
    "batch_size": 16,
    "epochs": 3,
    "learning_rate": 0.05,
}


class Resampling(Classification):
    """Before every epoch but the first, shows the samples that were hard more often, and hides a modality of some."""

    loader, whole, group = None, None, None
    lengths: tuple[int, ...] = ()

    def start_epoch(self, epoch):
        if not epoch:
            return
        found = collect_outputs(self.model.eval(), self.whole, self.group, lambda output: {"logits": output.logits})
        each = F.cross_entropy(torch.tensor(found["logits"]), torch.tensor(found["targets"]), reduction="none").numpy()
        hard = np.argsort(each.round(3), kind="stable")[-len(each) // 3 :]
        index = np.concatenate([np.arange(len(each)), np.repeat(hard, epoch)])
        index = index[: len(index) - len(index) % 16 + 4]
        keep = {"tokens": np.arange(len(index)) % 3 > 0, "vector": np.arange(len(index)) % 5 > 0}
        weight = 0.5 + (np.arange(len(index)) % 4) / 4
        self.loader.set_plan(SamplingPlan(index, keep, weight.astype(np.float32)))
        self.lengths = (*self.lengths, len(self.loader))


class OldAndNew(Classification):
    """Cross-entropy of either loader's rows, by name."""

    def losses(self, output, batch):
        each = F.cross_entropy(output.logits, batch.targets, reduction="none")
        return {name: batch.mean(name, each[batch.rows(name)]) for name in batch.parts}


class Changing(ClassificationExperiment):
    def stages(self, parameters):
        return {"resampled": parameters.epochs, "joint": 2}

    def stage(self, name, parameters, device, group, carried):
        data = load_data(parameters)
        train = data["train"]
        torch.manual_seed(group.rank if carried is None else 0)  # replicas must be made equal, whatever they start from
        if group.first:
            torch.manual_seed(0)
        model = build_model(parameters, train.input_shapes, len(train.classes), vocabularies_of(train))
        loaders = build_loaders(parameters, data, device, group)
        common = {"rank": group.rank, "world_size": group.size}
        if name == "resampled":
            task = Resampling(model)
            task.loader, task.group = loaders["train"], group
            task.whole = BatchLoader(train, batch_size=32, shuffle=False, seed=0, **common)
            optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
            groups = model.modality_parameters()
            modulation = build_modulation("ogm_ge", groups, alpha=0.5, seed=1, tensors="matrices").attach(optimizer)
            more = {"optimizer": optimizer, "modulations": [modulation]}
        else:
            load_matching(model, carried["weights"])
            task = OldAndNew(model)
            exemplars = BatchLoader(data["validation"], batch_size=6, shuffle=True, seed=9, **common)
            exemplars.set_plan(SamplingPlan(np.arange(10)))
            loaders["train"] = JointLoader({"new": loaders["train"], "exemplars": exemplars})
            head = torch.optim.SGD(model.fusion.classifier.parameters(), 0.05)
            whole = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
            more = {
                "step": GradientSets({"head": GradientSet(head, ["exemplars"]), "all": GradientSet(whole, ["new"])})
            }
        metrics = metric_names(model.modality_parameters())
        return Setup(
            model=model, task=task, loaders=loaders, facts=DataFacts.of(data), data=data, metrics=metrics, **more
        )


def train(folder: Path) -> None:
    with process_group("cpu") as group:
        parameters = Parameters.resolve({**SETTINGS, "data_store": str(folder / "data")})
        setup, outcome = fit(Changing(), parameters, folder / "run", torch.device("cpu"), group)
        torch.save(setup.model.state_dict(), folder / f"weights-{group.rank}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(Path(sys.argv[1]))
