"""Digests of a prepared folder's files: which block, which rows, the manifest's own, and folders without them."""

from __future__ import annotations

import errno
import hashlib
import json

import numpy as np
import pytest
from prepared_folders import edit_manifest, flip_bit, turn_order, unseal, zero_half

from mmlib.data import prepared_blocks
from mmlib.data.prepared import check_prepared, open_prepared, write_prepared
from mmlib.data.prepared_blocks import Stopped, file_digests, first_damage, unsealed
from mmlib.errors import DataError

BLOCK = 256
ROWS = np.arange(60, dtype=np.int64).reshape(60, 1)  # 128 bytes of header, 8 of each row: 608 bytes, 3 blocks


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("mmlib.data.prepared.BLOCK", BLOCK)
    index = {"id": [f"s{i}" for i in range(60)], "label": [0, 1] * 30, "split": ["train"] * 60, "group": ["g"] * 60}
    arrays = {"wide": ROWS, "narrow": ROWS[:, 0].astype(np.int8)}
    source = {"numbers": {1: "one", 10: "ten", 2: "two"}}  # keys that are texts when they are read
    return write_prepared(
        tmp_path / "set", dataset="tiny", classes=["no", "yes"], index=index, arrays=arrays, source=source
    )


def test_digests_are_of_every_block_and_of_the_whole(folder):
    content = (folder / "wide.npy").read_bytes()
    assert len(content) == 608
    parts = [hashlib.sha256(content[start : start + BLOCK]).hexdigest() for start in (0, 256, 512)]
    assert file_digests(folder / "wide.npy", BLOCK) == (hashlib.sha256(content).hexdigest(), parts)
    manifest = open_prepared(folder, verify=True).manifest
    assert manifest["blocks"] == {
        "bytes": BLOCK,
        "sha256": {"wide": parts, "narrow": manifest["blocks"]["sha256"]["narrow"]},
    }
    assert manifest["arrays"]["wide"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert file_digests(folder / "wide.npy", 608)[1] == [hashlib.sha256(content).hexdigest()], "no empty last block"


@pytest.mark.parametrize(
    ("place", "where"),
    [
        (100, "block 1 of 3 (rows 0 to 15)"),
        (128, "block 1 of 3 (rows 0 to 15)"),
        (256, "block 2 of 3 (rows 16 to 47)"),
        (511, "block 2 of 3 (rows 16 to 47)"),
        (607, "block 3 of 3 (rows 48 to 59)"),
    ],
)
def test_damage_is_named_by_block_and_rows(folder, place, where):
    path = folder / "wide.npy"
    content = bytearray(path.read_bytes())
    if place == 100:  # white space of the header, which means nothing
        content[place] = ord("\t")
    else:
        content[place] ^= 1
    path.write_bytes(content)
    manifest = open_prepared(folder).manifest
    assert first_damage(folder, manifest, "wide") == f"{where} of array 'wide' is not as it was written"
    assert first_damage(folder, manifest, "narrow") is None
    (problem,) = check_prepared(folder)
    assert f"wide.npy: {where} of array" in str(problem)
    assert "move it away, or delete it, and prepare the data again" in str(problem)


@pytest.mark.parametrize("change", [lambda c: c[:400], lambda c: c + b"\0" * 700, lambda c: b""])
def test_another_length_is_damage(folder, change):
    manifest = open_prepared(folder).manifest
    path = folder / "wide.npy"
    path.write_bytes(change(path.read_bytes()))
    assert first_damage(folder, manifest, "wide")


def test_a_missing_block_at_the_end_is_damage(folder):
    manifest = open_prepared(folder).manifest
    path = folder / "wide.npy"
    path.write_bytes(path.read_bytes()[:512])
    assert first_damage(folder, manifest, "wide") == "array 'wide' has 2 blocks, 3 were written"


def test_a_file_that_cannot_be_read_is_damage(folder, monkeypatch):
    manifest = open_prepared(folder).manifest

    def broken(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(prepared_blocks, "_blocks", broken)
    assert (
        first_damage(folder, manifest, "wide") == "array 'wide' cannot be read after 0 of 3 blocks (Input/output error)"
    )


def test_comparing_can_be_stopped(folder):
    manifest = open_prepared(folder).manifest
    with pytest.raises(Stopped):
        first_damage(folder, manifest, "wide", lambda: True)


@pytest.mark.parametrize("name", ["classes", "counts", "truth", "skipped", "versions", "dataset"])
def test_an_edited_manifest_is_damaged(folder, name):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest[name] = {
        "classes": ["yes", "no"],
        "counts": {"listed": 61},
        "truth": {"hgr": 1},
        "skipped": [{"id": "x"}],
        "versions": {},
        "dataset": "other",
    }[name]
    path.write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="it was changed after it was written"):
        open_prepared(folder)
    edit_manifest(folder, lambda manifest: None)  # sealed again it is another manifest, no damaged one
    open_prepared(folder)


def test_a_digest_that_lost_its_name_is_no_earlier_manifest(folder):
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"digest"', '"digesu"'))
    with pytest.raises(DataError, match="'digesu' is none of a manifest's"):
        open_prepared(folder)
    manifest = json.loads(text)
    del manifest["digest"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="it was changed after it was written"):
        open_prepared(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.update(blocks=3),
        lambda manifest: manifest["blocks"].update(bytes=0),
        lambda manifest: manifest["blocks"].update(bytes="16"),
        lambda manifest: manifest["blocks"].pop("sha256"),
        lambda manifest: manifest["blocks"]["sha256"].pop("wide"),
        lambda manifest: manifest["blocks"]["sha256"].update(wide="abc"),
        lambda manifest: manifest["blocks"]["sha256"].update(wide=[3]),
    ],
)
def test_blocks_of_other_types_are_damaged(folder, change):
    edit_manifest(folder, change)
    with pytest.raises(DataError, match="the entry 'blocks'"):
        open_prepared(folder)


def test_a_folder_without_digests_is_taken_and_its_arrays_are_compared_with_the_hash_of_their_file(folder):
    before = open_prepared(folder)
    unseal(folder)
    earlier = open_prepared(folder, verify=True)
    assert earlier.manifest_hash == before.manifest_hash, "records of data prepared before stay true"
    assert "prepared by an earlier mmlib" in unsealed(earlier.manifest)
    assert unsealed(before.manifest) == ""
    assert check_prepared(folder) == []
    flip_bit(folder, "wide")
    with pytest.raises(DataError, match="the content of array 'wide' is not as it was written"):
        open_prepared(folder, verify=True)


def test_an_order_that_was_turned_is_seen_when_a_folder_is_opened(tmp_path):
    index = {"id": ["a", "b", "c"], "label": [0, 0, 0], "split": ["train"] * 3, "group": ["g"] * 3}
    arrays = {"x": np.arange(6.0).reshape(3, 2), "line": np.arange(3.0)}
    folder = write_prepared(tmp_path / "set", dataset="tiny", classes=["no"], index=index, arrays=arrays, source={})
    turn_order(folder, "line")  # means nothing for one dimension, and is a change all the same
    open_prepared(folder)
    assert len(check_prepared(folder)) == 1
    turn_order(folder, "x")
    with pytest.raises(DataError, match="fortran_order"):
        open_prepared(folder)


def test_nothing_is_written_or_deleted_by_looking(folder):
    zero_half(folder, "wide")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(check_prepared(folder)) == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
