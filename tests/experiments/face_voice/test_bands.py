"""What generated people must show: nothing to verify unknown people by at ρ = 0, and more with every step of ρ.

Two data sets and three values of ρ by default. The whole table (five seeds, five values of ρ, about a minute and a
half):

    MMLIB_BAND_SEEDS=5 MMLIB_BAND_STEPS=4 pytest -s tests/experiments/face_voice/test_bands.py

Data and training take the same seed, so the spread holds that of drawing the people.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

from mmlib.data.voxceleb import load_face_voice
from mmlib.experiments import face_voice
from mmlib.experiments.face_voice import Parameters
from mmlib.experiments.face_voice.task import pair_distances
from mmlib.metrics.verification import auc
from mmlib.models.fop import FOP

SEEDS = range(int(os.environ.get("MMLIB_BAND_SEEDS", "2")))
STEPS = int(os.environ.get("MMLIB_BAND_STEPS", "2"))
RHOS = [step / STEPS for step in range(STEPS + 1)]
COLUMNS = {"SH EER": "eer_seen_heard", "SH AUC": "auc_seen_heard"} | {
    "UU EER": "eer_unseen_unheard",
    "UU AUC": "auc_unseen_unheard",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def bands(tmp_path_factory, pytestconfig):
    """Percent by (ρ, column), (seeds,): FOP's defaults, last epoch."""
    folder = tmp_path_factory.mktemp("bands")
    found = {(rho, column): [] for rho in RHOS for column in COLUMNS}
    for rho in RHOS:
        for seed in SEEDS:
            given = {"synthetic_rho": rho, "seed": seed, "data_seed": seed, "bootstrap_draws": 0}
            given |= {"data_store": str(folder / "data"), "output": str(folder / f"rho{rho}-s{seed}")}
            finished = face_voice.run(Parameters.resolve(given))
            for column, name in COLUMNS.items():
                found[rho, column].append(100 * finished.metrics[f"last/{name}"])
    lines = ["| ρ | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for rho in RHOS:
        cells = [found[rho, column] for column in COLUMNS]
        shown = [f"{np.mean(values):.1f} ± {np.std(values, ddof=len(values) > 1):.1f}" for values in cells]
        lines.append(f"| {rho:g} | " + " | ".join(shown) + " |")
    with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        if pytestconfig.getoption("capture") == "no":
            print("", *lines, f"mean ± standard deviation of {len(SEEDS)} seeds, percent", sep="\n")
    return found


def mean(bands, rho, column):
    return float(np.mean(bands[rho, column]))


def test_without_a_shared_latent_unknown_people_are_near_chance(bands):
    assert all(45 <= value <= 60 for value in bands[0.0, "UU AUC"])
    assert 42 <= mean(bands, 0.0, "UU EER") <= 56


def test_known_people_are_told_apart_even_then(bands):
    """Identities of the training set are learnt by heart, face and voice each."""
    assert mean(bands, 0.0, "SH AUC") > 65


@pytest.mark.parametrize("column", COLUMNS)
def test_monotone_in_rho(bands, column):
    values = [mean(bands, rho, column) for rho in RHOS]
    better = np.diff(values) * (1 if column.endswith("AUC") else -1)
    assert (better > 0).all(), values


def test_the_whole_range_is_worth_more_than_fifteen_points(bands):
    for low, high in zip(bands[0.0, "UU AUC"], bands[1.0, "UU AUC"], strict=True):
        assert high - low > 15


@pytest.mark.parametrize("seed", SEEDS)
def test_untrained_embeddings_tell_nothing(tmp_path, seed):
    parameters = Parameters.resolve({"synthetic_rho": 1.0, "data_seed": seed, "data_store": str(tmp_path)})
    data = load_face_voice(parameters.located())
    torch.manual_seed(seed)
    model = FOP(data.widths["face"], data.widths["voice"], len(data.identities)).eval()
    for name in ("seen_heard_random", "unseen_unheard_random"):
        pairs = data.lists[name]
        with torch.inference_mode():
            assert 0.40 <= auc(pair_distances(model, pairs), pairs.label) <= 0.60
