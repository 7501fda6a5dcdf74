"""Data are compared while a run trains: every accident ends it before its record, and batches share what they found."""

from __future__ import annotations

import json
import os
import threading
import time

import numpy as np
import pytest
from prepared_folders import ACCIDENTS, flip_bit, unseal, zero_half

from mmlib.data import verification
from mmlib.data.catalogue import DATASETS
from mmlib.data.prepared import open_prepared, write_prepared
from mmlib.data.registry import prepare_raw
from mmlib.data.verification import NOT_VERIFIED, environment, verifying
from mmlib.errors import BlockedError, DataError, NonFiniteLossError
from mmlib.experiments import classification
from mmlib.experiments.classification import Parameters
from mmlib.record import read_result

ROWS = 40


@pytest.fixture(autouse=True)
def no_batch(monkeypatch):
    for name in environment("", True):
        monkeypatch.delenv(name, raising=False)


def write(folder):
    index = {"id": [f"s{i}" for i in range(ROWS)], "label": [0, 1] * (ROWS // 2), "split": ["train"] * ROWS}
    index["group"] = index["id"]
    arrays = {"x": np.arange(3.0 * ROWS).reshape(ROWS, 3), "y": np.arange(2 * ROWS).reshape(ROWS, 2)}
    return write_prepared(folder, dataset="tiny", classes=["a", "b"], index=index, arrays=arrays, source={})


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "set")


@pytest.fixture
def comparisons(monkeypatch):
    """The arrays that are read to be compared, as they come."""
    read = []

    def noting(folder, manifest, name, stopped=None):
        read.append(name)
        return whole(folder, manifest, name, stopped)

    whole = verification.first_damage
    monkeypatch.setattr(verification, "first_damage", noting)
    return read


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A data root with a person's own arrays, prepared."""
    source = tmp_path_factory.mktemp("source")
    rows = [f"s{i},{'test' if i % 4 == 3 else 'train'},{'cat' if i // 4 % 2 else 'dog'}" for i in range(ROWS)]
    (source / "index.csv").write_text("\n".join(["id,split,label", *rows]) + "\n")
    draw = np.random.default_rng(0)
    np.save(source / "audio.npy", draw.normal(size=(ROWS, 6, 3)).astype(np.float32))
    np.save(source / "vector.npy", draw.normal(size=(ROWS, 5)).astype(np.float32))
    return prepare_raw(DATASETS["arrays"], source, tmp_path_factory.mktemp("root"), {}).parent


@pytest.fixture
def train(root, tmp_path):
    """`train(damage)`: one run on a copy of the data, damaged; its finished run."""
    import shutil

    def start(damage=None, **changes):
        copy = tmp_path / "root"
        shutil.copytree(root, copy)
        if damage is not None:
            damage(copy / "arrays")
        given = {"dataset": "arrays", "data_root": str(copy), "data_store": str(tmp_path / "store"), "epochs": 1}
        given |= {"feature_channels": 8, "batch_size": 16, "output": str(tmp_path / "run")} | changes
        return classification.run(Parameters.resolve(given))

    return start


@pytest.mark.parametrize("name", ACCIDENTS)
def test_every_accident_is_named_before_a_result_is_written(train, tmp_path, name):
    with pytest.raises(BlockedError) as caught:
        train(lambda folder: ACCIDENTS[name](folder, "vector"))
    said = str(caught.value)
    assert ("index.csv" if name.startswith(("two", "rows")) else "vector.npy") in said
    assert "prepare the data again (`mmlib data check FOLDER` lists what is wrong)" in said
    assert caught.value.exit_code == 3
    assert not (tmp_path / "run" / "result.json").exists()
    assert (tmp_path / "root" / "arrays" / "vector.npy").exists()


def test_a_sound_run_says_that_its_data_were_verified(train, tmp_path):
    finished = train()
    assert finished.data_verified is True
    assert not [note for note in finished.notes if "digest" in note]
    assert not (tmp_path / "store" / ".verified").exists(), "small files are not noted"
    assert not verification._current


def test_who_knows_may_leave_it_out_and_the_record_says_so(train, tmp_path, monkeypatch):
    monkeypatch.setenv("MMLIB_VERIFY", "0")
    finished = train(lambda folder: flip_bit(folder, "vector"))
    assert finished.data_verified is False
    assert NOT_VERIFIED in finished.notes
    result, _ = read_result(tmp_path / "run")
    assert result.data_verified is False


def test_data_prepared_earlier_are_taken_with_a_note(train):
    finished = train(unseal)
    assert finished.data_verified is True
    (note,) = [note for note in finished.notes if "digest" in note]
    assert note.startswith("arrays: its manifest has no digest")


def test_arrays_are_read_once_however_often_they_are_opened(folder, comparisons):
    with verifying(None) as data:
        assert not data.used
        for _ in range(3):
            open_prepared(folder)
        data.finish()
    assert sorted(comparisons) == ["x", "y"]
    assert data.used
    assert data.notes == []
    open_prepared(folder)
    assert len(comparisons) == 2, "outside of a run nothing is read"


def test_damage_ends_the_run_where_an_epoch_begins(folder):
    def train():
        with verifying(None):
            open_prepared(folder)
            for _ in range(2000):
                verification.check()
                time.sleep(0.01)

    zero_half(folder, "y")
    with pytest.raises(DataError, match=r"y.npy: the content of array 'y'"):
        train()


def test_a_loader_looks_when_its_epoch_is_set(folder, monkeypatch):
    from mmlib.data.dataset import MultimodalDataset
    from mmlib.data.loader import BatchLoader

    rows = MultimodalDataset(open_prepared(folder), np.arange(ROWS), {}, split="train")
    looked = []
    monkeypatch.setattr(verification, "check", lambda: looked.append(1))
    for processes, looks in ((1, 1), (2, 0)):  # several processes must stop together
        looked.clear()
        BatchLoader(rows, batch_size=8, shuffle=True, seed=0, world_size=processes).set_epoch(0)
        assert len(looked) == looks


def test_a_file_that_changes_during_the_run_is_read_again(folder, comparisons):
    with verifying(None) as data:
        open_prepared(folder)
        data.finish()
        os.utime(folder / "x.npy", ns=(1, 1))
        data.finish()  # only its time: the content is what it was
        assert comparisons.count("x") == 2
        flip_bit(folder, "x")
        with pytest.raises(DataError, match="array 'x'"):
            data.finish()


def test_a_file_that_is_gone_is_damage(folder):
    with verifying(None) as data:
        prepared = open_prepared(folder)
        data.finish()
        (folder / "y.npy").unlink()
        with pytest.raises(DataError, match="cannot be read"):
            data.finish()
    assert prepared.arrays["y"].shape == (ROWS, 2)


def test_a_loss_that_is_not_finite_is_put_down_to_the_data_where_they_are_damaged(folder):
    def train():
        with verifying(None):
            open_prepared(folder)
            raise NonFiniteLossError("the training loss is not finite")

    with pytest.raises(NonFiniteLossError):
        train()
    flip_bit(folder, "x")
    with pytest.raises(DataError, match="array 'x'") as caught:
        train()
    assert isinstance(caught.value.__cause__, NonFiniteLossError)


def test_only_the_first_process_compares(folder, comparisons):
    with verifying(None, first=False) as data:
        open_prepared(folder)
        data.finish()
    assert comparisons == []


@pytest.fixture
def shared(monkeypatch, tmp_path, folder):
    """Every file counts as large; `shared(batch)` opens the folder in a run of that batch."""
    monkeypatch.setattr(verification, "SHARED", 1)

    def run(batch, store=tmp_path / "store"):
        monkeypatch.setenv("MMLIB_BATCH", batch)
        with verifying(store) as data:
            open_prepared(folder)
            data.finish()

    return run


def test_runs_of_one_batch_read_a_large_file_once(shared, folder, comparisons):
    for _ in range(3):
        shared("one")
    assert sorted(comparisons) == ["x", "y"]
    shared("two")
    assert len(comparisons) == 4, "another batch reads again"
    os.utime(folder / "x.npy", ns=(5, 5))
    shared("two")
    assert comparisons[4:] == ["x"], "another time of change too"
    content = (folder / "y.npy").read_bytes()
    (folder / "y.npy").unlink()
    (folder / "y.npy").write_bytes(content)
    shared("two")
    assert comparisons[5:] == ["y"], "and another inode"


def test_damage_is_shared_too(shared, folder, comparisons):
    flip_bit(folder, "x")
    for _ in range(2):
        with pytest.raises(DataError, match="array 'x'"):
            shared("one")
    assert comparisons.count("x") == 1


def test_without_a_batch_nothing_is_shared(shared, comparisons, tmp_path):
    shared("")
    shared("")
    assert len(comparisons) == 4
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("change", ["digest", "bytes", "nothing", "no digest"])
def test_a_note_that_was_touched_is_not_believed(shared, comparisons, tmp_path, change):
    shared("one")
    for path in (tmp_path / "store" / ".verified").glob("*.json"):
        note = json.loads(path.read_text())
        if change == "no digest":
            del note["digest"]
        elif change != "nothing":
            note[change] = 3
        path.write_text(json.dumps(note) if change != "nothing" else "")
    shared("one")
    assert len(comparisons) == 4


def test_where_the_store_cannot_be_written_every_run_reads(shared, comparisons, tmp_path):
    (tmp_path / "file").write_text("")
    for _ in range(2):
        shared("one", tmp_path / "file" / "store")
    assert len(comparisons) == 4


def test_runs_at_once_wait_for_the_one_that_reads(shared, folder, monkeypatch, tmp_path):
    """Four at once: one reads each file, however slowly."""
    read, whole = [], verification.first_damage

    def slow(folder, manifest, name, stopped=None):
        read.append(name)
        time.sleep(0.3)
        return whole(folder, manifest, name, stopped)

    monkeypatch.setattr(verification, "first_damage", slow)
    manifest = open_prepared(folder).manifest
    runs = [verification.Verification(tmp_path / "store", "one") for _ in range(4)]
    threads = [threading.Thread(target=run.add, args=(folder, manifest)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for run in runs:
        run.finish()
        run.close()
    assert sorted(read) == ["x", "y"]


def test_a_run_that_is_interrupted_does_not_wait_for_the_rest(folder, monkeypatch):
    began = threading.Event()

    def endless(folder, manifest, name, stopped=None):
        began.set()
        while not stopped():
            time.sleep(0.01)
        raise verification.Stopped

    def train():
        with verifying(None):
            open_prepared(folder)
            assert began.wait(20)
            raise KeyboardInterrupt

    monkeypatch.setattr(verification, "first_damage", endless)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        train()
    assert time.monotonic() - start < 15


def test_what_a_batch_tells_its_kernels():
    assert environment("b", True) == {"MMLIB_BATCH": "b", "MMLIB_VERIFY": "1"}
    assert environment("b", False)["MMLIB_VERIFY"] == "0"
