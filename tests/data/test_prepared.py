"""The prepared format: round trip, atomic writing, and one clear message for each kind of damage."""

import json
import subprocess
import sys

import numpy as np
import pytest
import toy_questions
from prepared_folders import edit_manifest
from toy_questions import ASKED, ITEM, SOUND, write_questions

from mmlib.data import prepared_index
from mmlib.data.prepared import PreparedWriter, check_prepared, manifest_hash_of, open_prepared, write_prepared
from mmlib.data.prepared_index import _read
from mmlib.errors import DataError, OutputsError

FRAMES = np.arange(4 * 2 * 3, dtype=np.uint8).reshape(4, 2, 3)
WAVEFORM = np.linspace(-1, 1, 20, dtype=np.float32).reshape(4, 5)


def write(folder, **changes):
    index = {
        "id": ["a", "b", "c", "d"],
        "label": [0, 1, 0, 1],
        "split": ["train", "train", "validation", "test"],
        "group": ["g1", "g1", "g2", "g3"],
        "loud": [True, False, True, False],
        "seconds": [0.5, 1.25, 2.0, 0.1],
    }
    arguments = {
        "dataset": "tiny",
        "classes": ["no", "yes"],
        "index": index,
        "arrays": {"frames": FRAMES, "waveform": WAVEFORM},
        "source": {"sample_rate": 10},
    }
    return write_prepared(folder, **(arguments | changes))


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "tiny-1")


def test_round_trip(folder):
    prepared = open_prepared(folder, verify=True)
    assert len(prepared) == 4
    assert prepared.classes == ["no", "yes"]
    np.testing.assert_array_equal(prepared.arrays["frames"], FRAMES)
    np.testing.assert_array_equal(prepared.arrays["waveform"], WAVEFORM)
    assert isinstance(prepared.arrays["frames"], np.memmap)
    np.testing.assert_array_equal(prepared.labels, [0, 1, 0, 1])
    np.testing.assert_array_equal(prepared.index["loud"], [True, False, True, False])
    np.testing.assert_array_equal(prepared.index["seconds"], [0.5, 1.25, 2.0, 0.1])
    np.testing.assert_array_equal(prepared.rows("train"), [0, 1])
    assert prepared.manifest["splits"] == {"train": 2, "validation": 1, "test": 1}
    assert prepared.manifest["counts"] == {"listed": 4, "found": 4, "decoded": 4, "skipped": 0}
    assert check_prepared(folder) == []


def test_an_index_is_read_once_while_nothing_has_changed(folder, monkeypatch):
    first = open_prepared(folder)
    first.index["label"][0] = 1  # a caller's own copy
    parsed = []
    monkeypatch.setattr(prepared_index, "_read", lambda *given: parsed.append(given) or _read(*given))
    assert open_prepared(folder).index["label"].tolist() == [0, 1, 0, 1]
    assert not parsed
    edit_manifest(folder, lambda manifest: manifest["classes"].append("perhaps"))  # what the rows are checked against
    open_prepared(folder)
    assert len(parsed) == 1
    text = (folder / "index.csv").read_text()
    (folder / "index.csv").write_text(text.replace("0.5", "0.6"))
    with pytest.raises(DataError, match="changed after it was written"):
        open_prepared(folder)
    assert len(parsed) == 2


def test_a_large_index_is_not_kept(folder, monkeypatch):
    monkeypatch.setattr(prepared_index, "INDEX_ROWS", 3)
    monkeypatch.setattr(prepared_index, "_last", ("", {}))
    assert open_prepared(folder).index["id"].tolist() == ["a", "b", "c", "d"]
    assert prepared_index._last == ("", {})


def test_skipped_are_counted_with_reasons(tmp_path):
    skipped = [{"id": "e", "reason": "no sound"}]
    prepared = open_prepared(write(tmp_path / "t", skipped=skipped))
    assert prepared.manifest["skipped"] == skipped
    assert prepared.manifest["counts"] == {"listed": 5, "found": 4, "decoded": 4, "skipped": 1}


def test_hash_follows_content_not_versions(tmp_path):
    first = open_prepared(write(tmp_path / "a")).manifest_hash
    assert open_prepared(write(tmp_path / "b", versions={"decoder": "9"})).manifest_hash == first
    changed = {"frames": FRAMES + 1, "waveform": WAVEFORM}
    assert open_prepared(write(tmp_path / "c", arrays=changed)).manifest_hash != first


