"""torch.compile where it works; plain PyTorch, with the reason said, where it does not.

A compiler can be missing (C++ for a CPU, Triton for a GPU) or fail on one model. A run must not end for that, and must
not hide it either. Every batch size gets code of its own (`dynamic=False`): which code a batch runs through depends on
its size alone, so that a resumed run repeats what it would have done.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class Compiled:
    """A function of tensors that is compiled when it is first called, or called as it is where that fails.

    Args:
        function: what is compiled.
        say: told once why `function` runs uncompiled; a warning unless given.

    Attributes: `reason`, why it runs uncompiled; None as long as it does not.
    """

    def __init__(self, function: Callable, say: Callable[[str], None] = warnings.warn) -> None:
        self.function, self.say = function, say
        self.reason: str | None = None
        self._fast: Callable | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.reason is None:
            try:
                if self._fast is None:
                    self._fast = torch.compile(self.function, dynamic=False)
                return self._fast(*args, **kwargs)
            except Exception as error:
                if not _of_the_compiler(error):
                    raise
                self.give_up(first_line(error))
        return self.function(*args, **kwargs)

    def give_up(self, reason: str) -> None:
        """Run uncompiled from now on."""
        self.reason, self._fast = reason, None
        self.say(f"not compiled, which changes the speed alone: {reason}")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_fast": None}  # copies compile for themselves


def compile_module(module: nn.Module, device: torch.device, say: Callable[[str], None] = warnings.warn) -> Compiled:
    """Let every call of `module` run compiled code; its parameters, buffers, hooks and names stay as they are.

    Whether there is a compiler for `device` at all is tried first, forwards and backwards: a gradient's code is made
    when it is first needed, in the middle of a step, where nothing could be done any more.
    """
    compiled = Compiled(module._call_impl, say)
    problem = compiler_problem(device.type)
    if problem is not None:
        compiled.give_up(problem)
    module._compiled_call_impl = compiled  # what nn.Module.compile sets
    return compiled


@functools.cache
def compiler_problem(device_type: str) -> str | None:
    """Why nothing can be compiled for this kind of device, in words; None where a small function could be."""
    try:
        x = torch.ones(8, device=device_type, requires_grad=True)
        with torch.enable_grad():
            torch.compile(lambda values: (values.sin() * 2).sum())(x).backward()
    except Exception as error:  # of the compiler, of the toolchain it starts, of a cache folder it cannot write
        return first_line(error)
    return None


def first_line(error: Exception) -> str:
    """Kind and first line of an error's text."""
    text = str(error).strip().partition("\n")[0][:160]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _of_the_compiler(error: Exception) -> bool:
    """Whether the compiler failed, not what it compiled."""
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor", "torch._functorch"))
