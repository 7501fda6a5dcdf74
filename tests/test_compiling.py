"""torch.compile: the same numbers, and a reason where it does not work."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmlib import compiling
from mmlib.compiling import Compiled, compile_module


class Broken(RuntimeError):
    """Stands for what a compiler raises."""


Broken.__module__ = "torch._dynamo.exc"


def failing(function, **_):
    def call(*args, **kwargs):
        raise Broken("no code for this\nand a long story")

    return call


def test_what_the_compiler_cannot_do_runs_uncompiled_and_is_said_once(monkeypatch):
    monkeypatch.setattr(torch, "compile", failing)
    said = []
    double = Compiled(lambda x: 2 * x, said.append)
    assert [double(1), double(2)] == [2, 4]
    assert said == ["not compiled, which changes the speed alone: Broken: no code for this"]
    assert double.reason == "Broken: no code for this"
    assert copy.deepcopy(double)(4) == 8


def test_an_error_of_the_function_itself_is_not_taken_for_the_compilers(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    said = []
    with pytest.raises(ZeroDivisionError):
        Compiled(lambda x: x / 0, said.append)(1)
    assert said == []


def test_without_a_toolchain_a_module_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(torch, "compile", failing)
    compiling.compiler_problem.cache_clear()
    layer, said, x = nn.Linear(3, 2), [], torch.ones(1, 3)
    expected = layer(x)
    assert compile_module(layer, torch.device("cpu"), said.append).reason is not None
    assert torch.equal(layer(x), expected)
    assert len(said) == 1
    assert list(layer.state_dict()) == ["weight", "bias"]
    compiling.compiler_problem.cache_clear()


def test_compiled_code_is_called_and_hooks_with_it(monkeypatch):
    """Without starting the compiler, which takes half a minute: what torch.compile gives is what runs."""
    ran = []

    def compiled(function, **options):
        def call(*args, **kwargs):
            ran.append(options)
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(torch, "compile", compiled)
    compiling.compiler_problem.cache_clear()
    layer = nn.Linear(3, 2)
    layer.register_forward_pre_hook(lambda module, given: (2 * given[0],))
    expected = layer(torch.ones(1, 3))
    compile_module(layer, torch.device("cpu"))
    ran.clear()
    assert_close(layer(torch.ones(1, 3)), expected)
    assert ran == [{"dynamic": False}], "each size of batch has code of its own"
    assert copy.deepcopy(layer)._compiled_call_impl is None
    compiling.compiler_problem.cache_clear()
