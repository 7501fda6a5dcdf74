"""What a run gets: batches of aligned rows, lists with their own labels, clean and published protocols."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmlib.data.loader import BatchLoader
from mmlib.data.prepared import open_prepared
from mmlib.data.voxceleb import load_face_voice, pairs
from mmlib.errors import BlockedError, DataError


@pytest.fixture
def parameters(published, tmp_path):
    return SimpleNamespace(
        dataset="voxceleb1", data_root=str(published), data_store=str(tmp_path / "store"), data_seed=0, seed=0,
        face_features=12, voice_features=6, exclude_seen_heard=True, hold_out_validation=True,
    )  # fmt: skip


def test_clean_leaves_the_seen_heard_tracks_out(parameters):
    clean = load_face_voice(parameters)
    parameters.exclude_seen_heard = False
    everything = load_face_voice(parameters)
    assert (len(clean.train), len(everything.train)) == (12 * 3, 12 * 8)
    tested = np.unique(clean.lists["seen_heard_random"].voice, axis=0)

    def leaked(data):
        voices = data.train[np.arange(len(data.train))].inputs["voice"].numpy()
        return int(sum((tested == voice).all(axis=1).any() for voice in voices))

    assert leaked(clean) == 0
    assert leaked(everything) == 12 * 5
    assert clean.notes == ["60 training rows are tracks of the seen-heard test and left out"]


def test_batches_are_aligned_and_in_one_shuffled_order(parameters):
    data = load_face_voice(parameters)
    prepared = data.prepared
    batch = data.train[np.arange(10)]
    rows = data.train.rows[:10]
    assert (np.diff(data.train.rows) != 1).any()
    np.testing.assert_array_equal(batch.inputs["face"].numpy(), prepared.arrays["face"][rows])
    np.testing.assert_array_equal(batch.inputs["voice"].numpy(), prepared.arrays["voice"][rows])
    assert [data.identities[target] for target in batch.targets] == [prepared.classes[i] for i in prepared.labels[rows]]
    assert sorted(set(data.train.targets)) == list(range(12))
    loader = BatchLoader(data.train, batch_size=8, shuffle=False, seed=0, drop_last=True)
    loader.set_epoch(3)
    assert torch.cat([b.index for b in loader]).tolist() == list(range(32))
    parameters.seed = 1
    assert sorted(load_face_voice(parameters).train.rows) == sorted(data.train.rows)
    assert load_face_voice(parameters).train.rows.tolist() != data.train.rows.tolist()


def test_lists_carry_their_labels(parameters):
    data = load_face_voice(parameters)
    assert len(data.lists) == 11
    for pairs_ in data.lists.values():
        np.testing.assert_array_equal(pairs_.label, pairs_.voice_identity == pairs_.face_identity)
        inputs = list(pairs_.chunks(7))
        np.testing.assert_array_equal(torch.cat([part["face"] for part in inputs]).numpy(), pairs_.face)
    uneven = data.lists["unseen_unheard_N"]
    assert (uneven.setting, uneven.stratum) == ("unseen_unheard", "N")
    assert (uneven.label != (np.arange(len(uneven)) % 2 == 0)).any()  # parity labels would be wrong
    trained = set(data.prepared.labels[data.train.rows])
    for name in ("validation", "unseen_unheard_random"):
        assert not trained & set(data.lists[name].voice_identity)
    assert not set(data.lists["validation"].voice_identity) & set(data.lists["unseen_unheard_random"].voice_identity)


@pytest.mark.parametrize(("name", "label", "kind"), [("G", 0, "two identities"), ("random", 1, "one identity")])
def test_a_list_of_one_kind_of_pairs_is_left_out_or_refused_before_training(copy, parameters, name, label, kind):
    """A stratum is left out and named; without a random list there is nothing to measure."""
    parameters.data_root = str(copy.parent)
    path = copy / f"veriflist_test_{name}_unseenunheard.txt"
    header, *rows = path.read_text().splitlines()
    split = [row.split(",") for row in rows]
    ids = [voice if label else str(int(voice) % 29 + 1) for _, voice, *_ in split]
    rows = [",".join([row[0], row[1], face, str(label), *row[4:]]) for row, face in zip(split, ids, strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n")
    if name == "random":
        with pytest.raises(DataError, match=f"unseen_unheard_random: all 60 pairs are of {kind}"):
            load_face_voice(parameters)
    else:
        data = load_face_voice(parameters)
        assert "unseen_unheard_G" not in data.lists
        assert f"unseen_unheard_G is not measured: all its pairs are of {kind}" in data.notes


def test_matching_trials(parameters):
    trials = load_face_voice(parameters).matching["matching_10"]
    assert (len(trials), trials.size) == (120, 10)
    who = trials.identity.reshape(-1, 10)
    assert (who[:, 1:] != who[:, :1]).all()


def test_without_validation_pairs_identities_are_held_out(copy, parameters):
    parameters.data_root = str(copy.parent)
    for path in (*copy.glob("features/*veriflist_val*"), copy / "veriflist_val_random_unseenunheard.txt"):
        path.unlink()
    data = load_face_voice(parameters)
    held = data.lists["validation"]
    assert len(data.identities) == 10
    assert len(held) == 2 * 3
    assert held.label.tolist() == [True, False] * 3
    np.testing.assert_array_equal(held.label, held.voice_identity == held.face_identity)
    assert not set(held.face_identity) & set(data.prepared.labels[data.train.rows])
    assert "held out" in data.notes[-1]
    parameters.hold_out_validation = False
    assert "validation" not in load_face_voice(parameters).lists


def test_unknown_tracks_block_the_clean_protocol_only(copy, parameters):
    parameters.data_root = str(copy.parent)
    (copy / "voice_set_labels.txt").unlink()
    with pytest.raises(BlockedError, match="not known which training rows are tracks of the seen-heard test"):
        load_face_voice(parameters)
    parameters.exclude_seen_heard = False
    assert len(load_face_voice(parameters).train) == 12 * 8


def test_large_sets_stay_on_disk(parameters, monkeypatch):
    expected = load_face_voice(parameters)
    monkeypatch.setattr("mmlib.data.splits.MEMORY_BYTES", 0)
    monkeypatch.setattr(pairs, "CACHE_BYTES", 0)
    found = load_face_voice(parameters)
    assert isinstance(found.lists["seen_heard_random"].face, np.memmap)
    for data in (found.train, expected.train):
        data.batch = data[np.array([3, 1, 4])]
    for name in ("face", "voice"):
        torch.testing.assert_close(found.train.batch.inputs[name], expected.train.batch.inputs[name])
    first, second = (next(data.lists["validation"].chunks()) for data in (found, expected))
    torch.testing.assert_close(first, second)
    assert open_prepared(found.prepared.folder).manifest_hash == expected.prepared.manifest_hash
