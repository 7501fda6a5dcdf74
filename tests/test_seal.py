"""Seals: what was changed after it was written is seen, and what was never sealed is taken as it is."""

from __future__ import annotations

import json
import os

import pytest

from mmlib import seal
from mmlib.record import CellFile, Hashes, read_cell_file, write_model
from mmlib.seal import altered, is_broken, sealed, stamp, stamps


def test_a_digest_survives_a_file_and_a_field_added_later():
    content = json.loads(json.dumps(sealed({"a": 0.1, "b": ["ζ", None], "c": {"d": 1e-300}})))
    assert not is_broken(content)
    assert is_broken(content | {"a": 0.2})
    assert is_broken(content | {"new": 1})
    assert is_broken({name: value for name, value in content.items() if name != "b"})


@pytest.mark.parametrize("content", [{}, {"a": 1}, {"digest": None}, [], "text", None])
def test_what_has_no_digest_is_not_broken(content):
    assert not is_broken(content)


@pytest.mark.parametrize("content", [{"digest": "0"}, {"digest": 3}, {"digest": "0", "a": float("inf")}])
def test_another_digest_is_broken(content):
    assert is_broken(content)


def test_half_a_character_is_broken_and_no_traceback():
    assert is_broken({"digest": "0", "a": "\ud800"})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "history.jsonl").write_bytes(b"one\n")
    (tmp_path / "arrays.npz").write_bytes(b"two")
    return tmp_path


def test_files_as_they_were(folder):
    files = stamps(folder)
    assert set(files) == {"history.jsonl", "arrays.npz"}
    assert altered(folder, files) is None
    assert altered(folder, files, read=True) is None
    os.utime(folder / "arrays.npz", (1, 1))  # copied, perhaps
    assert altered(folder, files) is None
    assert altered(folder, {}) is None, "what has no stamp is not known"


def test_files_that_were_changed(folder):
    files = stamps(folder)
    (folder / "arrays.npz").write_bytes(b"twO")
    assert altered(folder, files) == "arrays.npz was changed after the run (another SHA-256)"
    os.utime(folder / "arrays.npz", ns=(0, files["arrays.npz"].modified))
    assert altered(folder, files) is None, "as quick as a look at the folder"
    assert "another SHA-256" in altered(folder, files, read=True)
    (folder / "history.jsonl").write_bytes(b"")
    assert altered(folder, files) == "history.jsonl was changed after the run: 0 bytes, not 4"
    (folder / "history.jsonl").unlink()
    assert altered(folder, files) == "history.jsonl is gone"


def test_large_weights_that_were_copied_are_read_when_they_are_used(folder, monkeypatch):
    path = folder / "model.safetensors"
    path.write_bytes(b"weights")
    files = stamps(folder)
    path.write_bytes(b"WEIGHTS")
    assert altered(folder, files, ["model.safetensors"])
    monkeypatch.setattr(seal, "LARGE", 3)
    assert altered(folder, files, ["model.safetensors"]) is None
    assert altered(folder, files, ["model.safetensors"], read=True)


def test_unchanged_files_are_not_read(folder, monkeypatch):
    files = stamps(folder)
    monkeypatch.setattr(seal, "sha256_file", lambda path: pytest.fail(f"{path} was read"))
    assert altered(folder, files) is None
    assert stamp(folder / "arrays.npz", "known").sha256 == "known"


def test_a_changed_cell_file_is_absent(tmp_path):
    hashes = Hashes(notebook="n", library="l")
    cell = CellFile(cell_id="a", run_id="r7", notebook="n", hashes=hashes, started="s", host="h")
    path = tmp_path / "cell.json"
    write_model(path, cell)
    assert read_cell_file(tmp_path)[0] == cell
    path.write_text(path.read_text().replace("r7", "r8"))
    found, problem = read_cell_file(tmp_path)
    assert found is None
    assert "was changed after it was written" in problem
