"""The notebooks that train: their parameters are the library's, and they run from top to bottom.

nbval runs each of them with its own defaults. Here papermill gives other parameters (the methods the defaults leave
out), and the pictures, players and the record that come of it are checked.
"""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass, field
from importlib import import_module

import papermill
import pytest
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from mmlib.record import read_result

SMALL = {"synthetic_samples": 100, "epochs": 2, "feature_channels": 8}
PEOPLE = {"synthetic_train_identities": 12, "synthetic_validation_identities": 5, "synthetic_test_identities": 12}
FACES = {**PEOPLE, "synthetic_rows": 8, "synthetic_test_rows": 10, "batch_size": 32, "bootstrap_draws": 20}

CLIPS = {"synthetic_clips": 60, "synthetic_classes": 4, "hidden": 6, "epochs": 2, "batch_size": 16}
STEPS = {"synthetic_classes": 6, "synthetic_steps": 3, "synthetic_train_clips": 12, "memory_size": 12, "epochs": 2}
SENTIMENT = {"synthetic_samples": 60, "synthetic_steps": 6, "feature_channels": 10, "epochs": 2}
QUESTIONS = {"synthetic_clips": 40, "feature_channels": 8, "epochs": 2, "network": "avst", "pretrain_epochs": 1}
SHOWN = {"classification": {"simam2": True, "zeta": "learned", "modulation": "decoupling_free"}}
"""Values with which a notebook opens, where they are not the library's: it shows the paper's method."""
PLAIN = {"simam2": False, "zeta": "half", "modulation": "none"}
METHOD = {"simam2": True, "zeta": "learned", "modulation": "decoupling_free"}


@dataclass(frozen=True)
class Notebook:
    """`runs`: parameters of runs of a second or two; what each of them shows; a mistake and what it is answered."""

    runs: tuple[dict, ...] = ()
    pictures: int = 0
    players: int = 0
    mistake: tuple[dict, str] = field(default_factory=lambda: ({"optimizer": "adm"}, "did you mean 'adam'"))


NOTEBOOKS = {
    "classification": Notebook(
        ({**SMALL, **PLAIN}, SMALL),
        pictures=5,
        players=3,
        mistake=({"fusion": "fiml"}, "did you mean 'film'"),
    ),
    "face_voice": Notebook(({**FACES, "epochs": 2, "simam2": True, "simam2_gate": "neg"},), pictures=6),
    "event_localization": Notebook((CLIPS, {**CLIPS, "network": "psp", **METHOD}), pictures=9),
    "continual": Notebook(
        ({**STEPS, "iemf": True}, {**STEPS, "method": "icarl_nme"}),
        pictures=7,
        mistake=({"method": "lfw"}, "did you mean 'lwf'"),
    ),
    "sentiment": Notebook(
        (SENTIMENT,),
        pictures=5,
        mistake=({"granularity": "sampel"}, "did you mean 'sample'"),
    ),
    "question_answering": Notebook(
        ({**QUESTIONS, "iemf": True, "unimodal_heads": "attached"},),
        pictures=6,
        mistake=({"network": "baselin"}, "did you mean 'baseline'"),
    ),
}
RUNS = [(name, run) for name, notebook in NOTEBOOKS.items() for run in range(len(notebook.runs))]


@pytest.fixture
def path(project, name):
    return project / "notebooks" / f"{name}.ipynb"


@pytest.fixture
def parameters(name):
    return import_module(f"mmlib.experiments.{name}").Parameters


@pytest.fixture
def cells(path):
    """{tag: source} of the cells of parameters: the five that are changed first, and all others."""
    found = [cell for cell in json.loads(path.read_text())["cells"] if cell["metadata"].get("tags")]
    return {cell["metadata"]["tags"][0]: "".join(cell["source"]) for cell in found}


@pytest.fixture
def parameters_cell(cells):
    return cells["first-parameters"] + "\n" + cells["parameters"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_names_and_defaults_are_those_of_the_library(name, cells, parameters):
    first, rest = ({node.target.id: node.value for node in ast.parse(cells[tag]).body} for tag in list(cells)[:2])
    again = {name: value.id for name, value in rest.items() if isinstance(value, ast.Name)}
    assert again == {name: name for name in first}, "papermill reads names in the second cell; values stay the first's"
    cell = {name: ast.literal_eval(value) for name, value in (rest | first).items()}
    assert set(cell) == set(parameters.model_fields), "same names; the notebook orders them for its reader"
    expected = parameters().model_dump() | SHOWN.get(name, {})
    assert cell == expected
    assert {name: type(value) for name, value in cell.items()} == {n: type(value) for n, value in expected.items()}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_papermill_puts_a_runs_values_below_all_of_them(path):
    given = {"epochs": 3}
    tags = [
        cell["metadata"].get("tags", [""]) for cell in parameterize_notebook(load_notebook_node(str(path)), given).cells
    ]
    kinds = [tag[0] for tag in tags if tag and tag[0]]
    assert kinds == ["first-parameters", "parameters", "injected-parameters"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_annotations_and_comments_are_those_of_the_library(parameters_cell, parameters):
    lines = parameters_cell.splitlines()
    for node in ast.parse(parameters_cell).body:
        field = parameters.model_fields[node.target.id]
        assert lines[node.lineno - 1].split("  # ", 1)[1] == field.description
        kind = ast.unparse(node.annotation)
        assert kind == (type(field.default).__name__ if field.default is not None else kind)
        assert kind in ("str", "int", "float", "bool", "'Optional[float]'", "'Optional[int]'")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_papermill_understands_every_parameter(path, parameters):
    assert set(papermill.inspect_notebook(str(path))) == set(parameters.model_fields)


@pytest.mark.parametrize(("name", "run"), RUNS)
def test_runs_from_top_to_bottom(name, path, parameters, tmp_path, monkeypatch, run, execute):
    monkeypatch.setenv("MMLIB_OUTPUTS", str(tmp_path / "outputs"))
    notebook = NOTEBOOKS[name]
    given = {**notebook.runs[run], "output": str(tmp_path / "run")}
    executed = execute(path, tmp_path, given)
    result, problem = read_result(tmp_path / "run")
    assert problem is None
    assert result.parameters == parameters.resolve({**SHOWN.get(name, {}), **given}).model_dump()
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    players = [output for output in outputs if "<audio" in output.get("data", {}).get("text/html", "")]
    assert (len(pictures), len(players)) == (notebook.pictures, notebook.players)
    assert not any(output.get("name") == "stderr" for output in outputs)
    assert (tmp_path / "executed.ipynb").stat().st_size < 1_500_000
    if name == "face_voice":
        said = " ".join(output.get("data", {}).get("text/markdown", "") for output in outputs)
        assert "are bit-identical: whatever SimAM² changes here, it changes while training" in said


@pytest.mark.parametrize("name", dict(RUNS))
def test_a_wrong_parameter_stops_at_the_first_cell(name, path, tmp_path, execute):
    given, message = NOTEBOOKS[name].mistake
    with pytest.raises(papermill.PapermillExecutionError, match=message):
        execute(path, tmp_path, given)
