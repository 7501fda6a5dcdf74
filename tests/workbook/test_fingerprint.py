"""Hashes follow content: touch is nothing, an edit is stale where it is used and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmlib.errors import UsageError
from mmlib.workbook.fingerprint import Fingerprints, read_notebook, why_stale


def test_library_of_the_classification_experiment_leaves_the_report_out():
    files = Fingerprints(Path()).library("mmlib.experiments.classification")
    assert "mmlib/experiments/classification/parameters.py" in files
    assert not {"mmlib/cli.py", "mmlib/workbook/running/runner.py", "mmlib/report/build.py"} & set(files)


def edit_notebook(path: Path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_notebook_hash_is_of_code_and_metadata_only(toy):
    path = toy.root / "notebooks" / "toy.ipynb"
    before = read_notebook(path).hash
    prose = {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "words"}
    edit_notebook(path, lambda n: n["cells"].insert(0, prose))
    assert read_notebook(path).hash == before
    edit_notebook(path, lambda n: n["cells"][2].update(source=n["cells"][2]["source"] + "\nx = 1"))
    after = read_notebook(path).hash
    assert after != before
    edit_notebook(path, lambda n: n["metadata"]["mmlib"].update(more=1))
    assert read_notebook(path).hash != after


def save_as_jupyterlab(notebook: dict) -> None:
    """What running a notebook and saving it in JupyterLab changes."""
    for number, cell in enumerate(notebook["cells"]):
        cell["source"] = [line + "  \n" for line in cell["source"].split("\n")]
        cell["id"] = f"new-{number}"
        cell["metadata"] |= {"collapsed": False, "jupyter": {"source_hidden": True}, "scrolled": True}
        if cell["cell_type"] == "code":
            cell["execution_count"] = number
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "1"}]
    empty = {"cell_type": "code", "id": "empty", "metadata": {}, "source": [], "outputs": [], "execution_count": None}
    notebook["cells"].append(empty)
    notebook["metadata"]["kernelspec"] = {"display_name": "mine", "language": "python", "name": "mine"}
    notebook["metadata"]["language_info"] = {"name": "python", "version": "3.99"}
    notebook["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {"a": 1}}}
    notebook["nbformat_minor"] = 9


def test_running_and_saving_a_notebook_in_jupyterlab_changes_nothing(toy):
    path = toy.root / "notebooks" / "toy.ipynb"
    before = read_notebook(path).hash
    edit_notebook(path, save_as_jupyterlab)
    assert read_notebook(path).hash == before


def test_a_parameters_cell_counts_only_for_what_a_run_does_not_replace(toy):
    path = toy.root / "notebooks" / "toy.ipynb"
    before = read_notebook(path).hash
    added = "# Another recipe\nseed: int = 7\nscale: float = -2.5\nnew: 'Optional[float]' = None  # added\n"

    def write(source: str) -> str:
        edit_notebook(path, lambda n: n["cells"][0].update(source=source))
        return read_notebook(path).hash

    assert write(added) == before
    assert write(added + "import os\n") != before
    assert write(added + "helper = 3\n") != before, "no parameter, for it has no annotation: no run replaces it"
    assert write(added + "_hidden: int = 3\n") != before
    assert write(added + "seed: int = print('acts')\n") != before
    assert write("%matplotlib inline\n") != before


def test_the_cell_that_papermill_adds_does_not_count(toy):
    path = toy.root / "notebooks" / "toy.ipynb"
    before = read_notebook(path).hash
    cell = {"cell_type": "code", "id": "p", "metadata": {"tags": ["injected-parameters"]}, "source": "seed = 3"}
    edit_notebook(path, lambda n: n["cells"].insert(1, cell | {"outputs": [], "execution_count": None}))
    assert read_notebook(path).hash == before
    edit_notebook(path, lambda n: n["cells"][1]["metadata"].update(tags=["mine"]))
    assert read_notebook(path).hash != before


def test_bad_notebooks_are_messages(toy):
    path = toy.root / "notebooks" / "toy.ipynb"
    edit_notebook(path, lambda n: n["metadata"].pop("mmlib"))
    with pytest.raises(UsageError, match=r"metadata\.mmlib\.experiment"):
        read_notebook(path)
    path.write_text("not json")
    with pytest.raises(UsageError, match="not a readable notebook"):
        read_notebook(path)
    with pytest.raises(UsageError, match="no notebook"):
        read_notebook(path.with_name("absent.ipynb"))


def test_reason_names_the_files(toy):
    old = Fingerprints(toy.root).hashes("toy.ipynb", "d1")
    assert why_stale(old, Fingerprints(toy.root).hashes("toy.ipynb", "d1"), "toy.ipynb") is None
    with open(toy.root / "toy_experiment.py", "a") as stream:
        stream.write("# edit\n")
    (toy.root / "requirements.lock").write_text("numpy==2.1\n")
    reason = why_stale(old, Fingerprints(toy.root).hashes("toy.ipynb", "d2"), "toy.ipynb")
    assert reason == "library changed: toy_experiment.py; lock file changed: requirements.lock; data changed"
    assert why_stale(old, old.model_copy(update={"notebook": "x"}), "toy.ipynb") == "notebook changed: toy.ipynb"
