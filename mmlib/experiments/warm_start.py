"""Training that starts from parts of a finished run.

Tian et al., ECCV 2018: the released DMRN weights come from fine-tuning a trained AVGA, by code that is not released.
We do: copy the named parts; whatever else the network has starts from its own initialisation. A learning rate of 1e-4
suits (the specification's advice).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from mmlib.errors import UsageError
from mmlib.files import sha256_file
from mmlib.record import read_result
from mmlib.seal import WEIGHTS, altered
from mmlib.training.carry import load_matching


def warm_start(
    model: nn.Module, folder: str | Path, prefixes: Sequence[str], *, parts: str, absent: str, unfit: str
) -> str:
    """Copy the tensors with these prefixes from the run in `folder`; returns a note with the hash of its weights.

    `parts` is what the tensors are called in the note; `absent` and `unfit` are advice, see `load_matching`.

    Raises `UsageError` where there is no finished run, or its tensors are absent or of other shapes.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(folder) / WEIGHTS
    if not path.is_file():
        raise UsageError(f"init = {str(folder)!r}: there is no {path}. Give the folder of a finished run.")
    result, _ = read_result(folder)
    if result is not None and (problem := altered(path.parent, result.files, [WEIGHTS], read=True)):
        raise UsageError(f"init: {path.parent / problem}. Run that cell again.")
    try:
        saved = load_file(path)
    except SafetensorError as error:
        raise UsageError(f"init: {path} cannot be read ({error}). Run that cell again.") from None
    try:
        load_matching(model, saved, prefixes, source=str(path), absent=absent, unfit=unfit)
    except UsageError as error:
        raise UsageError(f"init: {error}") from None
    return f"{parts} started from {folder} (SHA-256 of its weights {sha256_file(path)})"
