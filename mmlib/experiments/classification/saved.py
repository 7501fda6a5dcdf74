"""The weights that a finished run saved, back in its network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmlib.errors import OutputsError

if TYPE_CHECKING:
    from mmlib.models import MultimodalClassifier

WEIGHTS = "model.safetensors"


def with_weights(model: MultimodalClassifier, folder: str | Path) -> MultimodalClassifier:
    """The network with the weights that the run in `folder` kept (of its selected epoch), in evaluation mode.

    `model` is built as the run's was: of its last stage (`mmlib.experiments.classification.unimodal.as_trained`).

    Raises `OutputsError` where the weights are missing, damaged or another network's.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(folder) / WEIGHTS
    try:
        model.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise OutputsError(f"{path} does not hold the weights of this run ({first}). Run it again.") from None
    return model.eval()
