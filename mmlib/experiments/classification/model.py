"""From parameters to the network; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from mmlib.experiments.building import simam2_options
from mmlib.experiments.classification.parameters import Parameters
from mmlib.models import AudioVisualClassifier, build_classifier


def build_model(
    parameters: Parameters, input_shapes: Mapping[str, tuple[int, ...]], num_classes: int
) -> AudioVisualClassifier:
    """The classifier for inputs of these shapes (one sample, channels first), on the CPU, from the global generator."""
    model = build_classifier(
        parameters.encoder,
        num_classes=num_classes,
        fusion=parameters.fusion,
        feature_channels=parameters.feature_channels,
        audio_channels=input_shapes["audio"][0],
        visual_channels=input_shapes["visual"][0],
        simam=parameters.simam,
        simam2=simam2_options(parameters),
        sum_site=parameters.sum_site,
        film_generator=parameters.film_generator,
        film_decouple=parameters.film_decouple,
        zeta_norm=parameters.zeta_norm,
    )
    return model.to(memory_format=torch.channels_last) if parameters.channels_last else model
