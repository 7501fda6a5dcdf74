"""Face-voice association for `mmlib.experiments.execution`: data, model, protocols, and what is measured at the end.

Published code does: takes the epoch with the lowest EER (of its own evaluator) on the unseen-unheard test list, and
evaluates nothing else.
We do: that as `paper`; `clean` takes the epoch with the lowest exact EER on validation pairs of other identities. Both
report the random seen-heard and unseen-unheard lists. At `clean`'s epoch also the strata, 1:N matching, intervals over
identities, and what the figures draw.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from mmlib.data.loader import BatchLoader
from mmlib.data.voxceleb.pairs import FaceVoiceData, load_face_voice
from mmlib.experiments.building import optimizer_and_schedule, simam2_options
from mmlib.experiments.execution import Conclusion, DataFacts, Experiment, Setup
from mmlib.experiments.face_voice.measures import conclude
from mmlib.experiments.face_voice.parameters import Parameters
from mmlib.experiments.face_voice.task import FaceVoice
from mmlib.models.fop import FOP
from mmlib.training import Evaluation, Group, Outcome, Protocol

SETTINGS = ("seen_heard", "unseen_unheard")
# What is evaluated after every epoch: name as a split, list.
EVALUATED = {"validation": "validation"} | {setting: f"{setting}_random" for setting in SETTINGS}


class FaceVoiceExperiment(Experiment):
    """One run of Table 3's kind."""

    module = "mmlib.experiments.face_voice"
    metrics = tuple(
        f"{metric}_{setting}" for setting in SETTINGS for metric in ("eer", "auc", "vr", "eer_fop", "auc_fop")
    )
    protocols = {
        "paper": Protocol(
            "paper",
            "epoch with the lowest EER, by FOP's evaluator, on the unseen-unheard test pairs, as upstream code selects",
            "unseen_unheard",
            "eer_fop",
            maximise=False,
        ),
        "clean": Protocol(
            "clean",
            "epoch with the lowest EER on validation pairs of identities that are neither trained nor tested",
            "validation",
            "eer",
            maximise=False,
        ),
        "last": Protocol("last", "last epoch"),
    }
    unavailable = "not available: there are no validation pairs (hold_out_validation = false)"

    def setup(self, parameters: Parameters, device: torch.device, group: Group) -> Setup:
        data = load_face_voice(parameters.located())
        model = FOP(
            data.widths["face"],
            data.widths["voice"],
            len(data.identities),
            fusion=parameters.fusion,
            simam2=simam2_options(parameters),
        ).to(device)
        optimizer, scheduler = optimizer_and_schedule(parameters, model)
        loaders = {name: data.lists[source] for name, source in EVALUATED.items() if source in data.lists}
        prepared = data.prepared
        return Setup(
            model=model,
            task=FaceVoice(parameters.orthogonality, parameters.negative_weight, parameters.label_smoothing),
            loaders={"train": train_loader(data, parameters, device, group), **loaders},
            optimizer=optimizer,
            scheduler=scheduler,
            keep_weights_of="clean" if "validation" in loaders else "paper",
            facts=DataFacts(
                manifest_hash=prepared.manifest_hash,
                splits={"train": len(data.train)} | {name: len(pairs) for name, pairs in loaders.items()},
                coverage={"train": len(data.identities)},
                origin=prepared.origin,
            ),
            data=data,
            notes=data.notes,
        )

    def reported(self, evaluations: Mapping[str, Evaluation]) -> Evaluation:
        """Metrics of both settings, named after them; arrays are made once, by `conclude`."""
        found = {
            f"{name}_{setting}": value
            for setting in SETTINGS
            if setting in evaluations
            for name, value in evaluations[setting].metrics.items()
        }
        return Evaluation(found)

    def conclude(self, parameters: Parameters, setup: Setup, outcome: Outcome, device: torch.device) -> Conclusion:
        setup.model.load_state_dict(outcome.selector.weights)
        return conclude(parameters, setup, outcome.selector.keep_weights_of)


def train_loader(data: FaceVoiceData, parameters: Parameters, device: torch.device, group: Group) -> BatchLoader:
    """Training examples; without `reshuffle` in the data's one order, which the seed has shuffled already."""
    return BatchLoader(
        data.train,
        batch_size=parameters.batch_size,
        shuffle=parameters.reshuffle,
        drop_last=parameters.drop_last,
        seed=parameters.seed,
        workers=parameters.loader_workers,
        rank=group.rank,
        world_size=group.size,
        pin_memory=device.type == "cuda",
    )
