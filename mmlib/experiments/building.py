"""From shared parameters (`mmlib.experiments.settings`) to objects; nothing here computes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from mmlib.experiments.settings import FusionSettings, ModulationSettings, RecipeSettings, SimAM2Settings
from mmlib.fusion import SimAM2Options
from mmlib.modulation import Modulation, build_modulation
from mmlib.training import Protocol
from mmlib.training.optimisation import build_optimizer, build_scheduler


def simam2_options(parameters: SimAM2Settings) -> SimAM2Options | None:
    """SimAM²'s readings of the paper, None where it is not used."""
    if not parameters.simam2:
        return None
    options = {
        "gate": parameters.simam2_gate,
        "stat_axis": parameters.simam2_stat_axis,
        "ddof": parameters.simam2_ddof,
        "lambda_u": parameters.simam2_lambda,
        "s": parameters.simam2_s,
        "degradation": parameters.simam2_degradation,
        "var_over": parameters.simam2_var_over,
        "var_max": parameters.simam2_var_max,
        "r_eval": parameters.simam2_r_eval,
        "r_grad": parameters.simam2_r_grad,
        "r_reduce": parameters.simam2_r_reduce,
    }
    if isinstance(parameters, FusionSettings):
        names = ("zeta", "zeta_input", "zeta_norm", "concat_scale", "concat_stats")
        options |= {name: getattr(parameters, name) for name in names}
    return SimAM2Options(**options)


def optimizer_and_schedule(parameters: RecipeSettings, model: nn.Module) -> tuple[Optimizer, LRScheduler]:
    """The recipe's optimiser over all of the model's parameters, and its schedule, stepped once an epoch."""
    optimizer = build_optimizer(
        model.parameters(),
        parameters.optimizer,
        parameters.learning_rate,
        parameters.momentum,
        parameters.weight_decay,
        decay_1d=parameters.decay_1d,
        nesterov=parameters.nesterov,
    )
    schedule = (parameters.schedule, parameters.epochs, parameters.step_size, parameters.gamma)
    options = {"unit": parameters.step_unit, "most_drops": parameters.most_drops}
    return optimizer, build_scheduler(optimizer, *schedule, **options)


def chosen_protocols(parameters: RecipeSettings, protocols: Mapping[str, Protocol]) -> dict[str, Protocol]:
    """The protocols, `paper` choosing among the epochs and between equal ones as the recipe says.

    The others choose among all: every epoch is evaluated, whichever published code evaluates.
    """
    candidates = (parameters.select_every, parameters.select_from, parameters.select_ties)
    return {name: p.among(*candidates) if name == "paper" else p for name, p in protocols.items()}


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
