"""From parameters to the network; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from mmlib.experiments.building import simam2_options
from mmlib.experiments.classification.parameters import Parameters
from mmlib.models import MultimodalClassifier, build_classifier, input_of


def build_model(
    parameters: Parameters,
    input_shapes: Mapping[str, tuple[int, ...]],
    num_classes: int,
    vocabularies: Mapping[str, int] | None = None,
) -> MultimodalClassifier:
    """The classifier for inputs of these shapes (one sample, channels first), on the CPU, from the global generator.

    `vocabularies`: number of token ids of the modalities that are tokens.
    """
    sizes = vocabularies or {}
    model = build_classifier(
        parameters.encoder,
        num_classes=num_classes,
        inputs={
            modality: input_of(modality, shape, sizes.get(modality, 0)) for modality, shape in input_shapes.items()
        },
        fusion=parameters.fusion,
        feature_channels=parameters.feature_channels,
        simam=parameters.simam,
        neuron=parameters.neuron,
        time_steps=parameters.time_steps,
        simam2=simam2_options(parameters),
        sum_site=parameters.sum_site,
        sum_unimodal_bias=parameters.sum_unimodal_bias,
        film_generator=parameters.film_generator,
        gate_modality=parameters.gate_modality or None,
        film_decouple=parameters.film_decouple,
        zeta_norm=parameters.zeta_norm,
        unimodal_heads=parameters.unimodal_heads if parameters.unimodal_weight else "none",
    )
    return model.to(memory_format=torch.channels_last) if parameters.channels_last else model
