"""Re-samples by contributions; run alone or under torchrun, with the same result.

torchrun --standalone --nproc-per-node=2 tests/experiments/classification/valuation_two_processes.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from mmlib.experiments.base import fit
from mmlib.experiments.classification import Parameters
from mmlib.experiments.classification.experiment import ClassificationExperiment
from mmlib.training import process_group

SMALL = {
    "dataset": "synthetic_trio",
    "synthetic_samples": 120,
    "feature_channels": 8,
    "fusion": "concat",
    "batch_size": 16,
    "epochs": 3,
    "learning_rate": 0.05,
    "resampling_warmup": 1,
}
CASES = {
    "sample": {"resampling": "sample", "modulation": "ogm_ge", "modulated_tensors": "matrices"},
    "modality": {"resampling": "modality", "resampling_strength": 2.0, "resampling_share": 0.5},
}


def train_all(folder: Path) -> None:
    """One folder per case with its history and final weights, and the valued samples."""
    with process_group("cpu") as group:
        for name, changes in CASES.items():
            torch.manual_seed(0)
            parameters = Parameters.resolve({**SMALL, **changes, "data_store": str(folder / "data")})
            setup, _ = fit(ClassificationExperiment(), parameters, folder / name, torch.device("cpu"), group)
            arrays = {key: torch.from_numpy(value.astype(int)) for key, value in setup.task.valuation.arrays().items()
                      if value.dtype.kind in "iub"}  # fmt: skip
            torch.save({"weights": setup.model.state_dict(), "arrays": arrays}, folder / name / f"kept-{group.rank}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    train_all(Path(sys.argv[1]))
