"""From parameters to the network and its parameter groups; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from mmlib.experiments.building import simam2_options
from mmlib.experiments.event_localization.parameters import Parameters
from mmlib.models.avga import AVGA
from mmlib.models.psp import PSP
from mmlib.models.segments import MODALITIES, SegmentNetwork

# What every network here calls its attention and its LSTMs.
ENCODERS = ("attention.", "audio_lstm.", "visual_lstm.")


def build_model(
    parameters: Parameters, input_shapes: Mapping[str, tuple[int, ...]], num_classes: int
) -> SegmentNetwork:
    """The network for inputs of these shapes (one clip), on the CPU, drawn from the global generator."""
    _, rows, columns, visual = input_shapes["visual"]
    options = {
        "hidden": parameters.hidden,
        "head": parameters.head_width,
        "attention": parameters.attention_width,
        "audio_axis": parameters.audio_bias_axis,
        "weak": parameters.supervision == "weak",
        "modalities": MODALITIES if parameters.modalities == "both" else (parameters.modalities,),
        "simam2": simam2_options(parameters),
    }
    sizes = (input_shapes["audio"][-1], visual, rows * columns, num_classes)
    if parameters.network == "avga":
        more = {"mil_pool": parameters.mil_pool, "blocks": parameters.dmrn_blocks}
        return AVGA(*sizes, fusion=parameters.fusion, **more, **options)
    projection = 2 * parameters.hidden  # published: 256 before 128
    return PSP(
        *sizes, projection=projection, threshold=parameters.psp_threshold, dropout=parameters.psp_dropout, **options
    )


def modulated_groups(parameters: Parameters, model: SegmentNetwork) -> dict[str, list[nn.Parameter]]:
    """The matrices that count as audio's and visual's."""
    scope = {"scope": parameters.scope} if parameters.network == "psp" else {}
    return model.modality_parameters(attention_group=parameters.attention_group, **scope)
