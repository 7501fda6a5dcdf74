"""Ask many parameter sets the same question, but only once per distinct answer.

A thousand cells share a handful of data sets, and finding a data set's hash reads its files. What an answer depends on
is what the question read: another parameter set with the same values in just those fields gets the same answer.
"""

from __future__ import annotations

import types
from typing import Any

from pydantic import BaseModel

from mmlib.parameters.base import ExperimentParameters


class FieldReader:
    """Stands in for parameters while one of their methods runs, and notes which fields it read.

    `complete` turns false when something else was read (a dump of all fields, say): then the answer is not shared.
    """

    def __init__(self, parameters: ExperimentParameters) -> None:
        self._parameters = parameters
        self._read: dict[str, Any] = {}
        self._complete = True

    def __getattr__(self, name: str) -> Any:
        schema = type(self._parameters)
        if name in schema.model_fields:
            self._read[name] = value = getattr(self._parameters, name)
            return value
        method = getattr(schema, name, None)
        if isinstance(method, types.FunctionType) and not hasattr(BaseModel, name):
            return types.MethodType(method, self)
        self._complete = False
        return getattr(self._parameters, name)


class Memo:
    """Answers of one method of parameters (``"prepare_data"``), by the fields it read."""

    def __init__(self, method: str) -> None:
        self.method = method
        self._answers: list[tuple[type, dict[str, Any], Any]] = []

    def __call__(self, parameters: ExperimentParameters) -> Any:
        for schema, read, answer in self._answers:
            if schema is type(parameters) and all(getattr(parameters, name) == read[name] for name in read):
                return answer
        reader = FieldReader(parameters)
        answer = getattr(type(parameters), self.method)(reader)
        if reader._complete:
            self._answers.append((type(parameters), reader._read, answer))
        return answer
