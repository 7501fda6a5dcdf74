"""What a single run shows, as tables and as words made of its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.metrics.family import metric

if TYPE_CHECKING:
    from pandas import DataFrame

    from mmlib.experiments.face_voice.parameters import Parameters
    from mmlib.experiments.finished import FinishedRun

SETTINGS = {"seen_heard": "seen-heard", "unseen_unheard": "unseen-unheard"}
STRATA = ("random", "G", "N", "A", "GNA")
MEASURES = {"eer": "EER", "auc": "AUC", "vr": "VR (FAR 0.1 %)", "eer_fop": "EER (FOP’s)"}


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


def protocols_table(run: FinishedRun) -> DataFrame:
    """EER, AUC and VR (%) of the random lists under every protocol, with the epoch it chose (counted from 1)."""
    import pandas

    rows = {}
    for protocol, chosen in run.selection.items():
        rows[protocol] = {("", "epoch"): None if chosen.epoch is None else chosen.epoch + 1}
        for setting, words in SETTINGS.items():
            rows[protocol] |= {
                (words, title): _shown(run, f"{protocol}/{name}_{setting}") for name, title in MEASURES.items()
            }
    return pandas.DataFrame.from_dict(rows, orient="index").rename_axis("protocol")


def lists_table(run: FinishedRun) -> DataFrame:
    """EER, AUC and VR (%) of every list at the epoch whose weights were kept, with intervals over identities."""
    import pandas

    protocol = "clean" if run.selection["clean"].epoch is not None else "paper"
    rows = {}
    for setting, words in SETTINGS.items():
        for stratum in STRATA:
            key = f"{setting}_{stratum}" if stratum != "random" else setting
            found = {title: _shown(run, f"{protocol}/{name}_{key}") for name, title in MEASURES.items()}
            if found["EER"] is None:
                continue
            for name in ("eer", "auc"):
                low, high = (_shown(run, f"{protocol}/{name}_{key}_{end}") for end in ("low", "high"))
                known = metric(name)
                interval = "" if low is None else f"{known.number(low)} to {known.number(high)}"
                found[f"{known.title} 95 %"] = interval
            rows[words, stratum] = found
    return pandas.DataFrame.from_dict(rows, orient="index")


def _shown(run: FinishedRun, key: str) -> float | None:
    value, known = run.metrics.get(key), metric(key)
    return None if value is None else round(known.scale * value, known.unit.digits)
