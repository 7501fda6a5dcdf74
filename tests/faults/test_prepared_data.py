"""Damaged prepared data: a message before anything is done with them, or equal data; never other numbers.

A case reads data as a run does (`verifying`), takes all values, and asks whether the run may write its record.
"""

from __future__ import annotations

import random
import shutil

import numpy as np
import pytest
from faults import CASES, EQUAL, FAILURE, NAMED, damage, guarded
from prepared_folders import ACCIDENTS, unseal

from mmlib.data.prepared import open_prepared, write_prepared
from mmlib.data.registry import prepare
from mmlib.data.verification import verifying

ROWS = 24


def write(folder, seed):
    draw = np.random.default_rng(seed)
    index = {"id": [f"s{i}" for i in range(ROWS)], "label": np.arange(ROWS) % 3, "split": ["train"] * 20 + ["test"] * 4}
    index |= {"group": index["id"], "seconds": draw.random(ROWS)}
    arrays = {
        "waveform": draw.integers(-9, 9, (ROWS, 400)).astype(np.int16),
        "visual": draw.normal(size=(ROWS, 4, 5)).astype(np.float16),
        "frames": draw.integers(0, 255, (ROWS, 2, 4, 4, 3), dtype=np.uint8),
    }
    return write_prepared(folder, dataset="tiny", classes=["a", "b", "c"], index=index, arrays=arrays, source={})


def as_a_run(folder):
    """What a run would have computed with: values and index; and the notes of its record."""
    with verifying(folder.parent / "store") as data:
        prepared = open_prepared(folder)
        values = {name: np.array(array) for name, array in prepared.arrays.items()} | prepared.index
        data.finish()
    return values | {"classes": np.array(prepared.classes)}, data.notes


def compared(folder, known):
    values, notes = as_a_run(folder)
    if set(values) != set(known) or not all(np.array_equal(values[name], known[name]) for name in known):
        return f"{FAILURE}: other numbers"
    return NAMED if notes else EQUAL


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "prepared_earlier"])
def test_prepared_data(campaign, tmp_path, monkeypatch, sealed):
    monkeypatch.setattr("mmlib.data.prepared.BLOCK", 1000)
    folder, other = write(tmp_path / "set", 0), write(tmp_path / "other", 1)
    if not sealed:
        unseal(folder)
    names = sorted(path.name for path in folder.iterdir())
    kept = {name: (folder / name).read_bytes() for name in names}
    known, _ = as_a_run(folder)
    rng = random.Random(7)
    # The manifest of an earlier preparation has no digest: what is changed in it alone cannot be seen, and is promised
    # to nobody; every other file is compared with it.
    changed = names if sealed else [name for name in names if name != "manifest.json"]
    for number in range(2 * CASES):
        name, array = rng.choice(changed), rng.choice(["waveform", "visual", "frames"])
        kind = number % 4
        if kind == 0:
            what = rng.choice(list(ACCIDENTS))
            ACCIDENTS[what](folder, array)
        elif kind == 1 and number % 8 == 1:
            what = f"{name} of another folder"
            shutil.copyfile(other / name, folder / name)
        elif kind == 1:
            what = "two arrays exchanged"
            (folder / "waveform.npy").rename(folder / "x")
            (folder / "frames.npy").rename(folder / "waveform.npy")
            (folder / "x").rename(folder / "frames.npy")
        else:
            what = f"an accident of {name}"
            (folder / name).write_bytes(damage(kept[name], rng))
        campaign.case(f"{number}: {what}", lambda: guarded(lambda: compared(folder, known)))
        for each in names:
            assert (folder / each).exists(), "damaged data are never deleted"
            (folder / each).write_bytes(kept[each])
    assert campaign.outcomes["message"] > CASES


def test_a_damaged_store(campaign, tmp_path, capsys):
    """Generated data are prepared again where opening shows the damage; what was there is kept and named."""
    options = {"samples": 40}
    folder = prepare("synthetic", data_root=None, store=tmp_path / "data", options=options)
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    known, _ = as_a_run(folder)
    rng = random.Random(8)
    for number in range(CASES):
        if number % 3 == 0:
            what = list(ACCIDENTS)[number // 3 % len(ACCIDENTS)]
            ACCIDENTS[what](folder, rng.choice(["waveform", "frames"]))
        else:
            what = rng.choice(["index.csv", "manifest.json"])
            (folder / what).write_bytes(damage(kept[what], rng))
        before = {path.name: path.read_bytes() for path in folder.iterdir()}

        def run(before=before):
            found = prepare("synthetic", data_root=None, store=tmp_path / "data", options=options)
            outcome = compared(found, known)
            if "kept as" not in capsys.readouterr().out:
                return outcome
            (aside,) = folder.parent.glob("*.damaged-*")
            same = {path.name: path.read_bytes() for path in aside.iterdir()} == before
            return NAMED if outcome == EQUAL and same else f"{FAILURE}: {outcome}, kept as it was: {same}"

        campaign.case(f"{number}: {what}", lambda run=run: guarded(run))
        for aside in folder.parent.glob("*.damaged-*"):
            shutil.rmtree(aside)
        for name, content in kept.items():
            (folder / name).write_bytes(content)
    assert campaign.outcomes["named warning"] > CASES // 4
