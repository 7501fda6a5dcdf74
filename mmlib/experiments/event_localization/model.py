"""From parameters to the network, its parameter groups and its schedule; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR

from mmlib.experiments.building import simam2_options
from mmlib.experiments.event_localization.parameters import Parameters
from mmlib.models.avga import AVGA
from mmlib.models.psp import PSP
from mmlib.models.segments import MODALITIES, SegmentNetwork


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
        return AVGA(*sizes, fusion=parameters.fusion, mil_pool=parameters.mil_pool, **options)
    projection = 2 * parameters.hidden  # published: 256 before 128
    return PSP(
        *sizes, projection=projection, threshold=parameters.psp_threshold, dropout=parameters.psp_dropout, **options
    )


def modulated_groups(parameters: Parameters, model: SegmentNetwork) -> dict[str, list[nn.Parameter]]:
    """The matrices that count as audio's and visual's."""
    scope = {"scope": parameters.scope} if parameters.network == "psp" else {}
    return model.modality_parameters(attention_group=parameters.attention_group, **scope)


def limited(parameters: Parameters, optimizer: Optimizer, scheduler: LRScheduler) -> LRScheduler:
    """The schedule, or a step schedule that ends after `most_drops`, as PSP's does."""
    if parameters.schedule != "step" or not parameters.most_drops:
        return scheduler
    drops = [parameters.step_size * (drop + 1) for drop in range(parameters.most_drops)]
    return MultiStepLR(optimizer, drops, parameters.gamma)
