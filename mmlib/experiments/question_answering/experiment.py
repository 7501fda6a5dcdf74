"""Question answering for `mmlib.experiments.base`: data, networks, tasks and protocols of one or two stages.

Published code does: after each epoch the accuracy on validation questions; the weights of the best epoch, the later one
    of equally good ones, answer the test questions. AVST starts from the grounding that another program has trained.
We do: that as `clean`; grounding is a first stage of the same run (`pretrain_epochs`), whose best epoch the second one
    starts from. All of it goes on being trained.
"""

from __future__ import annotations

import numpy as np
import torch

from mmlib.data.dataset import MultimodalDataset
from mmlib.data.randomness import mix
from mmlib.experiments.base import Conclusion, DataFacts, Experiment, Setup, execute
from mmlib.experiments.building import iemf_notes, optimizer_and_schedule
from mmlib.experiments.finished import FinishedRun
from mmlib.experiments.loaders import build_loaders
from mmlib.experiments.protocols import by_name, clean, paper
from mmlib.experiments.question_answering.floors import floor_metrics
from mmlib.experiments.question_answering.matching import ACCURACY, Matching
from mmlib.experiments.question_answering.model import GROUNDING, attach_iemf, build_grounding, build_model
from mmlib.experiments.question_answering.parameters import Parameters
from mmlib.experiments.question_answering.questions import load_questions, load_seconds
from mmlib.experiments.question_answering.task import QuestionTask
from mmlib.metrics.question_answering import MEAN_OF_TYPES, OVERALL, question_metric_names
from mmlib.training import Carried, Group, Outcome
from mmlib.training.carry import load_matching
from mmlib.training.determinism import seed_everything

EVALUATED = 64  # questions at a time: at full shape each has 2 MB of maps
FIRST = "grounding"
MATCHING = by_name(clean(ACCURACY, "accuracy of telling pairs apart", then="the second stage starts from it"))


class QuestionAnswering(Experiment):
    """One run."""

    module = "mmlib.experiments.question_answering"
    metrics = (OVERALL, MEAN_OF_TYPES, "loss")
    protocols = by_name(
        paper("top1", "accuracy", "much published code selects, not that of MUSIC-AVQA and IEMF"),
        clean("top1", "accuracy", whose="published code", then="test at that epoch").among(1, 0, "last"),
    )

    def stages(self, parameters: Parameters) -> dict[str, int]:
        """One, or AVST's grounding before it."""
        first = {FIRST: parameters.first_stage} if parameters.first_stage else {}
        return {**first, "train": parameters.epochs}

    def stage(
        self, name: str, parameters: Parameters, device: torch.device, group: Group, carried: Carried | None
    ) -> Setup:
        # The same network and order of questions whether or not a first stage drew before.
        seed_everything(mix(parameters.seed, name))
        if name == FIRST:
            return grounding_setup(parameters, device, group)
        return self._setup(parameters, device, group, carried)

    def _setup(self, parameters: Parameters, device: torch.device, group: Group, carried: Carried | None) -> Setup:
        data = load_questions(parameters)
        train = data["train"]
        vocabulary = len(train.prepared.manifest["source"]["vocabulary"])
        model = build_model(parameters, train.input_shapes, vocabulary, len(train.classes))
        notes = iemf_notes(parameters)
        if carried is not None:
            weights = {GROUNDING + name: value for name, value in carried["weights"].items()}
            load_matching(model, weights, [GROUNDING], source=f"stage {FIRST}")
            notes.append(f"grounding started from the best epoch of stage {FIRST}")
        model = model.to(device)
        optimizer, scheduler = optimizer_and_schedule(parameters, model, apart=model.mixing_parameters())
        return Setup(
            model=model,
            task=QuestionTask(model, match_weight=parameters.match_weight, unimodal_weight=parameters.unimodal_weight),
            loaders=build_loaders(parameters, data, device, group, evaluation_size=EVALUATED),
            facts=DataFacts.of(data),
            optimizer=optimizer,
            scheduler=scheduler,
            modulations=[attach_iemf(parameters, model, optimizer)] if parameters.iemf else [],
            keep_weights_of="clean",
            metrics=metric_names(parameters, data["test"]),
            data=data,
            notes=notes,
        )

    def arrays(self, setup: Setup, outcome: Outcome) -> dict[str, np.ndarray]:
        """`test_targets` (N,), and what each test question is about: `test_modality`, `test_type` (N,) texts."""
        test = setup.data["test"]
        about = {f"test_{name}": np.asarray(test.column(name), dtype=np.str_) for name in ("modality", "type")}
        return {"test_targets": test.targets, **about}

    def conclude(self, parameters: Parameters, setup: Setup, outcome: Outcome, device: torch.device) -> Conclusion:
        """What answers without seeing or hearing anything are worth, beside every protocol's numbers."""
        floors = floor_metrics(setup.data["train"], setup.data["test"])
        chosen = outcome.selector.chosen
        return Conclusion({f"{protocol}/{name}": value for protocol in chosen for name, value in floors.items()})


def metric_names(parameters: Parameters, test: MultimodalDataset) -> tuple[str, ...]:
    """What every record of such a run holds."""
    alone = [f"top1_{name}" for name in parameters.shown]
    heads = [f"top1_head_{name}" for name in parameters.shown] if parameters.has_heads else []
    return (*question_metric_names(test.column("modality"), test.column("type")), *alone, *heads, "loss")


def grounding_setup(parameters: Parameters, device: torch.device, group: Group) -> Setup:
    """The first stage, by its own recipe; it hands over the weights of its best epoch."""
    recipe = parameters.model_copy(
        update={
            "epochs": parameters.first_stage,
            "batch_size": parameters.pretrain_batch_size,
            "optimizer": "adam",
            "learning_rate": parameters.pretrain_learning_rate,
            "momentum": 0.9,
            "weight_decay": 0.0,
            "schedule": "step",
            "step_size": parameters.pretrain_step_size,
            "gamma": 0.1,
            "step_unit": "epochs",
            "nesterov": False,
        }
    )
    data = load_seconds(parameters)
    model = build_grounding(parameters, data["train"].input_shapes).to(device)
    optimizer, scheduler = optimizer_and_schedule(recipe, model)
    origin = data["train"].prepared.origin
    return Setup(
        model=model,
        task=Matching(),
        loaders=build_loaders(recipe, data, device, group),
        facts=DataFacts({split: len(rows) for split, rows in data.items()}, {}, origin),
        optimizer=optimizer,
        scheduler=scheduler,
        protocols=MATCHING,
        metrics=(ACCURACY, "loss"),
        keep_weights_of="clean",
        data=data,
    )


def run(parameters: Parameters) -> FinishedRun:
    """Train and evaluate once; write the record's files into the output folder and return the result."""
    return execute(QuestionAnswering(), parameters)
