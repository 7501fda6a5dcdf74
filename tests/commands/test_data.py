"""`mmlib data corpus`, `prepare` and `check`, one after the other, as a person tries them."""

from __future__ import annotations

import inspect
import json
import re

import pytest
import typer
from prepared_folders import edit_manifest

from mmlib.commands import data as commands


def call(function, *arguments, **options):
    """A command's function with every option that is not given at its default."""
    defaults = {n: p.default for n, p in inspect.signature(function).parameters.items() if p.default is not p.empty}
    return function(*arguments, **(defaults | options))


@pytest.fixture
def corpus(tmp_path, capsys):
    call(commands.corpus, "folder", tmp_path / "raw", clips=4)
    return tmp_path, capsys.readouterr().out


def test_from_a_corpus_to_the_plans_that_it_unblocks(corpus, capsys):
    root, told = corpus
    planted = json.loads((root / "raw" / "planted.json").read_text())["planted"]
    for one in planted:
        assert f"{one['id']}: {one['what']} ({one['reason'] or 'must be kept'})" in told
    call(commands.prepare, "folder", source=root / "raw", out=root / "data", settings=["image_size=32"], processes=2)
    said = capsys.readouterr().out
    assert "folder: 20 listed, 19 found, 14 decoded, 6 skipped" in said
    assert "folder: listed train: " in said
    assert said.splitlines()[-1] == str(root / "data" / "folder")
    with pytest.raises(typer.Exit) as ended:
        call(commands.check, target="folder", data_root=root / "data", store=root / "store")
    assert ended.value.exit_code == 0
    checked = capsys.readouterr().out
    assert "serves 48 cells of table1 / folder" in checked
    assert "folder: sound; manifest" in checked
    assert "stand-in folder, 14 rows" in checked
    with pytest.raises(typer.Exit) as ended:
        call(commands.check, target=str(root / "data" / "folder"))
    assert ended.value.exit_code == 0
    assert re.search(r"serves 48 cells of table1 / folder with --data-root \S*folder", capsys.readouterr().out)
    edit_manifest(root / "data" / "folder", lambda manifest: manifest["counts"].update(skipped=0))
    assert commands.check_folder(root / "data" / "folder") == 3
    assert "counts.skipped is 0, the folder has 6" in capsys.readouterr().out
