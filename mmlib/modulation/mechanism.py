"""How a modulation acts: coefficients by named parameter group, applied when an optimiser steps.

It knows no method: a policy (`mmlib.modulation.policy`) says what the coefficients are, and may change gradients in
another way than scaling them. It attaches with the optimiser's own step hooks, so any loop will do. With
`torch.amp.GradScaler`, `scaler.step(optimizer)` unscales first and a step that is skipped for overflow is not
modulated; fused optimisers unscale inside, which changes nothing here, because every change is proportional to the
gradient. Clipping before `optimizer.step()` clips the plain gradient. With several optimisers, attach to each.

Several modulations on one optimiser compose: each has its own groups, window and noise, and where two share a
parameter their coefficients multiply, in the order in which they were attached.

The noise depends on the seed, the number of the step, the group and the method alone, so that replicas of a
distributed run stay equal, and a resumed run repeats what it would have done.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from mmlib.errors import ParameterError, UsageError
from mmlib.modulation.stepping import ApplyTo, StepScaling, check_apply_to
from mmlib.modulation.tensors import Tensors, changed_tensors

Generators = Mapping[torch.device, torch.Generator]


class _WhenAsked(Generators):
    """A generator for each device, all from one seed; made when asked for, because many a method draws no noise."""

    def __init__(self, entropy: tuple[int, ...], devices: set[torch.device]) -> None:
        self._entropy, self._devices = entropy, devices
        self._made: dict[torch.device, torch.Generator] = {}

    def __getitem__(self, device: torch.device) -> torch.Generator:
        if device not in self._devices:
            raise KeyError(device)
        if device not in self._made:
            seed = int(np.random.SeedSequence(self._entropy).generate_state(1, np.uint64)[0])
            self._made[device] = torch.Generator(device).manual_seed(seed)
        return self._made[device]

    def __iter__(self) -> Iterator[torch.device]:
        return iter(self._devices)

    def __len__(self) -> int:
        return len(self._devices)


class Mechanism:
    """Changes the gradients, or the steps, of named parameter groups.

    Args:
        groups: parameters by name, usually each modality's encoder: `{"visual": ..., "audio": ...}`; any names do.
        window: first and last epoch (both inclusive, counted from 0) in which gradients are changed; None for always.
        seed: of the noise.
        tensors: which parameters are changed: `conv` (4-D tensors, as published), `matrices` (2-D and up) or `all`.
        apply_to: what the coefficient scales: the gradient (`grad`, as published; an optimiser that normalises by the
            gradient's size, such as Adam, cancels a constant one), the update that follows from it (`step`), or the
            `learning_rate` of that step, see `mmlib.modulation.stepping`.

    Raises:
        ParameterError: for an empty group, or a setting out of range.
    """

    noise_salt: ClassVar[int | None] = None
    """Part of the noise's seed: None takes it from the name of the class, 0 is the published stream of OGM-GE."""

    def __init__(
        self,
        groups: Mapping[str, Iterable[nn.Parameter]],
        *,
        window: tuple[int, int] | None = (0, 50),
        seed: int = 0,
        tensors: Tensors = "conv",
        apply_to: ApplyTo = "grad",
    ) -> None:
        check_apply_to(type(self).__name__, apply_to)
        if window is not None and window[0] > window[1]:
            raise ParameterError(f"{type(self).__name__}: window {window} ends before it starts.")
        self.groups = changed_tensors(type(self).__name__, groups, tensors)
        self.window = window
        self.seed = seed
        self.apply_to = apply_to
        self.epoch = 0
        self.step = 0  # updates begun so far; seeds the noise
        self.coefficients: dict[str, Tensor] = {}
        self.observed = False  # whether a batch was observed since the last update
        self._updated: set[int] = set()  # optimisers that have stepped since the last observe
        self._hooks: list[Any] = []
        self._scaling = StepScaling(apply_to)

    @torch.no_grad()
    def change(self, gradients: list[Tensor], coefficient: Tensor, generators: Generators) -> None:
        """Change one group's gradients in place: scale them."""
        torch._foreach_mul_(gradients, coefficient)

    def attach(self, optimizer: torch.optim.Optimizer) -> Self:
        """Change the gradients whenever `optimizer` steps. Raises `UsageError` if it holds none of the parameters."""
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if not any(id(p) in held for parameters in self.groups.values() for p in parameters):
            raise UsageError(
                f"{type(self).__name__}: the optimizer holds none of the parameters of its groups "
                f"({', '.join(self.groups)}). Build both from the same model."
            )
        self._hooks.append(optimizer.register_step_pre_hook(lambda stepping, args, kwargs: self._before_step(stepping)))
        if self.apply_to != "grad":
            self._hooks.append(optimizer.register_step_post_hook(lambda stepping, *_: self._scaling.after(stepping)))
        return self

    def detach(self) -> None:
        """Leave all optimisers alone from now on."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def set_epoch(self, epoch: int) -> None:
        """Tell the epoch, counted from 0; without it every step counts as epoch 0."""
        self.epoch = epoch

    @property
    def active(self) -> bool:
        """Whether the present epoch lies in the window."""
        return self.window is None or self.window[0] <= self.epoch <= self.window[1]

    def begin_update(self) -> bool:
        """Called by a policy for every batch it observes; True for the first one of an update."""
        first = not self.observed or bool(self._updated)
        if first:
            self.step += 1
            self._updated.clear()
        self.observed = True
        return first

    @torch.no_grad()
    def _before_step(self, optimizer: torch.optim.Optimizer) -> None:
        if not self.active:
            self._updated.add(id(optimizer))
            return
        if not self.observed or id(optimizer) in self._updated:
            raise UsageError(
                f"{type(self).__name__}: the optimizer steps, but no batch was observed since its last step. Call "
                "observe(...) in every training step, or detach() the modulation."
            )
        self._updated.add(id(optimizer))
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        changes = []
        for name, group in self.groups.items():
            parameters = [p for p in group if p.grad is not None and id(p) in held]
            gradients = [p.grad for p in parameters]
            if gradients:
                coefficient = self._scaling.before(optimizer, parameters, self.coefficients[name])
                generators = self._generators(name, {gradient.device for gradient in gradients})
                changes.append((gradients, coefficient, generators))
        if torch.get_num_threads() > 1 and all(g.device.type == "cpu" for gradients, *_ in changes for g in gradients):
            # Drawing noise is serial on a CPU; each group has generators of its own, so this changes no result.
            with ThreadPoolExecutor(len(self.groups)) as pool:
                for done in [pool.submit(self.change, *change) for change in changes]:
                    done.result()
        else:
            for change in changes:
                self.change(*change)

    def _generators(self, name: str, devices: set[torch.device]) -> Generators:
        """A generator for each device, seeded by the seed, the step, the group and the method alone."""
        salt = zlib.crc32(type(self).__name__.encode()) if self.noise_salt is None else self.noise_salt
        entropy = (self.seed, self.step, list(self.groups).index(name), *([salt] if salt else []))
        return _WhenAsked(entropy, devices)

    def state_dict(self) -> dict[str, int]:
        """What a resumed run needs, taken between two steps: plain numbers."""
        return {"step": self.step, "epoch": self.epoch, "seed": self.seed}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Continue from `state_dict()`."""
        self.step, self.epoch, self.seed = (int(state[name]) for name in ("step", "epoch", "seed"))
        self.observed = False
        self._updated.clear()
