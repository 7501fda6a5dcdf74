"""From shared parameters (`mmlib.experiments.settings`) to objects; nothing here computes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from mmlib.experiments.base import DataFacts, Setup
from mmlib.experiments.settings import FusionSettings, IEMFSettings, ModulationSettings, RecipeSettings, SimAM2Settings
from mmlib.fusion import SimAM2Options
from mmlib.modulation import Modulation, build_modulation
from mmlib.training import Task
from mmlib.training.optimisation import build_optimizer, build_scheduler, parameter_groups

# Options of SimAM² whose setting is not called `simam2_<option>` or, in `FusionSettings`, like the option itself.
SETTING_OF = {"lambda_u": "simam2_lambda"}


def simam2_setting(option: str, settings: type[SimAM2Settings]) -> str | None:
    """The setting that holds an option of `SimAM2Options`; None where these settings leave it at its default."""
    prefixed = SETTING_OF.get(option, f"simam2_{option}")
    if prefixed in settings.model_fields:
        return prefixed
    own = issubclass(settings, FusionSettings) and option in FusionSettings.model_fields
    return option if own else None


def simam2_options(parameters: SimAM2Settings) -> SimAM2Options | None:
    """SimAM²'s readings of the paper, None where it is not used."""
    if not parameters.simam2:
        return None
    settings = {option.name: simam2_setting(option.name, type(parameters)) for option in fields(SimAM2Options)}
    return SimAM2Options(**{option: getattr(parameters, name) for option, name in settings.items() if name})


def optimizer_and_schedule(
    parameters: RecipeSettings, model: nn.Module, apart: Iterable[nn.Parameter] = ()
) -> tuple[Optimizer, LRScheduler]:
    """The recipe's optimiser over all of the model's parameters, and its schedule, stepped once an epoch.

    Those `apart` come last, in parameter groups of their own, so that their learning rate can be another.
    """
    apart = list(apart)
    others = {id(parameter) for parameter in apart}
    optimizer = build_optimizer(
        [parameter for parameter in model.parameters() if id(parameter) not in others],
        parameters.optimizer,
        parameters.learning_rate,
        parameters.momentum,
        parameters.weight_decay,
        decay_1d=parameters.decay_1d,
        nesterov=parameters.nesterov,
    )
    groups = [{"params": apart}] if parameters.decay_1d else parameter_groups(apart, parameters.weight_decay)
    for group in groups if apart else ():
        optimizer.add_param_group(group)
    schedule = (parameters.schedule, parameters.epochs, parameters.step_size, parameters.gamma)
    options = {"unit": parameters.step_unit, "most_drops": parameters.most_drops}
    return optimizer, build_scheduler(optimizer, *schedule, **options)


def attached_modulation(
    parameters: ModulationSettings,
    groups: Mapping[str, Iterable[nn.Parameter]],
    optimizer: Optimizer,
    *,
    seed: int,
    **options: object,
) -> Modulation:
    """The modulation of these parameter groups, attached to the optimiser; `options` go to `build_modulation`."""
    modulation = build_modulation(
        parameters.modulation,
        groups,
        alpha=parameters.alpha,
        window=(parameters.modulation_start, parameters.modulation_end),
        seed=seed,
        zeta_ratio=parameters.zeta_ratio,
        **options,
    )
    return modulation.attach(optimizer)


def iemf_options(parameters: IEMFSettings) -> dict[str, Any]:
    """What `mmlib.modulation.IEMF` is given beside the layer that it acts on and its seed."""
    return {
        "gain": parameters.iemf_gain,
        "scores": parameters.iemf_scores,
        "scaling": parameters.iemf_scaling,
        "noise": parameters.iemf_noise,
        "window": (parameters.iemf_start, parameters.iemf_end),
        "apply_to": parameters.iemf_apply_to,
    }


def iemf_notes(parameters: IEMFSettings) -> list[str]:
    """What a record must say of IEMF's settings in words."""
    if parameters.iemf and parameters.iemf_noise and parameters.iemf_apply_to != "grad":
        return [f"IEMF scales the {parameters.iemf_apply_to.replace('_', ' ')}: no noise is added, as published"]
    return []


def build_setup(
    parameters: RecipeSettings,
    model: nn.Module,
    task: Task,
    loaders: Mapping[str, Any],
    facts: DataFacts,
    *,
    groups: Mapping[str, Iterable[nn.Parameter]] | None = None,
    modulation_options: Mapping[str, object] | None = None,
    **more: Any,
) -> Setup:
    """A stage that trains all of `model` by one recipe; `model` is on its device.

    `groups` are the parameters that the recipe's modulation changes, None where the task has none; `more` goes to
    `Setup`. The weights kept are those of `clean`, of `paper` where there is no validation split.
    """
    optimizer, scheduler = optimizer_and_schedule(parameters, model)
    modulations: Sequence[Modulation] = ()
    if groups is not None:
        options = {"seed": parameters.seed, **(modulation_options or {})}
        modulations = [attached_modulation(parameters, groups, optimizer, **options)]
    return Setup(
        model=model,
        task=task,
        loaders=loaders,
        facts=facts,
        optimizer=optimizer,
        scheduler=scheduler,
        modulations=modulations,
        keep_weights_of="clean" if "validation" in loaders else "paper",
        **more,
    )