def test_the_hash_alone_needs_no_rows_and_an_index_as_it_was_written(folder):
    assert manifest_hash_of(folder) == open_prepared(folder).manifest_hash
    index = folder / "index.csv"
    index.write_text(index.read_text().replace("train", "test", 1))
    with pytest.raises(DataError, match="changed after it was written"):
        manifest_hash_of(folder)
    index.unlink()
    with pytest.raises(DataError, match="index is missing"):
        manifest_hash_of(folder)


def test_the_hash_alone_wants_every_array_in_its_size(folder):
    array = next(folder.glob("*.npy"))
    content = array.read_bytes()
    array.write_bytes(content[:-1])
    with pytest.raises(DataError, match=array.name):
        manifest_hash_of(folder)
    array.unlink()
    with pytest.raises(DataError, match=array.name):
        manifest_hash_of(folder)


def test_nothing_is_visible_before_finish_and_nothing_remains_after_failure(tmp_path):
    def fail():
        with PreparedWriter(tmp_path / "x", dataset="x", classes=["a"]) as writer:
            writer.array("frames", (3, 2), np.uint8)
            assert not (tmp_path / "x").exists()
            raise RuntimeError("decoder")

    with pytest.raises(RuntimeError, match="decoder"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_inconsistent_content_is_refused_when_writing(tmp_path):
    with pytest.raises(DataError, match="3 rows, the index has 4"):
        write(tmp_path / "x", arrays={"frames": FRAMES[:3]})
    assert list(tmp_path.iterdir()) == []


def test_existing_folder_is_kept_unless_replaced(folder, tmp_path):
    with pytest.raises(OutputsError, match="tiny-1"):
        write(folder)
    write(folder, classes=["never", "always"], replace=True)
    assert open_prepared(folder).classes == ["never", "always"]
    assert [path.name for path in tmp_path.iterdir()] == ["tiny-1"]


def test_unwritable_place_is_an_outputs_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputsError, match="data_store"):
        write(tmp_path / "file" / "x")


def test_missing_folder_and_manifest(tmp_path):
    with pytest.raises(DataError, match="nowhere is not a folder"):
        open_prepared(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"manifest.json is missing"):
        open_prepared(tmp_path)


def test_truncated_manifest(folder):
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text[: len(text) // 2])
    with pytest.raises(DataError, match=r"manifest.json: not valid JSON.*move it away"):
        open_prepared(folder)


def test_other_version(folder):
    edit_manifest(folder, lambda manifest: manifest.update(version=2))
    with pytest.raises(DataError, match="format version 2"):
        open_prepared(folder)


@pytest.mark.parametrize("key", ["classes", "splits", "arrays", "index", "truth"])
def test_incomplete_manifest(folder, key):
    edit_manifest(folder, lambda manifest: manifest.pop(key))
    with pytest.raises(DataError, match=f"entry '{key}' is missing"):
        open_prepared(folder)


@pytest.mark.parametrize("name", ["../frames.npy", "/frames.npy", "a/frames.npy", "", 3, None])
@pytest.mark.parametrize("what", ["array", "index"])
def test_a_file_outside_the_folder_is_refused(folder, what, name):
    def change(manifest):
        entry = manifest["index"] if what == "index" else manifest["arrays"]["frames"]
        entry["file"] = name

    edit_manifest(folder, change)
    with pytest.raises(DataError, match="outside the folder"):
        open_prepared(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest["arrays"]["frames"].update(shape=[-4, 2, 3]),
        lambda manifest: manifest["arrays"]["frames"].update(shape="4"),
        lambda manifest: manifest["arrays"]["frames"].update(shape=[4.0, 2, 3]),
        lambda manifest: manifest["arrays"]["frames"].update(dtype="O"),
        lambda manifest: manifest["arrays"]["frames"].update(dtype={"a": 1}),
        lambda manifest: manifest["arrays"]["frames"].update(sha256=3),
        lambda manifest: manifest["arrays"].update(frames=3),
        lambda manifest: manifest["index"].update(rows="4"),
        lambda manifest: manifest["index"].update(rows=10**400),
        lambda manifest: manifest["index"].update(columns=["id"]),
        lambda manifest: manifest["index"].update(columns={"id": ["str"]}),
        lambda manifest: manifest["index"].update(file="x" * 5000),
        lambda manifest: manifest["source"].update(target=["label"]),
        lambda manifest: manifest["splits"].update(train="two"),
        lambda manifest: manifest.update(skipped=[3]),
        lambda manifest: manifest.update(classes=[["no"], "yes"]),
    ],
)
def test_a_manifest_of_other_types_is_damaged(folder, change):
    edit_manifest(folder, change)
    with pytest.raises(DataError, match="prepared folder is damaged"):
        open_prepared(folder)
    assert check_prepared(folder)


