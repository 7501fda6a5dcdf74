"""Trains every modulation on a network without batch statistics; run alone or under torchrun, with the same result.

torchrun --standalone --nproc-per-node=2 tests/training/two_processes.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from mmlib.data.loading import load_data
from mmlib.experiments.base import fit
from mmlib.experiments.building import simam2_options
from mmlib.experiments.classification import Parameters
from mmlib.experiments.classification.experiment import ClassificationExperiment, setup_training
from mmlib.models import Input, build_classifier
from mmlib.training import process_group

COMMON = {"synthetic_samples": 75, "batch_size": 16, "epochs": 2, "learning_rate": 0.05, "feature_channels": 8}
LEARNED = {"simam2": True, "zeta": "learned", "zeta_norm": "layer"}
CASES = {
    "none": {"modulation": "none"},
    "ogm": {"modulation": "ogm"},
    "ogm_ge": {"modulation": "ogm_ge", "fusion": "concat"},
    "ogm_ge-simam2": {"modulation": "ogm_ge", "simam2": True, "fusion": "film"},
    "decoupling_free-batch": {"modulation": "decoupling_free", **LEARNED},
    "decoupling_free-sample": {"modulation": "decoupling_free", "zeta_ratio": "sample", **LEARNED, "fusion": "concat"},
    "weighted_sum": {"modulation": "decoupling_free", "fusion": "weighted_sum", "zeta_norm": "none"},
}


class WithoutBatchStatistics(ClassificationExperiment):
    """Classification with group normalisation in the encoders."""

    def setup(self, parameters, device, group):
        torch.manual_seed(group.rank)  # the replicas must be made equal, whatever they start from
        if group.first:
            torch.manual_seed(0)
        model = build_classifier(
            "small",
            num_classes=6,
            fusion=parameters.fusion,
            feature_channels=8,
            inputs={"visual": Input("frames", 1), "audio": Input("spectrogram", 1)},
            norm="group",
            simam2=simam2_options(parameters),
            zeta_norm=parameters.zeta_norm,
        )
        return setup_training(parameters, model, load_data(parameters), device, group)


def train_all(folder: Path) -> None:
    """One folder per case with its history, checkpoint and final weights."""
    with process_group("cpu") as group:
        for name, changes in CASES.items():
            parameters = Parameters.resolve({**COMMON, **changes, "data_store": str(folder / "data")})
            setup, _ = fit(WithoutBatchStatistics(), parameters, folder / name, torch.device("cpu"), group)
            (folder / name).mkdir(exist_ok=True)
            torch.save(setup.model.state_dict(), folder / name / f"weights-{group.rank}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    train_all(Path(sys.argv[1]))
