"""The contract of gradient modulation: observe a step, turn it into a coefficient per modality, change the gradients.

    modulation = OGMGE(model.modality_parameters(), alpha=0.8).attach(optimizer)
    for epoch in range(epochs):
        modulation.set_epoch(epoch)
        for inputs, targets in loader:
            output = model(inputs)
            modulation.observe(unimodal_logits=model.unimodal_logits(output), zeta=output.zeta, targets=targets)
            loss(output.logits, targets).backward()
            optimizer.step()              # the gradients are modulated here, by the optimiser's own step hook
            optimizer.zero_grad()

It works in any loop. With `torch.amp.GradScaler`, `scaler.step(optimizer)` unscales first and a step that is skipped
for overflow is not modulated; fused optimisers unscale inside, which changes nothing here, because every change is
proportional to the gradient. Clipping before `optimizer.step()` clips the plain gradient. The scores of all batches
observed since the last step count together, which is what gradient accumulation needs (and what a skipped step leaves
for the next one). With several optimisers, attach to each.

Under `torch.distributed` the scores are summed over all processes before ratios are formed, and the noise depends on
the seed and the number of the step alone, so replicas stay equal, and a resumed run repeats what it would have done.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mmlib.collectives import all_reduce_sum
from mmlib.errors import ParameterError, UsageError
from mmlib.modulation.ratios import coefficients
from mmlib.modulation.stepping import ApplyTo, check_apply_to, scale_step
from mmlib.modulation.touch import Touch, ordered_pair, touched_parameters

Generators = dict[torch.device, torch.Generator]


class Modulation(ABC):
    """Base of the modulations of two modalities; a subclass says what it scores and how scores become a ratio.

    Args:
        groups: the parameters of each modality, usually its encoder's: `{"visual": ..., "audio": ...}`.
        alpha: strength of the modulation, at least 0.
        window: first and last epoch (both inclusive, counted from 0) in which gradients are changed; None for always.
        seed: of the noise.
        touch: which parameters are changed: `conv` (4-D tensors, as published), `matrices` (2-D and up) or `all`.
        apply_to: what the coefficient scales: the gradient (`grad`, as published; an optimiser that normalises by the
            gradient's size, such as Adam, cancels a constant one) or the update that follows from it (`step`).

    Raises:
        ParameterError: for groups other than two modalities, an empty group, or a setting out of range.
    """

    needs: ClassVar[str] = ""
    """What `observe` needs and what provides it, for the error that says it is missing."""

    def __init__(
        self,
        groups: Mapping[str, Iterable[nn.Parameter]],
        *,
        alpha: float = 0.0,
        window: tuple[int, int] | None = (0, 50),
        seed: int = 0,
        touch: Touch = "conv",
        apply_to: ApplyTo = "grad",
    ) -> None:
        check_apply_to(type(self).__name__, apply_to)
        if alpha < 0:
            raise ParameterError(f"{type(self).__name__}: alpha is {alpha}; it must be at least 0.")
        if window is not None and window[0] > window[1]:
            raise ParameterError(f"{type(self).__name__}: window {window} ends before it starts.")
        self.groups = touched_parameters(type(self).__name__, groups, touch)
        self.modalities = ordered_pair(type(self).__name__, self.groups)
        self.alpha = alpha
        self.window = window
        self.seed = seed
        self.apply_to = apply_to
        self.epoch = 0
        self.step = 0  # updates begun so far; seeds the noise
        self.ratios: dict[str, Tensor] = {}
        self.coefficients: dict[str, Tensor] = {}
        self._scores: dict[str, Tensor] | None = None  # since the last update
        self._updated: set[int] = set()  # optimisers that have stepped since the last observe
        self._hooks: list[Any] = []
        self._before: list[tuple[list[Tensor], list[Tensor], Tensor]] = []  # of the running step, with apply_to="step"

    # What a method defines.

    @abstractmethod
    def scores(
        self, *, unimodal_logits: dict[str, Tensor] | None, zeta: Tensor | None, targets: Tensor | None
    ) -> dict[str, Tensor] | None:
        """0-d sums over this process's part of the batch, or None if what they need is missing."""

    @abstractmethod
    def ratio(self, scores: dict[str, Tensor]) -> Tensor:
        """Discrepancy ratio ρ of the first modality over the second, 0-d, from scores summed over the whole batch."""

    def coefficients_of(self, ratio: Tensor) -> dict[str, Tensor]:
        """Coefficient of each modality's gradients, 0-d."""
        return coefficients(ratio, self.alpha, self.modalities)

    @torch.no_grad()
    def change(self, gradients: list[Tensor], coefficient: Tensor, generators: Generators) -> None:
        """Change one modality's gradients in place: scale them."""
        torch._foreach_mul_(gradients, coefficient)

    # What a training loop calls.

    def attach(self, optimizer: torch.optim.Optimizer) -> Modulation:
        """Change the gradients whenever `optimizer` steps. Raises `UsageError` if it holds none of the parameters."""
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if not any(id(p) in held for parameters in self.groups.values() for p in parameters):
            raise UsageError(
                f"{type(self).__name__}: the optimizer holds none of the modalities' parameters. Build both from the "
                "same model."
            )
        self._hooks.append(optimizer.register_step_pre_hook(lambda stepping, args, kwargs: self._before_step(stepping)))
        if self.apply_to == "step":
            self._hooks.append(optimizer.register_step_post_hook(lambda *_: self._after_step()))
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

    @torch.no_grad()
    def observe(
        self,
        *,
        unimodal_logits: dict[str, Tensor] | None = None,
        zeta: Tensor | None = None,
        targets: Tensor | None = None,
        **_: Any,
    ) -> None:
        """Score a training batch; sets `ratios` and `coefficients`. Collective under `torch.distributed`.

        Args:
            unimodal_logits: class scores (B, K) or (B, T, K) of each modality alone.
            zeta: weight of the first modality, (B, C) or (B, T, C), in (0, 1).
            targets: class indices (B,) or (B, T); negative ones do not count.
            **_: anything else a fusion reports is ignored, so that one call serves every method.

        Raises:
            UsageError: if what the method needs is missing.
        """
        scores = self.scores(unimodal_logits=unimodal_logits, zeta=zeta, targets=targets)
        if scores is None:
            raise UsageError(f"{type(self).__name__} needs {self.needs}")
        totals = all_reduce_sum(torch.stack(list(scores.values())))
        scores = dict(zip(scores, totals.unbind(), strict=True))
        if self._scores is None or self._updated:  # the first observation of an update
            self.step += 1
            self._updated.clear()
        else:
            scores = {name: value + self._scores[name] for name, value in scores.items()}
        self._scores = scores
        ratio = self.ratio(scores)
        first, second = self.modalities
        self.ratios = {first: ratio, second: 1 / ratio}
        self.coefficients = self.coefficients_of(ratio)
        if not self.active:
            self.coefficients = {modality: torch.ones_like(ratio) for modality in self.modalities}

    @torch.no_grad()
    def _before_step(self, optimizer: torch.optim.Optimizer) -> None:
        if not self.active:
            self._updated.add(id(optimizer))
            return
        if self._scores is None or id(optimizer) in self._updated:
            raise UsageError(
                f"{type(self).__name__}: the optimizer steps, but no batch was observed since its last step. Call "
                "observe(...) in every training step, or detach() the modulation."
            )
        self._updated.add(id(optimizer))
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        changes = []
        for modality in self.modalities:
            parameters = [p for p in self.groups[modality] if p.grad is not None and id(p) in held]
            gradients = [p.grad for p in parameters]
            if gradients:
                coefficient = self.coefficients[modality]
                if self.apply_to == "step":
                    self._before.append((parameters, [p.detach().clone() for p in parameters], coefficient))
                    coefficient = torch.ones_like(coefficient)
                generators = self._generators(modality, {gradient.device for gradient in gradients})
                changes.append((gradients, coefficient, generators))
        if torch.get_num_threads() > 1 and all(g.device.type == "cpu" for gradients, *_ in changes for g in gradients):
            # Drawing noise is serial on a CPU; each modality has generators of its own, so this changes no result.
            with ThreadPoolExecutor(len(self.modalities)) as pool:
                for done in [pool.submit(self.change, *change) for change in changes]:
                    done.result()
        else:
            for change in changes:
                self.change(*change)

    @torch.no_grad()
    def _after_step(self) -> None:
        for parameters, before, coefficient in self._before:
            scale_step(parameters, before, coefficient)
        self._before.clear()

    def _generators(self, modality: str, devices: set[torch.device]) -> Generators:
        """A generator for each device, seeded by the seed, the step and the modality alone."""
        entropy = (self.seed, self.step, self.modalities.index(modality))
        state = int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])
        return {device: torch.Generator(device).manual_seed(state) for device in devices}

    def state_dict(self) -> dict[str, int]:
        """What a resumed run needs, taken between two steps: plain numbers."""
        return {"step": self.step, "epoch": self.epoch, "seed": self.seed}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Continue from `state_dict()`."""
        self.step, self.epoch, self.seed = (int(state[name]) for name in ("step", "epoch", "seed"))
        self._scores = None
        self._updated.clear()
