"""The weights that a finished run saved, back in its network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmlib.errors import OutputsError
from mmlib.record import read_result
from mmlib.seal import WEIGHTS, altered

if TYPE_CHECKING:
    from mmlib.models import MultimodalClassifier


def with_weights(model: MultimodalClassifier, folder: str | Path) -> MultimodalClassifier:
    """The network with the weights that the run in `folder` kept (of its selected epoch), in evaluation mode.

    `model` is built as the run's was: of its last stage (`mmlib.experiments.classification.unimodal.as_trained`).

    Raises `OutputsError` where the weights are missing, damaged, another network's or another run's.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(folder) / WEIGHTS
    result, _ = read_result(folder)
    if result is not None and (problem := altered(path.parent, result.files, [WEIGHTS], read=True)):
        raise OutputsError(f"{path} does not hold the weights of this run ({problem}). Run it again.")
    try:
        model.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise OutputsError(f"{path} does not hold the weights of this run ({first}). Run it again.") from None
    return model.eval()