HEADERS = [b"{'descr': '|u1', 'fortran_order': ", b"{" * 80, b"[]", b"{'descr': 3, 'fortran_order': 0, 'shape': 4}"]


@pytest.mark.parametrize("header", [*HEADERS, b"\xff" * 60, b"(" * 3000, b"'" + b"a" * 50])
def test_a_header_that_does_not_parse_is_damaged(folder, header):
    path = folder / "frames.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(DataError, match="truncated or not a .npy file"):
        open_prepared(folder)


def damage_missing(path):
    path.unlink()


def damage_truncated(path):
    path.write_bytes(path.read_bytes()[:-3])


def damage_longer(path):
    path.write_bytes(path.read_bytes() + b"\0")


def damage_empty(path):
    path.write_bytes(b"")


def damage_text(path):
    path.write_text("not an array")


def damage_pickle(path):
    np.save(path, np.array([{"a": 1}, None], dtype=object), allow_pickle=True)


def damage_shape(path):
    np.save(path, FRAMES[:, :1])


def damage_dtype(path):
    np.save(path, FRAMES.astype(np.int16))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_missing, "is missing"),
        (damage_truncated, "truncated or not a .npy"),
        (damage_longer, "bytes, expected"),
        (damage_empty, "truncated or not a .npy"),
        (damage_text, "truncated or not a .npy"),
        (damage_pickle, "truncated or not a .npy"),
        (damage_shape, "the manifest says"),
        (damage_dtype, "the manifest says"),
    ],
)
def test_damaged_array(folder, damage, message):
    damage(folder / "frames.npy")
    with pytest.raises(DataError, match=message) as caught:
        open_prepared(folder)
    assert "frames.npy" in str(caught.value)
    assert "prepare the data again" in str(caught.value)
    assert [problem.where.name for problem in check_prepared(folder)] == ["frames.npy"]


def test_flipped_byte_is_found_by_verify_only(folder):
    content = bytearray((folder / "waveform.npy").read_bytes())
    content[-1] ^= 1
    (folder / "waveform.npy").write_bytes(content)
    open_prepared(folder)
    with pytest.raises(DataError, match="the content of array 'waveform' is not as it was written"):
        open_prepared(folder, verify=True)
    assert len(check_prepared(folder)) == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("b,1,train", "b,7,train", "line 3: label 7 is out of range"),
        ("b,1,train", "b,-1,train", "line 3: label -1 is out of range"),
        ("b,1,train", "b,one,train", "column 'label' has a value that is not int"),
        ("b,1,train", "b,1,dev", "line 3: unknown split 'dev'"),
        ("b,1,train", "b,1,test", "the manifest says"),
        ("b,1,train", "a,1,train", "ids are not unique"),
        ("b,1,train", "b,1", "line 3 does not have 6 fields"),
        ("id,label", "name,label", "columns"),
        ("\nd,", "\n", "line 5 does not have 6 fields"),
        ("a,0,train,g1,true,0.5\nb,1,", "a,1,train,g1,true,0.5\nb,0,", "the index was changed after it was written"),
        ("0,validation,g2", "0,validation,g3", "the index was changed after it was written"),
        (",true,", ",maybe,", "column 'loud'"),
    ],
)
def test_malformed_index(folder, old, new, message):
    text = (folder / "index.csv").read_text()
    assert old in text
    (folder / "index.csv").write_text(text.replace(old, new))
    with pytest.raises(DataError, match=message) as caught:
        open_prepared(folder)
    assert "index.csv" in str(caught.value)


