"""YAML as plain values: what all plans and claims say is what they said to PyYAML, and documents stay small."""

from __future__ import annotations

import time

import pytest
import yaml

from mmlib.errors import UsageError
from mmlib.parameters.plain_yaml import MOST_VALUES, load_plain
from mmlib.workbook.plan import load_plan
from mmlib.workbook.yaml_file import read_yaml


def same(one, two) -> bool:
    """Equal values of equal types, all the way down."""
    if type(one) is not type(two):
        return False
    if isinstance(one, dict):
        return list(one) == list(two) and all(same(one[key], two[key]) for key in one)
    return len(one) == len(two) and all(map(same, one, two)) if isinstance(one, list) else one == two


def test_all_plans_and_claims_read_as_before(project):
    paths = sorted((project / "notebooks").glob("*/*.yaml"))
    assert len(paths) > 10
    for path in paths:
        assert same(read_yaml(path, "file"), yaml.safe_load(path.read_text(encoding="utf-8"))), path


def test_exponents_are_numbers_and_merges_merge():
    text = "a: &a {x: 1e-3, y: 2}\nb: {<<: *a, y: 'on'}\nc: [~, true, '']\nd:\n"
    assert load_plain(text) == {
        "a": {"x": 0.001, "y": 2},
        "b": {"x": 0.001, "y": "on"},
        "c": [None, True, ""],
        "d": None,
    }


def bomb(merge: bool) -> str:
    lines = ["a0: &a0 {k: 1}" if merge else "a0: &a0 [1]"]
    for level in range(1, 12):
        many = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} " + (f"{{<<: [{many}]}}" if merge else f"[{many}]"))
    return "\n".join(lines)


def test_anchors_cannot_multiply():
    for merge in (False, True):
        began = time.perf_counter()
        with pytest.raises(yaml.YAMLError, match=f"more than {MOST_VALUES}"):
            load_plain(bomb(merge))
        assert time.perf_counter() - began < 5


def test_anchors_cannot_nest_for_ever():
    chain = "a0: &a0 []\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 500))
    with pytest.raises(yaml.YAMLError, match="nested more than"):
        load_plain(chain)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"\xff\xfe", "cannot be read"),
        (b"a: \x00", "control characters|special characters"),
        (b"a: " + b"[" * 3000, "line 1: it is nested"),
        (b"a: " + b"9" * 6000, "line 1: a whole number of 6000 digits"),
        (b"a: 1\n---\nb: 2\n", "line 2"),
        (b"rows: {on: 1}", "line 1: on can be read"),
        (b"#" * (5 << 20), "larger than 4 MiB"),
    ],
)
def test_plans_that_cannot_be_read(tmp_path, content, message):
    path = tmp_path / "p.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        load_plan(path)


def test_a_folder_is_no_plan(tmp_path):
    with pytest.raises(UsageError, match="is no file"):
        load_plan(tmp_path)
