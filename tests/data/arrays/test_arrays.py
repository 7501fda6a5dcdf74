"""A person's own arrays: every form of file, every mistake with one message, nothing left behind, little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from mmlib.data import prepared_index
from mmlib.data.catalogue import DATASETS
from mmlib.data.loading import load_data
from mmlib.data.prepared import check_prepared, open_prepared
from mmlib.data.registry import missing, notes, prepare, prepare_raw
from mmlib.errors import DataError, MMLibError, ParameterError, UsageError
from mmlib.experiments import classification
from mmlib.experiments.classification import Parameters

ROWS = 40
LABELS = ["cat", "dog"]


def write_index(path, rows=ROWS, **columns):
    """An index of `rows` samples, half of each class; every fourth is test; `columns` replace or add some."""
    number = range(rows)
    given = {
        "id": [f"s{i}" for i in number],
        "split": ["test" if i % 4 == 3 else "train" for i in number],
        "label": [LABELS[i // 4 % 2] for i in number],
    } | columns
    lines = [",".join(map(str, values)) for values in zip(*given.values(), strict=True)]
    path.write_text("\n".join([",".join(given), *lines]) + "\n")


def seen(rows=ROWS, *sizes, seed=0):
    """Float arrays that tell the class of `write_index`."""
    label = (np.arange(rows) // 4 % 2).reshape(rows, *[1] * len(sizes))
    return (2.0 * label + np.random.default_rng(seed).standard_normal((rows, *sizes))).astype(np.float32)


@pytest.fixture
def source(tmp_path):
    """Two modalities in two forms: a vector in an .npy and a sequence in an .npz."""
    folder = tmp_path / "source"
    folder.mkdir()
    write_index(folder / "index.csv")
    np.save(folder / "vector.npy", seen(ROWS, 5))
    np.savez(folder / "steps.npz", steps=seen(ROWS, 6, 3).astype(np.float64))
    return folder


@pytest.fixture
def make(source, tmp_path):
    def start(**options):
        return prepare_raw(DATASETS["arrays"], source, tmp_path / "out", options)

    return start


def test_becomes_an_ordinary_prepared_folder(source, make, tmp_path):
    assert "it is made from its files by: mmlib data prepare arrays" in missing("arrays", source)
    prepared = open_prepared(make())
    assert check_prepared(prepared.folder) == []
    assert prepared.manifest["source"]["modalities"] == {"steps": "features", "vector": "features"}
    assert {name: (array.dtype, array.shape) for name, array in prepared.arrays.items()} == {
        "steps": (np.float32, (ROWS, 6, 3)),
        "vector": (np.float32, (ROWS, 5)),
    }
    assert np.array_equal(prepared.arrays["vector"], np.load(source / "vector.npy"))
    assert prepared.classes == LABELS
    assert prepared.manifest["splits"] == {"train": 30, "test": 10}
    assert np.array_equal(prepared.index["group"], prepared.index["id"])
    assert (prepared.origin, missing("arrays", tmp_path / "out")) == ("recorded", None)
    assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.endswith(".lock")] == ["arrays"]


def test_the_same_files_are_found_and_others_refused(source, make):
    folder = make()
    before = (folder / "manifest.json").stat().st_mtime_ns
    assert make() == folder
    assert (folder / "manifest.json").stat().st_mtime_ns == before
    np.save(source / "vector.npy", seen(ROWS, 5, seed=1))
    with pytest.raises(UsageError, match="made of other files or settings. Delete it, or choose another --out"):
        make()
    assert (folder / "manifest.json").stat().st_mtime_ns == before


def test_forms_and_shapes_decide_how_a_modality_is_shown(source, make):
    bytes_ = np.random.default_rng(0).integers(0, 256, (ROWS, 8, 9, 3), dtype=np.uint8)
    np.save(source / "photo.npy", bytes_)
    np.save(source / "grey.npy", bytes_[..., 0])
    np.save(source / "film.npy", np.stack([bytes_] * 2, axis=1))
    np.save(source / "flow.npy", seen(ROWS, 2, 3, 8, 9).astype(np.float16))
    np.save(source / "one.npy", seen(ROWS))
    np.savez(source / "words.npz", ids=np.arange(ROWS * 4).reshape(ROWS, 4) % 7)
    table = "\n".join(["a,b", *(f"{row},{row / 3}" for row in range(ROWS))])
    (source / "table.csv").write_text(table)
    (source / "codes.csv").write_text("\n".join(f"{row % 5},0" for row in range(ROWS)))
    prepared = open_prepared(make(tokens="words,codes"))
    assert {name: (array.dtype.name, array.shape[1:]) for name, array in prepared.arrays.items()} == {
        "codes": ("int32", (2,)),
        "film": ("uint8", (3, 2, 8, 9)),
        "flow": ("float16", (2, 3, 8, 9)),
        "grey": ("uint8", (1, 8, 9)),
        "one": ("float32", (1,)),
        "photo": ("uint8", (3, 8, 9)),
        "steps": ("float32", (6, 3)),
        "table": ("float32", (2,)),
        "vector": ("float32", (5,)),
        "words": ("int32", (4,)),
    }
    assert np.array_equal(prepared.arrays["photo"], np.moveaxis(bytes_, -1, 1))
    assert np.array_equal(prepared.arrays["film"][:, :, 1], np.moveaxis(bytes_, -1, 1))
    assert np.allclose(prepared.arrays["table"][:, 1], np.arange(ROWS) / 3)
    data = load_data(Parameters.resolve({"dataset": "arrays", "data_root": str(prepared.folder)}))["train"]
    batch = data[np.arange(3)]
    assert batch.inputs["words"].dtype == torch.int64
    expected = (torch.from_numpy(prepared.arrays["photo"][data.rows[:3]] / 255.0) - 0.5) / 0.25
    assert torch.allclose(batch.inputs["photo"].double(), expected, atol=1e-6)


def test_files_can_be_named_and_lie_elsewhere(source, make, tmp_path):
    np.savez(tmp_path / "all.npz", x=seen(ROWS, 2), y=seen(ROWS, 3))
    prepared = open_prepared(make(files=f"left={tmp_path}/all.npz:x, right={tmp_path}/all.npz:y"))
    assert {name: array.shape[1] for name, array in prepared.arrays.items()} == {"left": 2, "right": 3}


def test_groups_truth_and_other_columns(source, make):
    truth = ["true" if i % 3 else "false" for i in range(ROWS)]
    write_index(
        source / "index.csv",
        group=[f"g{i // 4}" for i in range(ROWS)],
        vector_informative=truth,
        remark=["x"] * ROWS,
        split=["val" if i == 0 else "test" if i % 4 == 3 else "train" for i in range(ROWS)],
    )
    prepared = open_prepared(make())
    assert prepared.index["vector_informative"].tolist() == [text == "true" for text in truth]
    assert prepared.manifest["source"]["columns_left_out"] == ["remark"]
    assert prepared.manifest["splits"] == {"train": 29, "validation": 1, "test": 10}
    assert notes(prepared.folder) == [
        "10 groups lie in several splits, such as g0: test is not held out.",
        "validation has no sample of 1 classes (dog).",
    ]


def test_whole_numbers_are_classes_in_their_order(source, make):
    write_index(source / "index.csv", label=[[2, 10, -1][i % 3] for i in range(ROWS)])
    prepared = open_prepared(make())
    assert prepared.classes == ["-1", "2", "10"]
    assert prepared.labels[:3].tolist() == [1, 2, 0]


def test_real_values_are_the_target_and_their_ranges_the_classes(source, make, tmp_path):
    write_index(source / "index.csv", label=[f"{i / 10}" for i in range(ROWS)])
    prepared = open_prepared(make(target="value", bins=3))
    assert np.allclose(prepared.targets, np.arange(ROWS) / 10)
    assert prepared.classes == ["below 1.26667", "1.26667 to 2.53333", "2.53333 or more"]
    of_train = np.bincount(prepared.labels[prepared.rows("train")])
    assert of_train.tolist() == [10, 10, 10]
    values = {"dataset": "arrays", "data_root": str(tmp_path / "out")}
    assert load_data(Parameters.resolve(values))["test"].targets.dtype == np.int64


def test_an_edge_on_a_value_leaves_no_range_empty(source, make):
    write_index(source / "index.csv", label=[0.0 if i < 30 else float(i) for i in range(ROWS)])
    prepared = open_prepared(make(target="value", bins=8))
    assert np.bincount(prepared.labels[prepared.rows("train")]).min() > 0


@pytest.mark.parametrize(
    "change",
    [{"fusion": "concat"}, {"fusion": "sum", "modulation": "ogm_ge"}, {"modalities": "steps"}],
    ids=lambda change: "-".join(map(str, change.values())),
)
def test_classification_learns_from_it(make, tmp_path, change):
    root = str(make().parent)
    settings = {"dataset": "arrays", "data_root": root, "epochs": 12, "batch_size": 8, "feature_channels": 8}
    settings |= {"learning_rate": 0.05, "modulated_tensors": "matrices", "output": str(tmp_path / "run"), **change}
    finished = classification.run(Parameters.resolve(settings))
    assert finished.metrics["last/top1"] >= 0.9
    assert {"modalities", "fusion"} & set(change) == set(change) - {"modulation"}


class TestMistakes:
    """Each is one message that names the file, and nothing is written."""

    def refused(self, make, tmp_path, match, **options):
        with pytest.raises(MMLibError, match=match) as caught:
            make(**options)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code in (2, 3)
        left = [path.name for path in (tmp_path / "out").glob("*")] if (tmp_path / "out").exists() else []
        assert [name for name in left if not name.endswith(".lock")] == []

    INDEX = {
        "duplicate id": ({"id": ["s3", *(f"s{i}" for i in range(1, ROWS))]}, "line 5: the id 's3' stands in line 2"),
        "unknown split": ({"split": ["train", "dev", *["train", "test"] * 19]}, r"line 3: 'dev' is no split"),
        "no training row": (
            {"label": ["bird" if i % 4 == 3 else "cat" for i in range(ROWS)]},
            "line 5: the class 'bird'",
        ),
        "one class": ({"label": ["cat"] * ROWS}, "all labels are 'cat'"),
        "empty label": ({"label": ["", *["cat", "dog"] * 19, "cat"]}, "line 2: label has 0 characters"),
        "long id": ({"id": ["x" * 201, *range(ROWS - 1)]}, "line 2: id has 201 characters"),
        "no test": ({"split": ["train"] * ROWS}, "has no test sample"),
        "truth": ({"vector_informative": ["perhaps"] * ROWS}, "line 2: 'perhaps' in column vector_informative"),
        "values as classes": ({"label": [i / 7 for i in range(ROWS)]}, "real values: --set target=value"),
    }

    @pytest.mark.parametrize("case", INDEX)
    def test_in_the_index(self, source, make, tmp_path, case):
        columns, match = self.INDEX[case]
        write_index(source / "index.csv", **columns)
        self.refused(make, tmp_path, match)

    @pytest.mark.parametrize(
        ("text", "match"),
        [
            ("", "begins with the columns none"),
            ("id,split,label\n", "names no sample"),
            ("id,Split,label\na,train,x\n", "begins with the columns id, Split, label: it needs id, split, label"),
            ("id,split,label\na,train,x\nb,train\n", "line 3: 2 fields, the first line has 3"),
            ("id,split,label\n\xff", "cannot be read as a CSV file in UTF-8"),
        ],
    )
    def test_in_the_form_of_the_index(self, source, make, tmp_path, text, match):
        (source / "index.csv").write_bytes(text.encode("latin-1"))
        self.refused(make, tmp_path, match)

    ARRAYS = {
        "wrong length": (seen(ROWS - 1, 5), r"vector.npy has 39 rows, the index names 40 samples"),
        "no rows": (np.zeros((ROWS, 0), np.float32), "none of size 0"),
        "too many dimensions": (np.zeros((ROWS, 1, 1, 1, 1, 1), np.float32), "expected 1 to 4 dimensions"),
        "NaN": (np.where(np.arange(ROWS) == 7, np.nan, 1.0)[:, None], r"vector.npy: row 7 holds a NaN"),
        "infinity": (np.where(np.arange(ROWS) == 7, -np.inf, 1.0)[:, None], r"vector.npy: row 7 holds a NaN or an inf"),
        "too large": (np.full((ROWS, 1), 1e300), "values beyond 3.4"),
        "objects": (np.array([{}] * ROWS), "holds pickled objects, which can run code and are not opened"),
        "texts": (np.array(["a"] * ROWS), "expected plain numbers"),
        "whole numbers": (np.ones((ROWS, 3), np.int64), "If they are token ids, 0 for padding: --set tokens=vector"),
        "columns first": (np.asfortranarray(seen(ROWS, 5)), "stored by columns. Save it by rows"),
    }

    @pytest.mark.parametrize("case", ARRAYS)
    def test_in_an_array(self, source, make, tmp_path, case):
        array, match = self.ARRAYS[case]
        np.save(source / "vector.npy", array, allow_pickle=True)
        self.refused(make, tmp_path, match)

    def test_negative_or_fractional_tokens(self, source, make, tmp_path):
        np.save(source / "vector.npy", np.where(np.arange(ROWS) == 9, -1, 1)[:, None])
        self.refused(make, tmp_path, "row 9 holds -1; token ids are whole numbers from 0", tokens="vector")
        (source / "vector.npy").unlink()
        (source / "vector.csv").write_text("\n".join(["1"] * 9 + ["1.5"] + ["1"] * 30))
        self.refused(make, tmp_path, "row 10 holds 1.5", tokens="vector")

    def test_a_table_with_a_missing_number(self, source, make, tmp_path):
        (source / "table.csv").write_text("\n".join(["a,b"] + ["1,2"] * (ROWS - 1) + ["1,"]))
        self.refused(make, tmp_path, r"table.csv: row 41 holds a NaN or an infinity, or a number is missing")

    def test_missing_files(self, source, make, tmp_path):
        self.refused(make, tmp_path, "audio.npy is missing: the array of modality 'audio'", files="audio=audio.npy")
        (source / "index.csv").unlink()
        self.refused(make, tmp_path, "index.csv is missing: the samples, a line each")
        write_index(source / "index.csv")
        (source / "vector.npy").unlink()
        (source / "steps.npz").unlink()
        self.refused(make, tmp_path, "holds no array file")

    def test_a_file_cut_short(self, source, make, tmp_path):
        content = (source / "vector.npy").read_bytes()
        (source / "vector.npy").write_bytes(content[:-8])
        self.refused(make, tmp_path, "It is cut short or damaged")

    def test_names_and_options(self, source, make, tmp_path):
        np.save(source / "vector.csv", seen(ROWS, 5))
        (source / "vector.csv.npy").rename(source / "vector.csv")
        self.refused(make, tmp_path, "are both 'vector'. Keep one of them")
        (source / "vector.csv").unlink()
        self.refused(make, tmp_path, "option tokens names 'words'; the modalities are steps, vector", tokens="words")
        self.refused(make, tmp_path, "Expected NAME=PATH, separated by commas", files="vector.npy")
        self.refused(make, tmp_path, "'train' cannot be the name of a modality", files="train=vector.npy")
        self.refused(make, tmp_path, "option target is 'real'. Choose class or value", target="real")
        self.refused(make, tmp_path, "'cat' is no number, and option target says", target="value")
        with pytest.raises(ParameterError, match="arrays has no preparation option 'labels'"):
            make(labels="x")

    def test_the_command_says_one_line_and_fails(self, source, tmp_path):
        np.save(source / "vector.npy", seen(ROWS + 1, 5))
        words = ["data", "prepare", "arrays", "--source", str(source), "--out", str(tmp_path / "out")]
        done = subprocess.run([sys.executable, "-m", "mmlib.cli", *words], capture_output=True, text=True)
        assert done.returncode == 3
        assert "has 41 rows, the index names 40 samples" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_a_run_without_the_folder_says_how_to_make_it(tmp_path):
    with pytest.raises(MMLibError, match="mmlib data prepare arrays --source RAW --out FOLDER"):
        prepare("arrays", data_root=tmp_path, store=tmp_path)


def test_an_index_is_read_and_written_in_pieces(make, monkeypatch, tmp_path):
    whole = open_prepared(make())
    for module in ("mmlib.data.prepared_index", "mmlib.data.arrays.index"):
        monkeypatch.setattr(f"{module}.INDEX_ROWS", 7)
    monkeypatch.setattr(prepared_index, "_last", ("", {}))
    pieces = open_prepared(prepare_raw(DATASETS["arrays"], tmp_path / "source", tmp_path / "pieces", {}), verify=True)
    assert pieces.manifest_hash == whole.manifest_hash
    for name, values in whole.index.items():
        assert np.array_equal(pieces.index[name], values)
    text = (pieces.folder / "index.csv").read_text().splitlines()
    (pieces.folder / "index.csv").write_text("\n".join([*text[:20], "one", *text[21:]]) + "\n")
    with pytest.raises(DataError, match="line 21 does not have 4 fields"):
        prepared_index.read_index(pieces.folder, pieces.manifest)


PEAK = """
import json, re, sys
from pathlib import Path
from mmlib.data.catalogue import DATASETS
from mmlib.data.registry import prepare_raw
import mmlib.data.arrays.conversion, mmlib.data.features.csv_table
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) << 10
before = peak()
folder = prepare_raw(DATASETS["arrays"], Path(sys.argv[1]), Path(sys.argv[2]), {})
print(json.dumps([before, peak(), sum(p.stat().st_size for p in folder.glob("*.npy"))]))
"""


def prepare_in_a_fresh_process(source, out):
    """Bytes in memory before and at the peak, and bytes of the arrays written.

    The peak is the process's own: what `getrusage` says begins with that of the process that started it.
    """
    if not os.path.exists("/proc/self/status"):
        pytest.skip("this system does not tell a process's own peak of memory in /proc")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(source), str(out)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def write_large(folder, rows, wide):
    """An index of `rows` samples, and arrays of `wide` floats and of half as many, written a piece at a time."""
    folder.mkdir()
    write_index(folder / "index.csv", rows)
    for name, width in (("wide", wide), ("narrow", wide // 2)):
        array = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float32, (rows, width))
        for start in range(0, rows, 50_000):
            array[start : start + 50_000] = seen(min(50_000, rows - start), width)
        array.flush()


def test_memory_does_not_grow_with_the_arrays(tmp_path):
    """100,000 samples: 360 MB of features pass through; what is added in memory is a fraction of that."""
    write_large(tmp_path / "source", 100_000, 600)
    before, peak, written = prepare_in_a_fresh_process(tmp_path / "source", tmp_path / "out")
    assert written > 350e6
    assert peak - before < 160e6
