"""Face-voice association for `mmlib.experiments.base`: data, model, protocols, and what is measured at the end.

Published code does: takes the epoch with the lowest EER (of its own evaluator) on the unseen-unheard test list, and
evaluates nothing else.
We do: that as `paper`; `clean` takes the epoch with the lowest exact EER on validation pairs of other identities. Both
report the random seen-heard and unseen-unheard lists. At `clean`'s epoch also the strata, 1:N matching, intervals over
identities, and what the figures draw.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from mmlib.data.voxceleb.pairs import load_face_voice
from mmlib.experiments.base import Conclusion, DataFacts, Experiment, Setup, execute
from mmlib.experiments.building import build_setup, simam2_options
from mmlib.experiments.face_voice.final_measures import conclude
from mmlib.experiments.face_voice.parameters import Parameters
from mmlib.experiments.face_voice.task import FaceVoice
from mmlib.experiments.finished import FinishedRun
from mmlib.experiments.loaders import build_loaders
from mmlib.experiments.protocols import by_name, clean, paper
from mmlib.models.fop import FOP
from mmlib.training import Evaluation, Group, Outcome

SETTINGS = ("seen_heard", "unseen_unheard")
# What is evaluated after every epoch: name as a split, list.
EVALUATED = {"validation": "validation"} | {setting: f"{setting}_random" for setting in SETTINGS}


class FaceVoiceExperiment(Experiment):
    """One run of Table 3's kind."""

    module = "mmlib.experiments.face_voice"
    metrics = tuple(
        f"{metric}_{setting}" for setting in SETTINGS for metric in ("eer", "auc", "vr", "eer_fop", "auc_fop")
    )
    protocols = by_name(
        paper(
            "eer_fop",
            "EER, by FOP's evaluator,",
            "upstream code selects",
            split="unseen_unheard",
            place="the unseen-unheard test pairs",
            maximise=False,
        ),
        clean("eer", "EER", place="validation pairs of identities that are neither trained nor tested", maximise=False),
    )
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
        lists = {name: data.lists[source] for name, source in EVALUATED.items() if source in data.lists}
        # Without `reshuffle`, train keeps the data's one order, which the seed has shuffled already.
        order = {"shuffle": parameters.reshuffle, "drop_last": parameters.drop_last}
        return build_setup(
            parameters,
            model,
            FaceVoice(parameters.orthogonality, parameters.negative_weight, parameters.label_smoothing),
            build_loaders(parameters, {"train": data.train}, device, group, **order) | lists,
            DataFacts(
                splits={"train": len(data.train)} | {name: len(pairs) for name, pairs in lists.items()},
                coverage={"train": len(data.identities)},
                origin=data.prepared.origin,
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


def run(parameters: Parameters) -> FinishedRun:
    """Train and evaluate once; write the record's files into the output folder and return the result."""
    return execute(FaceVoiceExperiment(), parameters)
