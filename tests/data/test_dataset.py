"""The dataset: the cache, targets of whole and of real numbers, token ids, items that rows share."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import toy_questions
from loading_settings import assert_same, epoch_of, loading_parameters
from toy_questions import ASKED, ITEM, LENGTHS, SOUND, VALUE, write_questions

from mmlib.data.assembly import build_views
from mmlib.data.dataset import MultimodalDataset
from mmlib.data.loading import load_data
from mmlib.data.prepared import open_prepared
from mmlib.data.views import ItemView
from mmlib.errors import DataError, ParameterError

ROWS = np.arange(14)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    return open_prepared(write_questions(tmp_path_factory.mktemp("questions") / "asked"), verify=True)


def questions(prepared, **options):
    views = build_views(prepared, SimpleNamespace(), training=True)
    return MultimodalDataset(prepared, ROWS, views, split="train", **options)


def test_kept_inputs_equal_computed_ones(data):
    kept = data["validation"]
    fresh = MultimodalDataset(kept.prepared, kept.rows, kept.views, split="validation", cache_bytes=0)
    assert_same(kept[np.arange(18)], fresh[np.arange(18)])
    assert fresh._cache == {"audio": None, "visual": None}


def test_a_glance_computes_what_it_shows_and_nothing_else(data, monkeypatch):
    whole = data["test"]
    seen = MultimodalDataset(whole.prepared, whole.rows, whole.views, split="test")
    computed = []
    for view in set(map(type, seen.views.values())):
        call = view.__call__
        monkeypatch.setattr(
            view, "__call__", lambda self, rows, draws, call=call: computed.append(len(rows)) or call(self, rows, draws)
        )
    few = seen.glance([3, -1])
    assert computed == [2, 2]
    assert not seen._cache
    kept = seen.fill_cache()[[3, len(seen) - 1]]
    assert few.targets.tolist() == kept.targets.tolist()
    for name, values in kept.inputs.items():
        torch.testing.assert_close(few.inputs[name], values)
    computed.clear()
    again = seen.glance([3])
    assert not computed, "what is kept is used"
    torch.testing.assert_close(again.inputs["audio"], kept.inputs["audio"][:1], rtol=0, atol=0)


def test_what_is_random_is_not_kept(data, store):
    data["train"].fill_cache()
    assert set(data["train"]._cache) == {"visual"}
    clean = load_data(loading_parameters(store, audio_snr_db=None))["train"].fill_cache()
    assert set(clean._cache) == {"audio", "visual"}


def test_plain_positions(data):
    assert torch.equal(data["test"][3].inputs["audio"], data["test"][[3, 5]].inputs["audio"][:1])
    assert data["test"].column("audio_informative").shape == (30,)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, bool])
def test_whole_targets_stay_class_numbers(asked, dtype):
    targets = (np.arange(toy_questions.QUESTIONS) % 2).astype(dtype)
    batch = questions(asked, targets=targets)[[0, 1, 3]]
    assert batch.targets.dtype == torch.int64
    assert batch.targets.tolist() == [0, 1, 1]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_real_targets_stay_real(asked, dtype):
    dataset = questions(asked, targets=VALUE.astype(dtype))
    expected = torch.from_numpy(VALUE[ROWS].astype(dtype).astype(np.float32))
    assert dataset.targets.dtype == np.float32
    assert torch.equal(dataset[ROWS].targets, expected)
    assert (expected != expected.round()).any()


def test_a_folder_names_its_real_valued_target(asked):
    assert torch.equal(questions(asked)[ROWS].targets, torch.from_numpy(VALUE[ROWS].astype(np.float32)))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e300])
def test_targets_that_are_not_finite_are_refused(asked, wrong):
    values = VALUE.copy()
    values[[6, 9, 19]] = wrong  # row 19 is not in this split
    with pytest.raises(DataError, match=r"target of 'q6' \(row 6, split train\) is .* one of 2 that are not finite"):
        questions(asked, targets=values)


def test_targets_that_are_no_numbers_are_refused(asked):
    with pytest.raises(ParameterError, match="targets are <U"):
        questions(asked, targets=np.array(["yes"] * toy_questions.QUESTIONS))


@pytest.mark.parametrize("cache_bytes", [0, 1 << 20])
def test_questions_on_one_clip_see_its_features(asked, cache_bytes):
    dataset = questions(asked, cache_bytes=cache_bytes)
    index = np.array([3, 0, 3, 13, 7])
    batch = dataset[index]
    assert torch.equal(batch.inputs["sound"], torch.from_numpy(SOUND[ITEM[index]]).float())
    assert torch.equal(batch.inputs["text"], torch.from_numpy(ASKED[index]))
    assert batch.inputs["text"].dtype == torch.int64
    assert dataset.input_shapes == {"sound": (3,), "text": (toy_questions.TOKENS,)}


def test_the_cache_holds_clips_not_questions(asked):
    dataset = questions(asked).fill_cache()
    used = len(np.unique(ITEM[ROWS]))
    assert used < len(ROWS)
    assert dataset._cache["sound"].shape == (used, 3)
    assert dataset._cache["text"].shape == (14, toy_questions.TOKENS)
    assert dataset._cache["text"].dtype == torch.int64
    few = MultimodalDataset(asked, np.flatnonzero(ITEM == 4), dataset.views, split="train").fill_cache()
    assert few._cache["sound"].shape == (1, 3)
    # what fits as clips is kept although it would not fit as questions
    assert dataset.glance([2]).inputs["sound"].tolist() == questions(asked).glance([2]).inputs["sound"].tolist()
    tight = questions(asked, cache_bytes=used * 3 * 4).fill_cache()
    assert tight._cache["sound"] is not None


def test_worker_processes_and_shards_read_items_too(asked):
    whole = epoch_of(questions(asked), 1, batch_size=5)
    for mine, alone in zip(epoch_of(questions(asked), 1, batch_size=5, workers=1), whole, strict=True):
        assert_same(mine, alone)
    for batch in whole:
        assert torch.equal(batch.inputs["sound"], torch.from_numpy(SOUND[ITEM[batch.index]]).float())


def test_lengths_travel_as_extra(asked):
    batch = questions(asked, extra={"text_length": LENGTHS})[[2, 5]]
    assert batch.extra["text_length"].tolist() == LENGTHS[[2, 5]].tolist()
    assert (batch.inputs["text"] != 0).sum(1).tolist() == LENGTHS[[2, 5]].tolist()


def test_a_random_view_of_items_draws_by_place_not_by_item(asked):
    class Noisy:
        random = True

        def __call__(self, rows, draws):
            return draws.normal("noise", 2) + torch.from_numpy(rows)[:, None]

    dataset = MultimodalDataset(asked, ROWS, {"sound": ItemView(Noisy(), ITEM)}, split="train")
    whole = epoch_of(dataset, batch_size=14)[0]
    noise = whole.inputs["sound"] - torch.from_numpy(ITEM[whole.index])[:, None]
    assert len({tuple(row) for row in noise.tolist()}) == 14
    parts = [epoch_of(dataset, batch_size=14, rank=rank, world_size=3)[0] for rank in range(3)]
    assert torch.equal(torch.cat([part.inputs["sound"] for part in parts]), whole.inputs["sound"])
