"""What a reference result keeps beside its records: every analysis finds in it what it found in the runs."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from continual_fakes import continual_results
from valuation_fakes import valuation_results

from mmlib.analysis import continual, correlation, valuation, zeta
from mmlib.analysis.arrays import read_arrays
from mmlib.analysis.histories import read_entries
from mmlib.analysis.kept import gather, history_columns, is_kept, kept_entries

STEPS, EPOCHS = 12, 3


def kept(folders, keep, target, histories=()):
    """The folders of the same cells inside one kept file."""
    arrays = gather(folders, keep, dict.fromkeys(folders, histories))
    path = target / "plan-profile.npz"
    np.savez_compressed(path, **arrays)
    return {cell: path / cell for cell in folders}, path


@pytest.fixture
def run(tmp_path):
    """A run's folder with arrays of every step, among them what nobody keeps."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "runs" / "cell-1"
    folder.mkdir(parents=True)
    np.savez(
        folder / "arrays.npz",
        epoch=np.repeat(np.arange(EPOCHS), STEPS // EPOCHS),
        rho_decoupled=np.exp(rng.standard_normal(STEPS)).astype(np.float32),
        rho_zeta=np.exp(rng.standard_normal(STEPS)).astype(np.float32),
        r=rng.random(STEPS).astype(np.float32),
        last_zeta_variance=rng.random(8).astype(np.float32),
        last_zeta_histogram=rng.integers(0, 9, 50),
        confusion=np.zeros((500, 500)),
    )
    entries = [{"epoch": e, "train/loss": 1.5 - e, "test/top1": 0.5 + 0.1 * e, "note": "x"} for e in range(EPOCHS)]
    entries[1].pop("test/top1")
    (folder / "history.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return folder


def test_ratios_of_every_step(run, tmp_path):
    folders, path = kept({"cell-1": run}, correlation.keep, tmp_path)
    before, after = (correlation.read_ratios(folder, 0) for folder in (run, folders["cell-1"]))
    for name in ("x", "y", "epoch"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    assert is_kept(folders["cell-1"])
    assert not is_kept(run)
    assert path.stat().st_size < 0.1 * (run / "arrays.npz").stat().st_size


def test_zeta_and_r_of_the_last_epoch(run, tmp_path):
    folders, _ = kept({"cell-1": run}, zeta.keep, tmp_path)
    stored = [read_arrays(folder, lambda name: True) for folder in (run, folders["cell-1"])]
    for name in ("last_zeta_variance", "last_zeta_histogram"):
        np.testing.assert_array_equal(stored[0][name], stored[1][name])
    assert zeta._last_epoch(stored[0]["r"], stored[0]["epoch"]) == zeta._last_epoch(stored[1]["r"], stored[1]["epoch"])
    assert set(stored[1]) == {"last_zeta_variance", "last_zeta_histogram", "r", "epoch"}


def test_contributions_by_epoch(tmp_path):
    results = valuation_results(tmp_path / "cells", seeds=(0, 1))
    folders, _ = kept(results.folders, valuation.keep, tmp_path)
    again = copy.copy(results)
    again.folders = folders
    before, after = valuation.analyse(results), valuation.analyse(again)
    assert [one.method for one in after.traced] == [one.method for one in before.traced] != []
    for one, two in zip(before.traced, after.traced, strict=True):
        assert one.names == two.names
        for seed in one.means:
            for old, new in zip(one.means[seed], two.means[seed], strict=True):
                np.testing.assert_array_equal(old, new)
    assert before.sentences == after.sentences


def test_accuracies_by_step(tmp_path):
    results = continual_results(tmp_path / "cells", seeds=(0, 1), rows=["lwf", "joint"])
    folders, _ = kept(results.folders, continual.keep, tmp_path)
    again = copy.copy(results)
    again.folders = folders
    before, after = continual.analyse(results), continual.analyse(again)
    assert len(after.traced) == len(before.traced) == 2
    np.testing.assert_array_equal(before.traced[0].steps[""][1], after.traced[0].steps[""][1])


def test_histories_with_their_gaps(run, tmp_path):
    folders, _ = kept({"cell-1": run}, None, tmp_path, ["train/loss", "test/top1", "note", "nothing"])
    assert read_entries(folders["cell-1"]) == [
        {"epoch": 0, "train/loss": 1.5, "test/top1": 0.5},
        {"epoch": 1, "train/loss": 0.5},
        {"epoch": 2, "train/loss": -0.5, "test/top1": pytest.approx(0.7)},
    ]


def test_stages_stay_apart():
    entries = [{"epoch": 0, "stage": "joint", "test/top1": 0.5}, {"epoch": 1, "stage": "finetune", "test/top1": 0.25}]
    assert set(history_columns(entries, ["test/top1"])) == {"history/epoch", "history/stage", "history/test/top1"}
    assert history_columns([], ["test/top1"]) == {}


def test_a_stage_is_read_again(tmp_path):
    entries = [{"epoch": 0, "stage": "joint", "test/top1": 0.5}, {"epoch": 1, "stage": "finetune", "test/top1": 0.25}]
    path = tmp_path / "p.npz"
    np.savez(path, **{f"cell/{name}": values for name, values in history_columns(entries, ["test/top1"]).items()})
    assert kept_entries(path / "cell") == entries
    assert kept_entries(path / "another") == []


def test_a_damaged_file_is_told_and_holds_nothing(tmp_path, capsys):
    path = tmp_path / "p.npz"
    path.write_bytes(b"PK\x03\x04 cut short")
    assert read_arrays(path / "cell", lambda name: True) == {}
    assert "p.npz is damaged" in capsys.readouterr().out
    assert read_arrays(tmp_path / "absent.npz" / "cell", lambda name: True) == {}
