"""From parameters to the network, its modulation and its optimiser; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from mmlib.experiments.classification.parameters import Parameters
from mmlib.fusion import SimAM2Options
from mmlib.models import AudioVisualClassifier, build_classifier
from mmlib.modulation import Modulation, build_modulation
from mmlib.training.optimisation import build_optimizer, build_scheduler


def simam2_options(parameters: Parameters) -> SimAM2Options | None:
    """SimAM²'s readings of the paper, None where it is not used."""
    if not parameters.simam2:
        return None
    return SimAM2Options(
        zeta=parameters.zeta,
        zeta_input=parameters.zeta_input,
        zeta_norm=parameters.zeta_norm,
        gate=parameters.simam2_gate,
        stat_axis=parameters.simam2_stat_axis,
        ddof=parameters.simam2_ddof,
        lambda_u=parameters.simam2_lambda,
        s=parameters.simam2_s,
        degradation=parameters.simam2_degradation,
        var_over=parameters.simam2_var_over,
        var_max=parameters.simam2_var_max,
        r_eval=parameters.simam2_r_eval,
        r_grad=parameters.simam2_r_grad,
        r_reduce=parameters.simam2_r_reduce,
        concat_scale=parameters.concat_scale,
        concat_stats=parameters.concat_stats,
    )


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


def build_training(parameters: Parameters, model: AudioVisualClassifier) -> tuple[Optimizer, LRScheduler, Modulation]:
    """Optimiser, schedule, and the modulation attached to the optimiser."""
    optimizer = build_optimizer(
        model.parameters(),
        parameters.optimizer,
        parameters.learning_rate,
        parameters.momentum,
        parameters.weight_decay,
    )
    scheduler = build_scheduler(
        optimizer, parameters.schedule, parameters.epochs, parameters.step_size, parameters.gamma
    )
    modulation = build_modulation(
        parameters.modulation,
        model.modality_parameters(),
        alpha=parameters.alpha,
        window=(parameters.modulation_start, parameters.modulation_end),
        seed=parameters.seed,
        zeta_ratio=parameters.zeta_ratio,
    )
    return optimizer, scheduler, modulation.attach(optimizer)
