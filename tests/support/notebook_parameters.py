"""The parameters cell of a notebook against the library's parameters."""

from __future__ import annotations

import ast
import json
from pathlib import Path

from mmlib.parameters.base import ExperimentParameters


def assert_parameters_of(notebook: Path, parameters: type[ExperimentParameters]) -> None:
    """The first code cell gives every parameter its default, and comments it with its description."""
    cells = [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]
    source = "".join(cells[0]["source"])
    body = ast.parse(source).body
    assert {node.target.id: ast.literal_eval(node.value) for node in body} == parameters().model_dump()
    for node in body:
        description = parameters.model_fields[node.target.id].description
        assert source.splitlines()[node.lineno - 1].split("  # ", 1)[1] == description
