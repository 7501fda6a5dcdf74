"""A finished run computed again on its test split: ζ, energies and gate of every sample, from weights and data.

Records keep only summaries of ζ. The weights lie beside them, so what a widget shows is recomputed, with the library's
own model and data path.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from mmlib.data.dataset import MultimodalDataset
from mmlib.data.loader import BatchLoader
from mmlib.data.loading import load_data
from mmlib.errors import DataError
from mmlib.experiments.classification.model import build_model
from mmlib.experiments.classification.saved import with_weights
from mmlib.experiments.explorer.runs import Choice
from mmlib.fusion.simam2_output import SimAM2Output
from mmlib.models import MultimodalClassifier

SAME, NARROW = 1e-6, 0.01
"""Range below which ζ is one number, and spread over samples below which it hardly varies."""
LARGEST = 2000  # samples looked at; more would say no more and take memory
QUANTITIES = {"zeta": "zeta", "e1": "e1", "e2": "e2", "eU": "eu", "E*": "energy", "gate": "gate"}


@dataclass
class Inspection:
    """What a run does on its test split. N samples, C channels, K classes.

    `values` holds zeta, e1, e2, eU, E* and gate, each (N, C); empty where the run has no SimAM². `r` is the correlation
    measure (Eq. 6) that evaluation uses, None without SimAM².
    """

    choice: Choice
    dataset: MultimodalDataset
    positions: np.ndarray
    """(N,) places within the test split."""
    targets: np.ndarray
    """(N,) true classes."""
    probabilities: np.ndarray
    """(N, K) softmax of the fused logits."""
    values: dict[str, np.ndarray] = field(default_factory=dict)
    r: float | None = None

    @property
    def predictions(self) -> np.ndarray:
        """(N,) predicted classes."""
        return self.probabilities.argmax(axis=1)

    @property
    def classes(self) -> list[str]:
        return list(self.dataset.classes)

    @property
    def constant(self) -> str:
        """In words that ζ is the same everywhere, or for every sample, and why; empty where it varies, or is none."""
        if not self.values:
            return ""
        zeta, because = self.values["zeta"], f"because of zeta = {self.choice.parameters.zeta!r}"
        if np.ptp(zeta) < SAME:
            return (
                f"ζ is {zeta.mean():.2g} for every sample and channel, {because}: there is nothing to tell apart by ζ, "
                "and r stays at tanh(1). Choose a run with a learned ζ."
            )
        if zeta.std(axis=0).max() < SAME:
            span = f"{zeta.min():.2f} to {zeta.max():.2f}"
            return f"ζ differs between channels ({span}) and is the same for every sample, {because}."
        spread = float(zeta.std(axis=0).mean())
        if spread < NARROW:
            return (
                f"ζ was learned and hardly varies: {zeta.mean():.3f} on average, with a standard deviation over "
                f"samples of {spread:.4f} (mean of the channels)."
            )
        return ""

    def title(self, sample: int) -> str:
        """What a sample is and what the run makes of it."""
        truth, guess = int(self.targets[sample]), int(self.predictions[sample])
        verdict = "right" if truth == guess else f"wrong: {self.classes[guess]}"
        share = 100 * self.probabilities[sample, guess]
        return f"test sample {self.positions[sample]}, “{self.classes[truth]}”: {verdict} ({share:.0f} %)"


def load_model(choice: Choice, dataset: MultimodalDataset) -> MultimodalClassifier:
    """The run's network with the weights of its selected epoch, in evaluation mode.

    Raises `OutputsError` where the weights are missing, damaged or another network's.
    """
    model = build_model(choice.parameters, dataset.input_shapes, len(dataset.classes))
    return with_weights(model, choice.folder)


@torch.no_grad()
def inspect(choice: Choice, limit: int = LARGEST) -> Inspection:
    """Run the network over (at most `limit`, evenly spaced) test samples. Raises `DataError`, `OutputsError`."""
    dataset = load_data(choice.parameters.located())["test"]
    if not len(dataset):
        raise DataError(f"the test split of {choice.parameters.dataset} is empty: there is nothing to look at.")
    model = load_model(choice, dataset)
    kept: list[SimAM2Output] = []
    simam2 = model.fusion.simam2
    hook = simam2.register_forward_hook(lambda module, given, out: kept.append(out)) if simam2 is not None else None
    wanted = np.unique(np.linspace(0, len(dataset) - 1, min(limit, len(dataset))).astype(int))
    loader = BatchLoader(dataset, batch_size=128, shuffle=False, seed=0)
    targets, logits, places = [], [], []
    for batch in loader:
        output = model(batch.inputs)
        targets.append(batch.targets.numpy())
        logits.append(output.logits.float())
        places.append(batch.index.numpy())
    if hook is not None:
        hook.remove()
    probabilities = torch.cat(logits).softmax(dim=1).numpy()
    values = {
        name: np.concatenate([getattr(out, attribute).float().numpy() for out in kept])[wanted]
        for name, attribute in (QUANTITIES if kept else {}).items()
    }
    return Inspection(
        choice,
        dataset,
        positions=np.concatenate(places)[wanted],
        targets=np.concatenate(targets)[wanted],
        probabilities=probabilities[wanted],
        values=values,
        r=float(kept[-1].r) if kept else None,
    )
