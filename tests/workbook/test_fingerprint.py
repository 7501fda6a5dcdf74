"""Hashes follow content: touch is nothing, an edit is stale where it is imported and nowhere else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mmlib.errors import UsageError
from mmlib.workbook.fingerprint import Fingerprints, ImportClosure, read_notebook, why_stale

FILES = {
    "pack/__init__.py": "",
    "pack/task.py": "from .deep import helper\nimport pack.plain\n\ndef run():\n    from pack import lazy\n",
    "pack/deep/__init__.py": "from . import inner",
    "pack/deep/helper.py": "",
    "pack/deep/inner.py": "from .. import cousin",
    "pack/cousin.py": "import importlib\nimportlib.import_module('pack.byname')",
    "pack/byname.py": "def load(name): return f'pack.plugins.{name}'",
    "pack/plugins/__init__.py": "",
    "pack/plugins/one.py": "",
    "pack/plain.py": "import os, numpy",
    "pack/lazy.py": "import mmlib.files",
    "pack/report.py": "import pack.task",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, source in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return tmp_path


def closure(tree: Path) -> dict[str, str]:
    return ImportClosure([tree]).files("pack.task")


def test_closure_follows_every_kind_of_import(tree):
    names = set(closure(tree))
    assert names >= set(FILES) - {"pack/report.py"}
    assert {"mmlib/files.py", "mmlib/errors.py", "mmlib/__init__.py"} <= names
    assert "pack/report.py" not in names


@pytest.mark.parametrize("name", sorted(set(FILES) - {"pack/report.py"}))
def test_touch_is_nothing_and_edit_is_seen(tree, name):
    before = closure(tree)
    os.utime(tree / name, (1, 1))
    assert closure(tree) == before
    (tree / name).write_text(FILES[name] + "\n# changed\n")
    after = closure(tree)
    assert {key for key in after if after[key] != before[key]} == {name}


def test_editing_what_is_not_imported_changes_nothing(tree):
    before = closure(tree)
    (tree / "pack/report.py").write_text("x = 1")
    assert closure(tree) == before


def test_unknown_module_and_syntax_error_are_messages(tree):
    with pytest.raises(UsageError, match="no module 'absent.task'"):
        ImportClosure([tree]).files("absent.task")
    with pytest.raises(UsageError, match="no module 'pack.absent'"):
        ImportClosure([tree]).files("pack.absent")
    (tree / "pack/plain.py").write_text("def (")
    with pytest.raises(UsageError, match=r"plain.py, line 1"):
        closure(tree)


def test_library_of_the_classification_experiment_leaves_the_report_out():
    files = Fingerprints(Path()).library("mmlib.experiments.classification")
    assert "mmlib/experiments/classification/parameters.py" in files
    assert not {"mmlib/cli.py", "mmlib/workbook/running/runner.py", "mmlib/report/report.py"} & set(files)


def edit_notebook(path: Path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_notebook_hash_is_of_code_and_metadata_only(toy):
    path = toy.root / "notebooks" / "toy.ipynb"
    before = read_notebook(path).hash
    prose = {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "words"}
    edit_notebook(path, lambda n: n["cells"].insert(0, prose))
    edit_notebook(path, lambda n: n["cells"][1]["outputs"].append({"output_type": "stream"}))
    edit_notebook(path, lambda n: n["metadata"].update(language_info={}))
    assert read_notebook(path).hash == before
    edit_notebook(path, lambda n: n["cells"][1].update(source="seed: int = 1"))
    after = read_notebook(path).hash
    assert after != before
    edit_notebook(path, lambda n: n["metadata"]["mmlib"].update(more=1))
    assert read_notebook(path).hash != after


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
