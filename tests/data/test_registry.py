"""The registry: names, options, what is missing, and preparing at once from several processes."""

import multiprocessing
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from prepared_folders import edit_manifest, shuffle_rows, swap_labels, unseal

from mmlib.data import catalogue, registry
from mmlib.data.prepared import open_prepared
from mmlib.data.registry import DATASETS, missing, prepare
from mmlib.data.standins import write_standin
from mmlib.errors import BlockedError, OutputsError, ParameterError

SMALL = {"samples": 40}


def test_no_name_is_given_twice():
    """Of two entries of one name the second would silently take the place of the first."""
    source = "".join(path.read_text() for path in Path(catalogue.__file__).parent.glob("catalogue*.py"))
    assert len(re.findall(r"DatasetInfo\(\n", source)) == len(DATASETS)


def test_unknown_name():
    with pytest.raises(ParameterError, match="Choose one of: synthetic, synthetic_trio, grid_words"):
        missing("kinetics", None)


def test_unknown_option(tmp_path):
    with pytest.raises(ParameterError, match="no preparation option 'sample'.*samples"):
        prepare("synthetic", data_root=None, store=tmp_path, options={"sample": 3})


@pytest.mark.parametrize("value", ["40", 40.0, True, None])
def test_option_of_another_type(tmp_path, value):
    with pytest.raises(ParameterError, match="'samples' is .* must be of type int"):
        prepare("synthetic", data_root=None, store=tmp_path, options={"samples": value})


def test_equal_options_are_one_preparation(tmp_path):
    folders = {
        prepare("synthetic", data_root=None, store=tmp_path, options=SMALL | options)
        for options in ({}, {"audio_snr_db": 10}, {"audio_snr_db": 10.0, "seed": 0})
    }
    assert len(folders) == 1
    assert next(iter(folders)).name.startswith("synthetic-")


def test_synthetic_misses_nothing():
    assert missing("synthetic", None) is None


@pytest.mark.parametrize("name", [name for name, info in DATASETS.items() if info.needs_root])
def test_reasons(tmp_path, name):
    assert "needs a data root" in missing(name, None)
    assert "needs a data root" in missing(name, "")
    assert "does not exist" in missing(name, tmp_path / "nowhere")
    reason = missing(name, tmp_path)
    assert str(tmp_path) in reason
    assert "missing" in reason
    with pytest.raises(BlockedError, match="missing"):
        prepare(name, data_root=tmp_path, store=tmp_path / "store")


@pytest.mark.parametrize("name", ["cremad", "vggsound"])
def test_published_data_is_used_where_it_is(tmp_path, name):
    folder = write_standin(name, tmp_path / "root" / name, samples=16, side=16)
    for root in (tmp_path / "root", folder):
        assert missing(name, root) is None
        assert prepare(name, data_root=root, store=tmp_path / "store") == folder
    assert not (tmp_path / "store").exists()
    assert any("published" in note or "reports" in note for note in registry.notes(folder))


def test_stand_in_of_voxceleb1_is_marked_as_one(tmp_path):
    """Otherwise its numbers would be compared with the paper's."""
    write_standin("voxceleb1", tmp_path / "root" / "voxceleb1", samples=16)
    assert missing("voxceleb1", tmp_path / "root") is None
    folder = prepare("voxceleb1", data_root=tmp_path / "root", store=tmp_path / "store", options={})
    prepared = open_prepared(folder)
    assert prepared.origin == "stand-in"
    assert (prepared.arrays["face"].shape[1], prepared.arrays["voice"].shape[1]) == (4096, 512)
    assert sum(prepared.index["list"] == "train") >= 128  # a batch as published
    assert any("says nothing of it" in note for note in registry.notes(folder))


def test_published_data_of_another_set_or_shape_is_refused(tmp_path):
    folder = write_standin("cremad", tmp_path / "x", samples=16, side=16)
    assert "describes 'cremad', not 'vggsound'" in missing("vggsound", folder)
    path = folder / "manifest.json"
    whole = path.read_text()
    edit_manifest(folder, lambda manifest: manifest.update(source={"sample_rate": 16000}))
    assert "prepared at 22050 Hz" in missing("cremad", folder)
    path.write_text(whole)
    unseal(folder)  # as one that was prepared before there were digests
    edit_manifest(folder, lambda manifest: manifest["arrays"].pop("waveform"))
    assert "no array 'waveform'" in missing("cremad", folder)
    path.write_text(whole[:50])
    assert "not valid JSON" in missing("cremad", folder)
    path.write_text(whole)
    (folder / "waveform.npy").unlink()
    assert "waveform" in missing("cremad", folder)


