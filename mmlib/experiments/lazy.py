"""Functions that load their module when they are called: parameters are cheap to import, what computes is not."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazy(place: str) -> Callable[[Any], Any]:
    """The function at "module:name", which is imported at its first call.

        run = lazy("mmlib.experiments.classification.experiment:run")

    Staleness reads that text as an import of the module (`mmlib.workbook.fingerprint`): write it out.
    """
    module, _, name = place.partition(":")

    def call(parameters: Any) -> Any:
        return getattr(import_module(module), name)(parameters)

    call.__name__ = call.__qualname__ = name
    call.__module__ = module.rpartition(".")[0]
    call.__doc__ = f"Call `{module}.{name}` with parameters, and return what it gives."
    return call
