"""A run from a shell, `python -m mmlib.experiments.TASK name=value ...`: what every task's `__main__` does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from mmlib.errors import MMLibError
from mmlib.parameters.arguments import parse_settings
from mmlib.parameters.base import ExperimentParameters


def main(schema: type[ExperimentParameters], run: Callable[[Any], Any], arguments: Sequence[str]) -> int:
    """Run with `name=value` arguments and say where the result lies; returns an exit code of `mmlib.errors`."""
    try:
        parameters = schema.resolve(parse_settings(list(arguments)))
        run(parameters)
    except MMLibError as error:
        print(f"mmlib: {error}", file=sys.stderr)
        return error.exit_code
    print(f"result: {parameters.output_folder()}")
    return 0
