"""`mmlib open`: a copy under the outputs, JupyterLab's command and environment, and messages. No browser is started."""

from __future__ import annotations

import os
import sys

import pytest
from typer.testing import CliRunner

from mmlib import cli
from mmlib.commands import open as opens
from mmlib.errors import UsageError


@pytest.fixture
def started(monkeypatch):
    """Where a process would have become JupyterLab: (program, arguments, environment)."""
    calls = []
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call))
    monkeypatch.setattr(opens, "is_root", lambda: False)
    return calls


def test_opens_a_copy_and_leaves_the_project_alone(project, tmp_path, started, capsys):
    before = (project / "notebooks" / "classification.ipynb").read_bytes()
    opens.open_notebook("classification", tmp_path / "new", browser=False, port=8899)
    ((program, command, environment),) = started
    copy = tmp_path / "new" / "interactive" / "notebooks" / "classification.ipynb"
    assert program == sys.executable
    assert command[1:] == ["-P", "-m", "jupyterlab", str(copy), "--no-browser", "--port=8899"]
    assert copy.read_bytes() == before
    assert environment["MMLIB_OUTPUTS"] == str(tmp_path / "new")
    assert environment["MMLIB_PROJECT"] == str(project)
    assert "MPLBACKEND" not in environment, "a notebook's figures appear in its page"
    assert str(copy) in capsys.readouterr().out


def test_what_was_changed_stays_and_a_fresh_copy_keeps_it_too(project, tmp_path, started, capsys):
    notebook = project / "notebooks" / "explorer.ipynb"
    copy, said = opens.own_copy(notebook, tmp_path)
    assert said == "a copy of explorer.ipynb"
    assert opens.own_copy(notebook, tmp_path) == (copy, "your copy of explorer.ipynb, as it is in the project")
    copy.write_text("mine")
    again, said = opens.own_copy(notebook, tmp_path)
    assert again.read_text() == "mine"
    assert "with your changes; --fresh" in said
    fresh, said = opens.own_copy(notebook, tmp_path, fresh=True)
    assert fresh.read_bytes() == notebook.read_bytes()
    assert "kept as explorer-1.ipynb" in said
    assert copy.with_name("explorer-1.ipynb").read_text() == "mine"


def test_root_says_so_and_is_told_how(project, tmp_path, started, monkeypatch):
    monkeypatch.setattr(opens, "is_root", lambda: True)
    with pytest.raises(UsageError, match="does not start for root.*with --allow-root"):
        opens.open_notebook("classification", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert started == []
    opens.open_notebook("classification", tmp_path / "new", allow_root=True)
    ((_, command, _),) = started
    assert command[-1] == "--allow-root"


@pytest.mark.parametrize("name", ["classification.ipynb", "notebooks/classification.ipynb", "classification"])
def test_a_name_may_be_written_as_a_path(project, name):
    assert opens.find_notebook(name) == project / "notebooks" / "classification.ipynb"


def test_an_unknown_name_lists_the_notebooks(project):
    with pytest.raises(UsageError, match=r"'clasification' \(did you mean 'classification'\?\); there are") as caught:
        opens.find_notebook("clasification")
    for path in (project / "notebooks").glob("*.ipynb"):
        assert f"\n  {path.stem} " in str(caught.value)
    assert "Audio-visual classification" in str(caught.value), "and says what each is about"


def test_without_a_name_the_notebooks_are_listed():
    done = CliRunner().invoke(cli.app, ["open"])
    assert done.exit_code == 0
    assert "question_answering" in done.output


def test_a_python_without_jupyterlab_is_told(project, tmp_path, monkeypatch):
    monkeypatch.setattr(opens.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="JupyterLab is not installed for .*pip install -r requirements.lock"):
        opens.open_notebook("classification", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_told(project, tmp_path):
    (tmp_path / "interactive").write_text("a file")
    with pytest.raises(opens.OutputsError, match="choose another folder with --outputs"):
        opens.own_copy(project / "notebooks" / "explorer.ipynb", tmp_path)
