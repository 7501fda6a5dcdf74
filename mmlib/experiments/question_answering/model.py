"""From parameters to the networks, and IEMF on them; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping

from torch.optim import Optimizer

from mmlib.experiments.building import iemf_options
from mmlib.experiments.question_answering.parameters import Parameters
from mmlib.models.avqa import AVQA, Grounding, PlainSeconds
from mmlib.modulation import IEMF

Shapes = Mapping[str, tuple[int, ...]]
CHANNELS_AT = {"audio": 1, "visual": 1}
"""Where the channels stand in the shape of one clip, (T, C_a) and (T, C_v, H, W)."""
GROUNDING = "seconds."
"""Where AVST has its grounding."""


def input_sizes(shapes: Shapes) -> dict[str, int]:
    """Channels of sound and picture, of those that there are."""
    return {name: shapes[name][place] for name, place in CHANNELS_AT.items() if name in shapes}


def build_model(parameters: Parameters, shapes: Shapes, vocabulary: int, answers: int) -> AVQA:
    """The network for inputs of these shapes (one question), on the CPU, drawn from the global generator."""
    sizes, channels = input_sizes(shapes), parameters.feature_channels
    if parameters.network == "avst":
        seconds = Grounding(sizes, channels, match=parameters.matches)
    else:
        seconds = PlainSeconds(sizes, channels) if sizes else None
    coded = parameters.second_codes and sizes
    return AVQA(
        seconds,
        vocabulary,
        channels,
        answers,
        attention_heads=parameters.attention_heads,
        dropout=parameters.dropout,
        pooling=parameters.pooling,
        add_mean=parameters.network == "avst",
        tanh=parameters.tanh,
        seconds_coded=shapes[next(iter(sizes))][0] if coded else None,
        unimodal_heads=parameters.unimodal_heads if parameters.has_heads else "none",
    )


def build_grounding(parameters: Parameters, shapes: Shapes) -> Grounding:
    """AVST's grounding alone, for the first stage."""
    return Grounding(input_sizes(shapes), parameters.feature_channels)


def attach_iemf(parameters: Parameters, model: AVQA, optimizer: Optimizer) -> IEMF:
    """IEMF, attached to the optimiser. Published: on the gradients of the fusion's weight and bias, in all epochs."""
    layer = model.mixing_parameters() if parameters.iemf_target == "mixing" else model.fusion_parameters()
    return IEMF({"fusion": layer}, seed=parameters.seed, **iemf_options(parameters)).attach(optimizer)
