"""What a single run can show about SimAM² in FOP, in words made of its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mmlib.experiments.face_voice.parameters import Parameters
    from mmlib.experiments.finished import FinishedRun


def scores_with_and_without_simam2(run: FinishedRun, parameters: Parameters) -> str:
    """Compare the pairs' scores of the run's weights in FOP with SimAM² and in plain FOP, bit by bit."""
    import torch
    from safetensors.torch import load_file

    from mmlib.data.voxceleb.pairs import load_face_voice
    from mmlib.experiments.face_voice.task import pair_distances
    from mmlib.fusion import SimAM2Options
    from mmlib.models.fop import FOP

    data = load_face_voice(parameters.located())
    weights = load_file(run.folder / "model.safetensors")
    if parameters.fusion != "gated":
        return "Linear fusion has no ζ, and SimAM² no place in it."
    found = []
    for simam2 in (None, SimAM2Options()):
        model = FOP(data.widths["face"], data.widths["voice"], len(data.identities), simam2=simam2)
        model.load_state_dict({k: v for k, v in weights.items() if not k.startswith("simam2.")}, strict=False)
        with torch.inference_mode():
            found.append(pair_distances(model.eval(), data.lists["unseen_unheard_random"]))
    same = np.array_equal(*found)
    return (
        f"The scores of {len(found[0]):,} unseen-unheard pairs with SimAM² and without it, at these weights, are "
        f"{'bit-identical' if same else 'NOT identical'}: whatever SimAM² changes here, it changes while training."
    )


def gate_sentence(run: FinishedRun) -> str:
    """How much the gate still varied at the end of training, and r with it."""
    epochs: list[dict[str, Any]] = run.history
    first, last = epochs[0].get("zeta_sd"), epochs[-1].get("zeta_sd")
    if first is None or last is None:
        return "Linear fusion has no gate."
    text = f"The spread of ζ over a batch is {first:.3f} in the first epoch and {last:.3f} in the last"
    r = [entry.get("r") for entry in (epochs[0], epochs[-1])]
    if None not in r:
        text += f"; r falls from {r[0]:.2f} to {r[1]:.2f}" if r[1] < r[0] else f"; r goes from {r[0]:.2f} to {r[1]:.2f}"
    return text + ". A gate that does not vary is a constant ζ, and Eq. 6 then sees no correlation."
