"""Training that starts from a finished run's attention and LSTMs.

Tian et al., ECCV 2018: the released DMRN weights come from fine-tuning a trained AVGA, by code that is not released.
We do: copy what every network here calls attention and LSTMs; fusion, head and ζ start from their own initialisation.
A learning rate of 1e-4 suits (the specification's advice).
"""

from __future__ import annotations

from pathlib import Path

from mmlib.errors import UsageError
from mmlib.files import sha256_file
from mmlib.models.segments import SegmentNetwork

ENCODERS = ("attention.", "audio_lstm.", "visual_lstm.")


def take_over(model: SegmentNetwork, folder: str | Path) -> str:
    """Copy the encoders of the run in `folder` into `model`; returns a note with the weights' hash.

    Raises `UsageError` where there is no finished run, or its encoders have other shapes.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(folder) / "model.safetensors"
    if not path.is_file():
        raise UsageError(f"init = {str(folder)!r}: there is no {path}. Give the folder of a finished run.")
    try:
        saved = load_file(path)
    except SafetensorError as error:
        raise UsageError(f"init: {path} cannot be read ({error}). Run that cell again.") from None
    state = model.state_dict()
    wanted = {name: value for name, value in state.items() if name.startswith(ENCODERS)}
    for name, value in wanted.items():
        if name not in saved:
            raise UsageError(
                f"init: {path} has no {name}. Give a run of the same network family (network, supervision)."
            )
        if saved[name].shape != value.shape:
            raise UsageError(
                f"init: {name} of {path} has the shape {tuple(saved[name].shape)}, this network needs "
                f"{tuple(value.shape)}. Give a run with the same data, hidden, attention_width and audio_bias_axis."
            )
    model.load_state_dict(state | {name: saved[name] for name in wanted})
    return f"attention and LSTMs started from {folder} (SHA-256 of its weights {sha256_file(path)})"
