"""Trains several methods through three steps; run alone or under torchrun, with the same result.

torchrun --standalone --nproc-per-node=2 tests/experiments/continual/two_processes.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from mmlib.experiments.base import fit
from mmlib.experiments.continual import Parameters
from mmlib.experiments.continual.experiment import Continual
from mmlib.training import process_group

SMALL = {
    "synthetic_classes": 7,
    "synthetic_steps": 3,
    "synthetic_train_clips": 14,
    "synthetic_validation_clips": 4,
    "synthetic_test_clips": 5,
    "synthetic_channels": 12,
    "synthetic_time": 2,
    "synthetic_positions": 3,
    "feature_channels": 8,
    "memory_size": 14,
    "batch_size": 12,
    "exemplar_batch_size": 5,
    "afc_proxies": 3,
    "epochs": 2,
    "optimizer": "sgd",
    "learning_rate": 0.05,
}
WINDOW = {"iemf": True, "iemf_start": 1, "clip_norm": 10.0}  # heads stay out of the first epoch's passes
CASES = {
    "ss_il": {"method": "ss_il", **WINDOW},
    "lwf": {"method": "lwf", **WINDOW, "iemf_apply_to": "learning_rate"},
    "icarl_nme": {"method": "icarl_nme"},
    "afc_lsc": {"method": "afc_lsc"},
    "av_cil": {"method": "av_cil", "instance_weight": 0.0, "class_weight": 0.0},  # contrasts see their process's clips
}


def train_all(folder: Path) -> None:
    """One folder per case with its history and final weights."""
    with process_group("cpu") as group:
        for name, changes in CASES.items():
            parameters = Parameters.resolve({**SMALL, **changes, "data_store": str(folder / "data")})
            setup, outcome = fit(Continual(), parameters, folder / name, torch.device("cpu"), group)
            kept = {"weights": outcome.selector.weights, "last": setup.model.state_dict(), "held": setup.data.held}
            torch.save(kept, folder / name / f"kept-{group.rank}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    train_all(Path(sys.argv[1]))
