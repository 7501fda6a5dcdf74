"""From parameters to MIM's network and its optimisers; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from mmlib.experiments.building import optimizer_and_schedule
from mmlib.experiments.sentiment.parameters import Parameters
from mmlib.models.mim import MIM, HardConcreteGate, SequenceUPN, StepEncoder, WordEncoder
from mmlib.parameters.base import resolve_path
from mmlib.training import GradientSet, GradientSets, OnePass, Step

RATES = (0.2, 0.5, 0.3, 0.3)  # published dropout: embeddings, attention, hidden units, residuals
FIRST_SET = ("penalty", "masked")
"""Losses that the purification networks' own optimiser follows; the other follows all others."""


def build_model(
    parameters: Parameters,
    shapes: Mapping[str, tuple[int, ...]],
    vocabularies: Mapping[str, int],
    outputs: int,
) -> MIM:
    """The network for samples of these shapes, (T, F) of features or (T,) of tokens, from torch's global generator.

    Raises `BlockedError` where BERT is asked for and not there.
    """
    encoders = {name: _encoder(parameters, shape, vocabularies.get(name)) for name, shape in shapes.items()}
    return MIM(
        encoders,
        parameters.feature_channels,
        outputs,
        purifiers=_purifiers(parameters, shapes, vocabularies) if parameters.purification else None,
        fusion=parameters.fusion,
        heads=bool(parameters.unimodal_weight),
        activation=parameters.activation,
        masked=parameters.padding == "masked",
        guided_heads=parameters.intra_heads,
    )


def _encoder(parameters: Parameters, shape: tuple[int, ...], vocabulary: int | None) -> nn.Module:
    channels = parameters.feature_channels
    if vocabulary is not None and parameters.bert:
        from mmlib.models.mim.bert import BertEncoder

        return BertEncoder(Path(resolve_path(parameters.data_root)) / parameters.bert, channels)
    options = {"layers": parameters.layers, "heads": parameters.heads}
    options["dropout"] = tuple(min(0.95, parameters.dropout * rate) for rate in RATES)
    if vocabulary is not None:
        return WordEncoder(vocabulary, parameters.word_channels, channels, **options)
    return StepEncoder(shape[-1], channels, **options)


def _purifiers(
    parameters: Parameters, shapes: Mapping[str, tuple[int, ...]], vocabularies: Mapping[str, int]
) -> dict[str, nn.Module]:
    gate = partial(HardConcreteGate, bias=parameters.gate_bias, noise=parameters.gate_noise)
    return {
        name: SequenceUPN(
            parameters.feature_channels,
            shape[0] - (1 if parameters.bert and name in vocabularies else 0),  # [CLS] is dropped
            ratio=parameters.purification_ratio,
            activation=parameters.activation,
            mixing=parameters.time_mixing,
            gate=gate,
        )
        for name, shape in shapes.items()
    }


def build_step(parameters: Parameters, model: MIM, losses: tuple[str, ...]) -> tuple[Step, list[LRScheduler]]:
    """How losses of these names change the weights.

    Published code does: the purification networks step first, by the gradients of the penalty and of the heads' losses
        on purified vectors; then the whole model by those of all other losses. Both optimisers own the purification
        networks. The second set is made after the first step, which current releases of torch refuse.
    We do: both sets from the same graph before any step, in either order of steps; or one optimiser on the sum.
    """
    optimizer, schedule = optimizer_and_schedule(parameters, model)
    if parameters.update == "one" or not parameters.purification:
        return OnePass(optimizer), [schedule]
    own, own_schedule = optimizer_and_schedule(parameters, model.purifiers)
    sets = {
        "purification": GradientSet(own, [name for name in losses if name in FIRST_SET]),
        "model": GradientSet(optimizer, [name for name in losses if name not in FIRST_SET]),
    }
    if parameters.update == "model_first":
        sets = dict(reversed(sets.items()))
    return GradientSets(sets), [own_schedule, schedule]


def outputs_of(parameters: Parameters, classes: int) -> int:
    """Number of outputs: one for a score, else one for each class."""
    return 1 if parameters.task == "regression" else classes
