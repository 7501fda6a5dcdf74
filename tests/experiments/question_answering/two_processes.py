"""Trains both stages; run alone or under torchrun, with the same result.

torchrun --standalone --nproc-per-node=2 tests/experiments/question_answering/two_processes.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from mmlib.experiments.base import fit
from mmlib.experiments.question_answering import Parameters
from mmlib.experiments.question_answering.experiment import QuestionAnswering
from mmlib.training import process_group

SMALL = {
    "synthetic_clips": 30,
    "synthetic_questions": 3,
    "synthetic_audio_features": 8,
    "synthetic_visual_features": 8,
    "feature_channels": 8,
    "attention_heads": 2,
    "dropout": 0.0,  # drawn by each process for itself
    "epochs": 2,
    "batch_size": 13,
    "optimizer": "sgd",
    "learning_rate": 0.05,
    "tanh": False,
}
CASES = {
    "avst": {"network": "avst", "pretrain_epochs": 1, "unimodal_heads": "attached", "iemf": True},
    "question": {"network": "baseline", "modalities": "none"},
}


def train_all(folder: Path) -> None:
    """One folder per case with its history and the selected weights."""
    with process_group("cpu") as group:
        for name, changes in CASES.items():
            parameters = Parameters.resolve({**SMALL, **changes, "data_store": str(folder / "data")})
            setup, outcome = fit(QuestionAnswering(), parameters, folder / name, torch.device("cpu"), group)
            kept = {"weights": outcome.selector.weights, "last": setup.model.state_dict()}
            torch.save(kept, folder / name / f"kept-{group.rank}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    train_all(Path(sys.argv[1]))
