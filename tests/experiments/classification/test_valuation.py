"""Valuation and re-sampling, from parameters to files: what is recorded, what changes, what resumes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from equal_runs import assert_same_run, untimed
from loading_settings import loading_parameters

from mmlib.data.loader import BatchLoader
from mmlib.data.loading import load_data
from mmlib.data.sampling import SamplingPlan
from mmlib.errors import ParameterError, UsageError
from mmlib.experiments import classification
from mmlib.experiments.classification import Parameters, experiment
from mmlib.experiments.classification.valuation import as_evaluated, shared_by
from mmlib.training import Group
from mmlib.training.loop import Trainer
from mmlib.valuation.contributions import contributions
from mmlib.valuation.resampling import modality_plan, resampling_counts, sample_plan

SMALL = {"synthetic_samples": 100, "epochs": 4, "feature_channels": 8, "batch_size": 16, "fusion": "concat"}
SAMPLE = {"resampling": "sample", "resampling_warmup": 2}
MODALITY = {"resampling": "modality", "resampling_warmup": 1, "resampling_strength": 3.0, "resampling_share": 0.5}
TRAIN = 60


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return str(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def start(tmp_path_factory, store):
    """`start(**changes)`: a small run, in a folder of its own unless `output` names one."""

    def start(**changes):
        given = {**SMALL, "data_store": store, "output": str(tmp_path_factory.mktemp("run")), **changes}
        return classification.run(Parameters.resolve(given))

    return start


@pytest.fixture(scope="module")
def plain(start):
    return start()


@pytest.fixture(scope="module")
def valued(start):
    return start(valuation=True)


@pytest.fixture(scope="module")
def by_sample(start):
    return start(**SAMPLE, valuation=True)


def way(finished):
    """What the last epoch's network says of the test split: runs that differ anywhere differ here."""
    return finished.arrays["last_logits"].tobytes()


def sizes(finished):
    """Samples trained on in each epoch."""
    return np.bincount(finished.arrays["epoch"], weights=finished.arrays["samples"]).astype(int).tolist()


def contributions_in(finished, number):
    """Of the `number`-th valued epoch, computed again from which predictions were right."""
    arrays = finished.arrays
    found = contributions(arrays["valuation_correct"][number], arrays["valuation_modalities"].tolist())
    np.testing.assert_array_equal(found.units, arrays["valuation_contributions"][number])
    return found


def test_without_valuation_nothing_is_said_of_it(plain):
    names = [*plain.metrics, *plain.arrays, *(name for entry in plain.history for name in entry)]
    assert not [name for name in names if "contribution" in name or "valuation" in name or "only" in name]


def test_valuing_changes_nothing_that_is_learned(plain, valued):
    assert way(valued) == way(plain)
    shared = [{name: value for name, value in entry.items() if name in plain.history[0]} for entry in valued.history]
    for one, other in zip(untimed(shared), untimed(plain.history), strict=True):
        extra = {name: value for name, value in one.items() if name not in other}
        assert not extra
        assert one == other
    assert {name: valued.metrics[name] for name in plain.metrics} == plain.metrics


def test_what_is_recorded_of_every_epoch(valued):
    arrays = valued.arrays
    assert arrays["valuation_epochs"].tolist() == [0, 1, 2, 3]
    assert arrays["valuation_contributions"].shape == (4, TRAIN, 2)
    assert arrays["valuation_contributions"].dtype == np.int8
    assert arrays["valuation_modalities"].tolist() == ["audio", "visual"]
    assert (arrays["valuation_positions"] == np.arange(TRAIN)).all()
    assert arrays["valuation_rows"].tolist() == list(range(TRAIN))
    assert arrays["valuation_informative"].shape == (TRAIN, 2)
    for number, entry in enumerate(valued.history):
        found = contributions_in(valued, number)
        np.testing.assert_array_equal(found.units.sum(axis=1), 4 * found.correct[:, -1])
        means = found.means()
        for name in ("audio", "visual"):
            assert entry[f"valuation/contribution_{name}"] == float(means[name])
        total = entry["valuation/contribution_audio"] + entry["valuation/contribution_visual"]
        assert total == pytest.approx(2 * entry["valuation/top1"])
        gap = entry["valuation/top1_only_audio"] - entry["valuation/top1_only_visual"]
        assert entry["valuation/contribution_audio"] - entry["valuation/contribution_visual"] == pytest.approx(gap)
        assert 0 <= entry["valuation/contribution_auc"] <= 1
        assert entry["valuation/next_rows"] == TRAIN
        assert entry["valuation/seconds"] > 0