def test_short_index(folder):
    text = (folder / "index.csv").read_text()
    (folder / "index.csv").write_text("\n".join(text.splitlines()[:-1]) + "\n")
    with pytest.raises(DataError, match="the index has 3 rows, the manifest says 4"):
        open_prepared(folder)


def test_several_problems_are_all_reported(folder):
    damage_missing(folder / "frames.npy")
    damage_truncated(folder / "waveform.npy")
    (folder / "index.csv").write_text("")
    assert {problem.where.name for problem in check_prepared(folder)} == {"frames.npy", "waveform.npy", "index.csv"}


def test_preparing_does_not_load_torch():
    code = (
        "import sys, mmlib.data.prepared, mmlib.data.registry, mmlib.data.synthetic, mmlib.data.grid_words, "
        "mmlib.data.av_digits, mmlib.data.cremad, mmlib.data.vggsound, mmlib.data.standins; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_items_round_trip(tmp_path):
    prepared = open_prepared(write_questions(tmp_path / "asked"), verify=True)
    assert len(prepared) == toy_questions.QUESTIONS
    assert prepared.by_item("sound")
    assert not prepared.by_item("text")
    np.testing.assert_array_equal(prepared.arrays["sound"][prepared.index["item"]], SOUND[ITEM])
    np.testing.assert_array_equal(prepared.arrays["text"], ASKED)
    np.testing.assert_array_equal(prepared.targets, toy_questions.VALUE)
    assert prepared.manifest["arrays"]["sound"]["by"] == "item"
    assert check_prepared(prepared.folder) == []


def test_folders_without_items_are_as_they_were(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert all(set(entry) == {"file", "dtype", "shape", "sha256"} for entry in manifest["arrays"].values())
    prepared = open_prepared(folder)
    assert prepared.targets is prepared.labels
    assert prepared.beside("frames", "seconds") is prepared.index["seconds"]


def test_a_column_beside_an_array_of_items(tmp_path):
    lengths = np.array([30, 10, 20, 50, 40])
    prepared = open_prepared(write_questions(tmp_path / "asked", index={"samples": lengths[ITEM]}))
    np.testing.assert_array_equal(prepared.beside("sound", "samples"), lengths)
    np.testing.assert_array_equal(prepared.beside("text", "samples"), lengths[ITEM])
    assert prepared.beside("sound", "frames") is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"index": {"item": np.where(np.arange(20) == 3, 5, ITEM)}}, "line 5: item 5 is out of range for 5 items"),
        ({"index": {"item": np.where(np.arange(20) == 3, -1, ITEM)}}, "line 5: item -1 is out of range"),
        ({"index": {"item": None}}, "belong together"),
        ({"index": {"item": ITEM.astype(float)}}, "belong together"),
        ({"by_item": ()}, "belong together"),
        ({"by_item": ("sound", "text")}, "different numbers of rows"),
        ({"index": {"value": None}}, "names the target 'value'"),
        ({"source": {"target": "group"}}, "names the target 'group'"),
    ],
)
def test_items_and_targets_that_do_not_fit(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        write_questions(tmp_path / "asked", **changes)
    assert list(tmp_path.iterdir()) == []


def test_an_array_by_rows_must_still_have_them(tmp_path):
    with pytest.raises(DataError, match=r"array 'text' has 5 rows, the index has 20"):
        write_questions(tmp_path / "asked", arrays={"text": ASKED[:5]})


def test_an_unknown_mark_of_an_array(tmp_path):
    folder = write_questions(tmp_path / "asked")
    edit_manifest(folder, lambda manifest: manifest["arrays"]["sound"].update(by="clip"))
    with pytest.raises(DataError, match="the rows of array 'sound' are by 'clip'"):
        open_prepared(folder)


def test_adopted_arrays_may_be_by_item(tmp_path):
    np.save(tmp_path / "written.npy", SOUND)
    with PreparedWriter(tmp_path / "adopted", dataset="x", classes=["a"]) as writer:
        writer.adopt("sound", tmp_path / "written.npy", by_item=True)
        index = {"id": ["a", "b"], "label": [0, 0], "split": ["train"] * 2, "group": ["g"] * 2, "item": [4, 4]}
        prepared = open_prepared(writer.finish(index=index, source={}))
    assert prepared.by_item("sound")
    np.testing.assert_array_equal(prepared.arrays["sound"][prepared.index["item"]], SOUND[[4, 4]])