def test_damaged_store_is_prepared_again(tmp_path, capsys):
    folder = prepare("synthetic", data_root=None, store=tmp_path, options=SMALL)
    before = open_prepared(folder).manifest_hash
    (folder / "frames.npy").write_bytes(b"")
    (tmp_path / f".{folder.name}.killed.tmp").mkdir()  # what a killed preparation leaves
    assert prepare("synthetic", data_root=None, store=tmp_path, options=SMALL) == folder
    assert open_prepared(folder, verify=True).manifest_hash == before
    said = capsys.readouterr().out
    assert said.count("prepared again") == 1
    assert f"the damaged folder is kept as {folder.name}.damaged-1" in said
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {folder.name, f"{folder.name}.damaged-1"}
    assert (tmp_path / f"{folder.name}.damaged-1" / "frames.npy").read_bytes() == b""
    assert registry.prepared_folders("synthetic", tmp_path) == [folder]


@pytest.mark.parametrize("damage", [swap_labels, shuffle_rows])
def test_a_store_whose_index_changed_is_prepared_again(tmp_path, capsys, damage):
    folder = prepare("synthetic", data_root=None, store=tmp_path, options=SMALL)
    text = (folder / "index.csv").read_text()
    damage(folder)
    changed = (folder / "index.csv").read_text()
    assert changed != text
    prepare("synthetic", data_root=None, store=tmp_path, options=SMALL)
    assert (folder / "index.csv").read_text() == text
    assert (tmp_path / f"{folder.name}.damaged-1" / "index.csv").read_text() == changed
    assert f"kept as {folder.name}.damaged-1" in capsys.readouterr().out


def test_store_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputsError, match="data_store"):
        prepare("synthetic", data_root=None, store=tmp_path / "file", options=SMALL)


def test_processes_at_once_end_with_one_folder(tmp_path):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        started = [
            pool.apply_async(prepare, ("synthetic",), {"data_root": None, "store": tmp_path, "options": SMALL})
            for _ in range(3)
        ]
        folders = {done.get(timeout=120) for done in started}
    assert len(folders) == 1
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [folders.pop().name]


def test_options_of_parameters():
    parameters = SimpleNamespace(dataset="av_digits", split="speaker", data_seed=3)
    assert registry.options_for(parameters) == {"split": "speaker", "seed": 3}


def test_changed_input_is_another_preparation(tmp_path, monkeypatch):
    file = tmp_path / "input"
    from mmlib.data import synthetic

    monkeypatch.setitem(DATASETS, "synthetic", replace(DATASETS["synthetic"], needs_root=True))
    monkeypatch.setattr(synthetic, "inputs", lambda root: {"input": file}, raising=False)
    monkeypatch.setattr(synthetic, "missing", lambda root: None, raising=False)
    file.write_text("one")
    first = prepare("synthetic", data_root=tmp_path, store=tmp_path / "s", options=SMALL)
    file.write_text("another")
    assert prepare("synthetic", data_root=tmp_path, store=tmp_path / "s", options=SMALL) != first


def test_a_large_input_is_read_once_for_a_store(tmp_path, monkeypatch, capsys):
    file, store = tmp_path / "features.h5", tmp_path / "store"
    monkeypatch.setattr(registry, "LARGE", 3)

    def content():
        monkeypatch.setattr(registry, "_HASHES", {})  # another process
        return registry._content(file, store)

    file.write_text("one")
    assert content() == registry.sha256_file(file)
    assert content() == registry.sha256_file(file)
    assert capsys.readouterr().out.count("(once)") == 1
    file.write_text("another")
    assert content() == registry.sha256_file(file)
    (note,) = [path for path in (store / ".contents").iterdir() if registry.sha256_file(file) in path.read_text()]
    note.write_text("{")
    assert content() == registry.sha256_file(file)
    assert capsys.readouterr().out.count("(once)") == 2
