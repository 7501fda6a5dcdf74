"""What is measured of a whole split: the task's metrics, each modality alone, and what the gates keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from mmlib.data.dataset import MultimodalDataset
from mmlib.losses.knowledge_guidance import SAMPLE_ERRORS, teachers
from mmlib.metrics.classification import classification_metrics, confusion_matrix, top1, weighted_f1
from mmlib.metrics.sentiment import REGRESSION_METRICS, regression_metrics

CLASS_METRICS = ("top1", "accuracy_2", "macro_f1", "weighted_f1", "loss")


def metric_names(task: str, modalities: Sequence[str], heads: bool, gates: bool, noisy: Sequence[str]) -> list[str]:
    """What every record of such a run holds; `noisy` modalities have noise steps at known places."""
    names = [*(REGRESSION_METRICS if task == "regression" else CLASS_METRICS), "accuracy_majority"]
    alone = "mae" if task == "regression" else "accuracy"
    names += [f"{alone}_head_{name}" for name in modalities] if heads else []
    names += [f"gate_rate_{name}" for name in modalities] if gates else []
    return names + ([f"{gap}_{name}" for name in noisy for gap in ("gate_gap", "keep_gap")] if gates else [])


def split_metrics(
    task: str, outputs: np.ndarray, targets: np.ndarray, heads: Mapping[str, np.ndarray]
) -> dict[str, float | None]:
    """Of outputs (N, K) and targets (N,), and of each modality's head; `accuracy_majority` is what always saying the
    more frequent class (of scores: sign) gives.
    """
    if task == "regression":
        found = regression_metrics(outputs[:, 0], targets)
        found |= {f"mae_head_{name}": float(np.abs(values[:, 0] - targets).mean()) for name, values in heads.items()}
        positive = float((targets >= 0).mean())
        return found | {"accuracy_majority": max(positive, 1 - positive)}
    found = classification_metrics(outputs, targets)
    found["weighted_f1"] = weighted_f1(confusion_matrix(outputs.argmax(axis=1), targets, outputs.shape[1]))
    found["accuracy_2"] = found["top1"] if outputs.shape[1] == 2 else None
    found |= {f"accuracy_head_{name}": top1(values, targets) for name, values in heads.items()}
    del found["map"]
    return found | {"accuracy_majority": float(np.bincount(targets).max() / len(targets))}


def gate_metrics(
    gates: Mapping[str, np.ndarray], dataset: MultimodalDataset, keep: Mapping[str, np.ndarray]
) -> tuple[dict[str, float | None], dict[str, np.ndarray]]:
    """Of gates (N, T) by modality, below 0 where there is no step: `gate_rate_<modality>`, and where the data know
    their noise steps `gate_gap_<modality>`, the share kept of the other steps less that of noise steps, and
    `keep_gap_<modality>`, the same of the probabilities `keep` (N, T) of an open gate over its noise. Then the arrays
    `gate_steps_<modality>` (T,).
    """
    metrics: dict[str, float | None] = {}
    arrays: dict[str, np.ndarray] = {}
    for name, gate in gates.items():
        there = gate >= 0
        metrics[f"gate_rate_{name}"] = _share(gate, there)
        counts = there.sum(axis=0)
        kept = np.where(there, gate, 0).sum(axis=0)
        arrays[f"gate_steps_{name}"] = np.divide(kept, counts, out=np.full(len(counts), np.nan), where=counts > 0)
        noise = noise_of(dataset, name)
        if noise is not None:
            for gap, values in (("gate_gap", gate), ("keep_gap", keep[name])):
                signal, wrong = _share(values, there & ~noise), _share(values, there & noise)
                metrics[f"{gap}_{name}"] = None if signal is None or wrong is None else signal - wrong
    return metrics, arrays


def noise_of(dataset: MultimodalDataset, modality: str) -> np.ndarray | None:
    """Which steps (N, T) of a split are noise; None where the data do not say."""
    array = dataset.prepared.arrays.get(f"{modality}_noise")
    return None if array is None else np.asarray(array[dataset.rows]).astype(bool)


def teachers_of(task: str, heads: Sequence[np.ndarray], targets: np.ndarray) -> np.ndarray:
    """(N,) int8: number of the modality whose head alone errs least, -1 where none does."""
    outputs = torch.from_numpy(np.stack(heads))
    return teachers(SAMPLE_ERRORS[task](outputs, torch.from_numpy(targets))).numpy().astype(np.int8)


def _share(gate: np.ndarray, where: np.ndarray) -> float | None:
    return float(gate[where].mean()) if where.any() else None
