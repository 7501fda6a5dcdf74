"""From parameters to the network, the method, the optimiser and IEMF of one step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmlib.continual.methods import MethodOptions
from mmlib.data.randomness import mix
from mmlib.experiments.building import iemf_options
from mmlib.experiments.continual.parameters import Parameters
from mmlib.models.incremental import ClassifierName, IncrementalAudioVisual
from mmlib.modulation import IEMF


def method_options(parameters: Parameters) -> MethodOptions:
    """What the methods are told, under their own names."""
    return MethodOptions(
        temperature=parameters.temperature,
        double_sigmoid=parameters.icarl_double_sigmoid,
        contrast_temperature=parameters.contrast_temperature,
        instance_weight=parameters.instance_weight,
        class_weight=parameters.class_weight,
        class_average=parameters.class_average,
        attention_distillation=parameters.attention_distillation and attends(parameters),
        attention_balance=parameters.attention_balance,
        attention_factor=parameters.attention_factor,
        nca_form=parameters.afc_nca,
        margin=parameters.afc_margin,
        consolidation_weight=parameters.afc_weight,
        random_importance=parameters.afc_random_importance,
        seed=parameters.seed,
    )


def attends(parameters: Parameters) -> bool:
    """Whether there are tokens to attend to."""
    return parameters.visual_tokens == "all"


def has_heads(parameters: Parameters) -> bool:
    """Whether unimodal heads are built: IEMF alone trains them."""
    return parameters.iemf and parameters.unimodal_weight > 0


def build_model(
    parameters: Parameters, shapes: Mapping[str, tuple[int, ...]], num_classes: int, classifier: ClassifierName
) -> IncrementalAudioVisual:
    """The network for inputs of these shapes (one clip), on the CPU, drawn from the global generator."""
    return IncrementalAudioVisual(
        num_classes,
        audio_channels=shapes["audio"][-1],
        visual_channels=shapes["visual"][-1],
        feature_channels=parameters.feature_channels,
        activation=parameters.activation,
        attention=attends(parameters),
        classifier=classifier,
        unimodal_heads=parameters.unimodal_heads if has_heads(parameters) else "none",
        proxies=parameters.afc_proxies,
        keep_scale=parameters.afc_keep_scale,
    )


class StepIEMF(IEMF):
    """IEMF in one step. `keep_rate`: in published continual learning the layer's learning rate is written in every
    iteration of the window and never put back, so that its last value stays to the end of the step.
    """

    def __init__(self, *arguments: Any, keep_rate: bool = False, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.keep_rate = keep_rate

    def end_epoch(self, epoch: int, evaluations: Mapping[str, Mapping[str, float | None]]) -> None:
        """After the window's last epoch, which waits for the device; a checkpoint's optimiser then has the rate."""
        if not self.keep_rate or epoch != self.window[1]:
            return
        held = {id(parameter) for group in self.groups.values() for parameter in group}
        for group in self.optimizer.param_groups:
            if any(id(parameter) in held for parameter in group["params"]):
                group["lr"] = group["lr"] * float(self.coefficients["fusion"])

    def attach(self, optimizer: Any) -> StepIEMF:
        self.optimizer = optimizer
        return super().attach(optimizer)


def attach_iemf(parameters: Parameters, model: IncrementalAudioVisual, optimizer: Any, number: int) -> StepIEMF:
    """IEMF on the classifier, which alone sees both modalities, in step `number`."""
    iemf = StepIEMF(
        {"fusion": model.mixing_parameters()},
        seed=mix(parameters.seed, "iemf", number),
        keep_rate=parameters.iemf_keep_rate,
        **iemf_options(parameters),
    )
    return iemf.attach(optimizer)