def test_the_record_holds_contributions_of_test(valued):
    for protocol in ("paper", "clean", "last"):
        total = sum(valued.metrics[f"{protocol}/contribution_{name}"] for name in ("audio", "visual"))
        assert total == pytest.approx(2 * valued.metrics[f"{protocol}/top1"])
        assert 0 <= valued.metrics[f"{protocol}/contribution_auc"] <= 1
        units = valued.arrays[f"{protocol}_contributions"]
        assert units.shape == (25, 2)
        assert units[:, 0].mean() / 2 == pytest.approx(valued.metrics[f"{protocol}/contribution_audio"])
    table = valued.table()
    assert {"contribution_audio", "top1_only_visual", "contribution_auc"} <= set(table.columns)


def test_sample_level_trains_on_the_list_that_the_valuation_gives(by_sample, plain):
    expected = [TRAIN, TRAIN]
    for number in (1, 2):
        plan = sample_plan(contributions_in(by_sample, number))
        expected.append(len(plan))
    assert sizes(by_sample) == expected
    assert expected[2] > TRAIN
    assert [entry["valuation/next_rows"] for entry in by_sample.history] == [
        TRAIN,
        expected[2],
        expected[3],
        expected[3],
    ]
    first = [untimed(run.history)[:2] for run in (by_sample, plain)]
    assert [entry["train/loss"] for entry in first[0]] == [entry["train/loss"] for entry in first[1]]
    assert way(by_sample) != way(plain)


def test_only_what_a_list_needs_is_valued_without_valuation(start, by_sample):
    found = start(**SAMPLE)
    assert found.arrays["valuation_epochs"].tolist() == [1, 2]
    assert way(found) == way(by_sample)
    assert [("valuation/contribution_audio" in entry) for entry in found.history] == [False, True, True, False]


def test_modality_level_needs_a_part_alone(start):
    part, whole = start(**MODALITY), start(**MODALITY, valuation=True)
    assert way(part) == way(whole)
    assert sizes(part) == sizes(whole)
    assert part.arrays["valuation_contributions"].shape == (3, 30, 2)
    positions = part.arrays["valuation_positions"]
    assert len({tuple(rows) for rows in positions.tolist()}) == 3, "another part after every epoch"
    for number in range(3):
        of_whole = contributions_in(whole, number).rows(positions[number])
        np.testing.assert_array_equal(of_whole.units, part.arrays["valuation_contributions"][number])
        counts = resampling_counts(of_whole.means(), TRAIN, strength=3.0)
        assert sizes(part)[number + 1] == TRAIN + sum(counts.values())
    assert max(sizes(part)) > TRAIN


@pytest.mark.parametrize(
    "changes",
    [
        {"resampling_function": "tanh"},
        {"resampling_function": "power"},
        {"resampling_strength": 1.0},
        {"resampling_share": 1.0},
        {"resampling_replace": False},
        {"seed": 1},
    ],
)
def test_every_choice_changes_what_is_learned(start, changes):
    assert way(start(**{**MODALITY, **changes})) != way(start(**MODALITY))


def test_samples_are_valued_as_a_test_shows_them(store):
    """With noise on the training sound the same rows are shown without it; `augmented` shows the noise."""
    parameters = loading_parameters(store)
    train = load_data(parameters)["train"]
    clean = as_evaluated(train, parameters)
    assert train.views["audio"].random
    assert not clean.views["audio"].random
    assert clean is not train
    np.testing.assert_array_equal(clean.rows, train.rows)
    still = as_evaluated(clean, parameters)
    assert still is clean, "nothing random is left, so what is computed of it is shared"


class Stop(Exception):
    pass


