"""What was read of sources is believed while it is true, and costs nothing but time where it is not to be had."""

from __future__ import annotations

import ast
import json
import os

import pytest

from mmlib.seal import sealed
from mmlib.workbook import source
from mmlib.workbook.closure import ImportClosure
from mmlib.workbook.source import Facts, Source
from mmlib.workbook.source_memory import NAME, SourceMemory

FILES = {
    "pack/__init__.py": "",
    "pack/task.py": "from pack import near\n",
    "pack/near.py": "import pack.far\nclass Near: ...\n",
    "pack/far.py": "print('acts')\n",
}


@pytest.fixture
def tree(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.fixture
def memory(tmp_path):
    (tmp_path / "outputs").mkdir()
    return tmp_path / "outputs" / NAME


@pytest.fixture
def parsed(monkeypatch):
    """How often a source is parsed."""
    contents = []

    def parse(content, *rest):
        contents.append(content)
        return real(content, *rest)

    real = ast.parse
    monkeypatch.setattr(source.ast, "parse", parse)
    return contents


def files(tree, memory=None):
    return ImportClosure([tree], memory).files("pack.task")


def test_a_second_command_parses_packages_alone(tree, memory, parsed):
    expected = files(tree)
    assert files(tree, memory) == expected
    parsed.clear()
    assert files(tree, memory) == expected
    assert parsed == [b""]  # pack/__init__.py


def test_an_edit_is_read_and_nothing_else(tree, memory, parsed):
    files(tree, memory)
    (tree / "pack/near.py").write_text("import pack.far\n")
    parsed.clear()
    assert files(tree, memory) == files(tree)
    assert sorted(parsed[:2]) == [b"", b"import pack.far\n"]
    stored = json.loads(memory.read_text())["modules"]
    assert set(stored) == {"pack.task", "pack.near", "pack.far"}
    assert stored["pack.near"]["facts"]["classes"] is False


def altered(memory, change):
    content = json.loads(memory.read_text())
    change(content)
    return json.dumps(sealed(content))


def without_digest(memory):
    content = json.loads(memory.read_text())
    del content["digest"]
    content["modules"]["pack.near"]["facts"]["all_references"] = []
    return json.dumps(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda memory: memory.read_text().replace('"acts": true', '"acts": false'),  # another answer, same form
        lambda memory: memory.read_text()[:-40],
        lambda memory: "[]",
        lambda memory: '{"modules": 3}',
        lambda memory: without_digest(memory),
        lambda memory: altered(memory, lambda content: content.update(reader="another")),
        lambda memory: altered(memory, lambda content: content.update(modules=[1])),
        lambda memory: altered(memory, lambda content: content["modules"].update({"pack.far": 5})),
        lambda memory: altered(memory, lambda content: content["modules"]["pack.far"].update(facts={"acts": 1})),
        lambda memory: altered(memory, lambda content: content["modules"]["pack.far"]["facts"].pop("hash")),
        lambda memory: altered(
            memory, lambda content: content["modules"]["pack.far"]["facts"].update(at_import=[["a"], 3])
        ),
    ],
)
def test_what_is_damaged_or_anothers_is_read_anew(tree, memory, damage):
    expected = files(tree, memory)
    whole = memory.read_text()
    memory.write_text(damage(memory))
    assert files(tree, memory) == expected
    assert memory.read_text() == whole


def test_no_folder_is_made_and_what_cannot_be_written_is_left(tree, tmp_path, memory):
    absent = tmp_path / "not" / "there" / NAME
    assert files(tree, absent) == files(tree)
    assert not absent.parent.exists()
    memory.mkdir()  # a folder where the file would be
    assert files(tree, memory) == files(tree)


def test_facts_survive_being_written(project):
    path = project / "mmlib" / "cli.py"
    facts = Source("mmlib.cli", path, path.read_bytes()).facts
    assert Facts.from_json(json.loads(json.dumps(facts.as_json()))) == facts


def test_nothing_is_written_where_nothing_is_new(tree, memory):
    files(tree, memory)
    before = os.stat(memory).st_mtime_ns, os.stat(memory).st_ino
    files(tree, memory)
    SourceMemory(memory).save()
    assert (os.stat(memory).st_mtime_ns, os.stat(memory).st_ino) == before
