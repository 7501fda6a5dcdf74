"""Which files count for an experiment: those it can use, whatever lies beside them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from mmlib.errors import UsageError
from mmlib.workbook.closure import ImportClosure

FILES = {
    "pack/__init__.py": "",
    "pack/task.py": "from .deep import helper\nimport pack.plain\n\ndef run():\n    from pack import lazy\n",
    "pack/deep/__init__.py": "from .helper import help\nfrom .aside import other\n\ndef inside(): return cousin()\n",
    "pack/deep/helper.py": "from . import inner, inside",
    "pack/deep/inner.py": "from .. import cousin",
    "pack/cousin.py": "import importlib\nimportlib.import_module('pack.byname')",
    "pack/byname.py": "def load(name): return f'pack.plugins.{name}'",
    "pack/plugins/one.py": "",
    "pack/plugins/two/__init__.py": "from pack.plugins.two import part",
    "pack/plugins/two/part.py": "",
    "pack/plain.py": "import os, numpy",
    "pack/lazy.py": "import mmlib.files",
}
UNUSED = {
    "pack/plugins/__init__.py": "",
    "pack/report.py": "import pack.task",
    "pack/deep/aside.py": "LIMIT = 3\n\nclass Other: ...\n\ndef other(): ...\n",
    "pack/typing_only.py": "",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, source in (FILES | UNUSED).items():
        write(tmp_path, name, source)
    return tmp_path


def write(tree: Path, name: str, source: str) -> None:
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)


@pytest.fixture(autouse=True, params=["read anew", "remembered"])
def memory(request, tmp_path_factory, monkeypatch):
    """Every test with and without what an earlier closure read; the file, or None."""
    file = tmp_path_factory.mktemp("outputs") / ".sources.json" if request.param == "remembered" else None
    monkeypatch.setattr(ImportClosure.__init__, "__defaults__", (file,))
    return file


def closure(tree: Path, *named: str) -> dict[str, str]:
    return ImportClosure([tree]).files("pack.task", named)


def test_closure_follows_every_kind_of_import(tree):
    names = set(closure(tree))
    assert {name for name in names if name.startswith("pack/")} == set(FILES)
    assert {"mmlib/files.py", "mmlib/errors.py", "mmlib/__init__.py"} <= names


@pytest.mark.parametrize("name", sorted(set(FILES) - {"pack/deep/__init__.py"}))
def test_touch_is_nothing_and_edit_is_seen(tree, name):
    before = closure(tree)
    os.utime(tree / name, (1, 1))
    assert closure(tree) == before
    (tree / name).write_text(FILES[name] + "\n# changed\n")
    after = closure(tree)
    assert {key for key in after if after[key] != before[key]} == {name}


@pytest.mark.parametrize("name", sorted(UNUSED))
def test_editing_what_is_not_used_changes_nothing(tree, name):
    before = closure(tree)
    write(tree, name, UNUSED[name] + "\nx = 1\n\ndef unused(): ...\n")
    assert closure(tree) == before


def test_a_new_file_and_the_line_that_exports_it_change_nothing(tree):
    before = closure(tree)
    write(tree, "pack/deep/added.py", "from pack import report\n\nclass Added: ...\n")
    source = FILES["pack/deep/__init__.py"]
    exported = (
        f'"""Words."""\n{source}\nfrom .added import Added\n\n__all__ = ["Added"]\n\ndef unused(): return Added\n'
    )
    write(tree, "pack/deep/__init__.py", exported)
    assert closure(tree) == before


def test_a_definition_in_a_package_counts_where_it_is_taken(tree):
    before = closure(tree)
    write(tree, "pack/deep/__init__.py", FILES["pack/deep/__init__.py"].replace("cousin()", "other()"))
    after = closure(tree)
    assert after["pack/deep/__init__.py"] != before["pack/deep/__init__.py"]
    assert after.keys() - before.keys() == {"pack/deep/aside.py"}, "what it mentions counts"


def test_a_name_taken_from_another_file_is_seen(tree):
    write(tree, "pack/deep/helper.py", "from pack.deep import other")
    before = closure(tree)
    write(tree, "pack/deep/aside2.py", "def other(): ...")
    write(tree, "pack/deep/__init__.py", FILES["pack/deep/__init__.py"].replace(".aside", ".aside2"))
    after = closure(tree)
    assert after["pack/deep/__init__.py"] != before["pack/deep/__init__.py"]
    assert "pack/deep/aside.py" in before.keys() - after.keys()
    assert "pack/deep/aside2.py" in after


@pytest.mark.parametrize(
    "source",
    [
        "import pack.report\npack.report.TABLE['other'] = 1\n",
        "print('acts')\n",
        "from pack.report import register\n\n@register\ndef other(): ...\n",
        "from pack.report import register\n\nOTHER = register(int)\n",
        "if True:\n    import pack.report as r\n    r.value = 3\n",
    ],
)
def test_a_sibling_whose_import_acts_counts(tree, source):
    write(tree, "pack/deep/aside.py", source)
    assert "pack/deep/aside.py" in closure(tree)


@pytest.mark.parametrize(
    "source",
    ["def find(base): return base.__subclasses__()", "class Base:\n    def __init_subclass__(cls): KNOWN.append(cls)"],
)
def test_siblings_with_classes_count_where_subclasses_are_looked_for(tree, source):
    write(tree, "pack/plain.py", source)
    assert "pack/deep/aside.py" in closure(tree)


def test_imports_for_types_alone_do_not_count(tree):
    source = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from pack import typing_only\n"
    write(tree, "pack/lazy.py", source)
    assert "pack/typing_only.py" not in closure(tree)
    write(tree, "pack/lazy.py", source + "else:\n    import pack.report\n")
    assert "pack/report.py" in closure(tree)


def test_of_what_is_loaded_by_name_only_the_named_counts(tree):
    plugins = {name for name in FILES if name.startswith("pack/plugins/")}
    assert plugins <= set(closure(tree))
    assert plugins & set(closure(tree, "pack.plugins.one")) == {"pack/plugins/one.py"}
    before = closure(tree, "pack.plugins.one")
    write(tree, "pack/plugins/three.py", "x = 1")
    write(tree, "pack/plugins/two/part.py", "x = 1")
    assert closure(tree, "pack.plugins.one") == before


def test_declared_parameters_do_not_count(tree):
    source = (
        "from mmlib.experiments.settings import about\n\nclass P:\n    a: int = about(1, 'a')\n\n    def f(self): ...\n"
    )
    write(tree, "pack/plain.py", source)
    before = closure(tree)
    added = "    a: int = about(2, 'b')\n    b: float = about(\n        0.5, 'more', neutral=0.5\n    )\n"
    write(tree, "pack/plain.py", source.replace("    a: int = about(1, 'a')\n", added))
    assert closure(tree) == before
    write(tree, "pack/plain.py", source.replace("...", "return 1"))
    assert closure(tree) != before


def test_what_may_be_in_memory_has_the_hashes_of_whole_files(tree):
    before = ImportClosure([tree]).loaded("pack.task")
    assert {"pack", "pack.deep", "pack.deep.aside", "pack.lazy", "mmlib.files"} <= set(before)
    write(tree, "pack/deep/aside.py", "y = 1")
    after = ImportClosure([tree]).loaded("pack.task")
    assert [name for name in after if after[name] != before[name]] == ["pack.deep.aside"]


def test_unknown_module_and_syntax_error_are_messages(tree):
    with pytest.raises(UsageError, match="no module 'absent.task'"):
        ImportClosure([tree]).files("absent.task")
    with pytest.raises(UsageError, match="no module 'pack.absent'"):
        ImportClosure([tree]).files("pack.absent")
    (tree / "pack/plain.py").write_text("def (")
    with pytest.raises(UsageError, match=r"plain.py, line 1"):
        closure(tree)


def test_a_new_method_beside_the_old_ones_makes_no_training_stale(tmp_path, project):
    shutil.copytree(project / "mmlib", tmp_path / "mmlib", ignore=shutil.ignore_patterns("__pycache__"))
    experiments = [f"mmlib.experiments.{name}" for name in ("classification", "event_localization", "face_voice")]

    def files() -> list[dict[str, str]]:
        found = ImportClosure([])
        found.roots["mmlib"] = tmp_path
        return [found.files(experiment) for experiment in experiments]

    before = files()
    for room in ("modulation", "fusion", "models", "training", "losses", "metrics", "figures"):
        write(tmp_path, f"mmlib/{room}/added.py", "from mmlib.report import build\n\n\nclass Added: ...\n")
        init = (tmp_path / f"mmlib/{room}/__init__.py").read_text()
        write(tmp_path, f"mmlib/{room}/__init__.py", f"{init}\nfrom mmlib.{room}.added import Added\n")
    assert files() == before
    with open(tmp_path / "mmlib/modulation/mechanism.py", "a") as stream:
        stream.write("# changed")
    changed = [{name for name in new if new[name] != old[name]} for new, old in zip(files(), before, strict=True)]
    assert changed[:2] == [{"mmlib/modulation/mechanism.py"}] * 2


def test_modules_of_other_data_sets_and_unused_exports_do_not_count_for_a_training():
    named = ("mmlib.data.synthetic",)
    files = ImportClosure([Path()]).files("mmlib.experiments.classification", named)
    assert {"mmlib/data/synthetic.py", "mmlib/fusion/simam2.py", "mmlib/modulation/ogm.py"} <= set(files)
    others = ("cremad", "vggsound", "grid_words", "ave/", "voxceleb/")
    assert not [name for name in files if name.startswith(tuple(f"mmlib/data/{other}" for other in others))]