@pytest.mark.parametrize("settings", [{**SAMPLE, "resampling_warmup": 1}, MODALITY], ids=["sample", "modality"])
@pytest.mark.parametrize("where", ["between epochs", "within an epoch"])
def test_resumes_bit_for_bit(start, tmp_path, monkeypatch, settings, where):
    settings = {**settings, "modulation": "ogm_ge", "valuation": True}
    whole = start(**settings, output=str(tmp_path / "whole"))
    real_step, real_evaluate, steps = Trainer._step, Trainer._evaluate, []

    def step(trainer, batch):
        steps.append(1)
        if where == "within an epoch" and len(trainer.log.history.entries) == 2 and steps[-2:] == [1, 1]:
            raise Stop
        return real_step(trainer, batch)

    def evaluate(trainer):
        if where == "between epochs" and len(trainer.log.history.entries) == 2:
            raise Stop
        return real_evaluate(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", step)
        patch.setattr(Trainer, "_evaluate", evaluate)
        with pytest.raises(Stop):
            start(**settings, output=str(tmp_path / "parts"))
    torch.manual_seed(99)
    parts = start(**settings, output=str(tmp_path / "parts"))
    assert_same_run(parts, whole)
    assert max(sizes(parts)) > TRAIN


@pytest.mark.parametrize(
    "changes",
    [
        {"modulation": "ogm_ge"},
        {"modulation": "mslr"},
        {"unimodal_heads": "attached", "iemf": True, "lfm": "features"},
        {"fusion": "film"},
        {"fusion": "gated", "simam2": True, "zeta": "learned"},
        {"dataset": "synthetic_trio"},
        {"drop_last": True},
        {"finetune_modality": "audio", "finetune_epochs": 1},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_composes_with_everything_else(start, changes):
    found = start(**{**SAMPLE, "resampling_warmup": 1, "epochs": 2}, **changes)
    rows = sizes(found)
    assert rows[1] > rows[0]
    assert all(np.isfinite(entry["train/loss"]) for entry in found.history)


def test_copies_reach_the_model_with_one_modality_alone(start, monkeypatch):
    seen = []
    real = Trainer._output

    def output(trainer, batch):
        found = real(trainer, batch)
        if batch.keep:
            seen.append({name: mask.clone() for name, mask in batch.keep.items()})
            for name, mask in batch.keep.items():
                assert (found.features[name][~mask] == 0).all()
        return found

    monkeypatch.setattr(Trainer, "_output", output)
    start(**{**SAMPLE, "resampling_warmup": 1, "epochs": 2})
    kept = torch.stack([torch.cat([keep[name] for keep in seen]) for name in ("audio", "visual")])
    assert kept.any(dim=0).all(), "no sample drops both"
    assert (kept.sum(dim=0) == 2).sum() == TRAIN, "every sample comes once with both"
    assert (kept.sum(dim=0) == 1).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resampling": "sample"}, "resampling_warmup = 5 leaves no epoch to re-sample: epochs = 4"),
        ({**SAMPLE, "force": "paired"}, "re-sampling shows some with one alone"),
        ({"resampling": "samples"}, "did you mean 'sample'"),
        ({"resampling_share": 0.0}, "resampling_share = 0.0: must be greater than 0"),
    ],
)
def test_settings_that_cannot_be_meant(changes, message):
    with pytest.raises(ParameterError, match=message):
        Parameters.resolve({**SMALL, **changes})


def test_slug_says_the_level():
    assert Parameters.resolve({**SMALL, **MODALITY}).slug() == "synthetic-concat-modality_level-s0"


def test_one_modality_alone_values_nothing(start):
    found = start(modalities="audio", valuation=True, epochs=1)
    assert not [name for name in found.arrays if "valuation" in name]


def test_a_last_batch_that_processes_cannot_share_is_left_out():
    found = contributions(np.array([[True, False, True]] * 5), ("a", "b"))
    plan = sample_plan(found)
    assert len(plan) == 10
    assert shared_by(plan, 5, 3, 1) is plan
    assert shared_by(plan, 5, 4, 2) is plan
    short = shared_by(plan, 5, 3, 2)
    assert len(short) == 9
    assert short.keep["b"].tolist() == plan.keep["b"][:9].tolist()
    originals = SamplingPlan(np.arange(7), {"a": np.ones(7, bool)})
    assert shared_by(originals, 7, 3, 2) is originals
    rows = modality_plan({"a": 1.5, "b": 0.5}, 9, np.random.default_rng(0))
    assert len(rows) == 15
    assert len(shared_by(rows, 9, 14, 2)) == 14


def test_the_memory_of_a_loader_that_shows_nothing_random_is_shared(store):
    parameters = Parameters.resolve({**SMALL, **SAMPLE, "data_store": store})
    setup = experiment.ClassificationExperiment().setup(parameters, torch.device("cpu"), Group())
    valuation = setup.task.valuation
    assert isinstance(valuation.loader, BatchLoader)
    assert valuation.loader.dataset is setup.data["train"]
    assert list(setup.loaders) == ["train", "validation", "test", "valuation"]


def test_one_modality_is_refused_where_it_is_asked_for(store):
    from mmlib.experiments.classification.model import build_model

    parameters = Parameters.resolve({**SMALL, **SAMPLE, "data_store": store, "modalities": "audio"})
    data = load_data(parameters)
    model = build_model(parameters, data["train"].input_shapes, 4)
    with pytest.raises(UsageError, match="2 to 12 modalities with different names; got audio"):
        experiment.setup_training(parameters, model, data, torch.device("cpu"), Group())
