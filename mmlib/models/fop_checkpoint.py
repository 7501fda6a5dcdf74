"""Weights that the authors of FOP and its descendants published, loaded without running anything they contain.

A published file is what `torch.save({"epoch": ..., "state_dict": ...})` wrote. It is read with torch's restricted
loader, which builds tensors and plain containers and refuses everything else.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmlib.errors import DataError
from mmlib.fusion import SimAM2Options
from mmlib.models.fop import FOP

# Published name -> ours; what follows the last dot (weight, bias, running_mean, ...) stays.
NAMES = {
    "face_branch.fc1.0": "branches.face.linear",
    "face_branch.fc1.1": "branches.face.norm",
    "voice_branch.fc1.0": "branches.voice.linear",
    "voice_branch.fc1.1": "branches.voice.norm",
    "fusion_layer.attention.0.block.0": "gate.hidden",
    "fusion_layer.attention.0.block.1": "gate.norm",
    "fusion_layer.attention.1": "gate.out",
    "logits_layer": "head",
}


def load_published_fop(path: str | Path, simam2: SimAM2Options | None = None) -> FOP:
    """The gated FOP of a published checkpoint, in evaluation mode; its sizes are those of the stored weights.

    Raises `DataError` for a file that cannot be read, holds something else than weights, or another network.
    """
    path = Path(path)
    state = _renamed(path, _state_dict(path))
    try:
        embedding, face = state["branches.face.linear.weight"].shape
        model = FOP(
            face,
            state["branches.voice.linear.weight"].shape[1],
            len(state["head.weight"]),
            simam2=simam2,
            embedding=embedding,
            gate_hidden=len(state["gate.hidden.weight"]),
        )
        missing, _ = model.load_state_dict(state, strict=False)
    except (KeyError, ValueError, RuntimeError) as error:
        raise _other(path, f"its weights do not fit together ({str(error).splitlines()[0]})") from None
    if absent := [name for name in missing if not name.startswith("simam2.")]:
        raise _other(path, f"{absent[0]} is missing")
    return model.eval()


def _state_dict(path: Path) -> Mapping[str, Any]:
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}). Give the path of a checkpoint.") from None
    except pickle.UnpicklingError:
        raise DataError(
            f"{path} holds more than weights, and could run code when it is loaded: it was not. Get the file from its "
            "authors again, or store its state_dict alone."
        ) from None
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise _other(path, f"it is damaged ({str(error).splitlines()[0] if str(error) else 'empty'})") from None
    state = stored.get("state_dict", stored) if isinstance(stored, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise _other(path, "it has no state_dict of tensors")
    return state


def _renamed(path: Path, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our names; parallel training's "module." is taken off."""
    renamed = {}
    for name, value in state.items():
        layer, _, what = name.removeprefix("module.").rpartition(".")
        if layer not in NAMES:
            raise _other(path, f"it has a tensor {name!r}, which FOP has not")
        renamed[f"{NAMES[layer]}.{what}"] = value
    return renamed


def _other(path: Path, why: str) -> DataError:
    return DataError(f"{path} is no checkpoint of the gated FOP network: {why}. Give one of the FOP family.")
