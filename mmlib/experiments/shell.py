r"""A run from a shell, on one process or, with torchrun, on several (one per GPU):

python -m mmlib.experiments.classification dataset=synthetic fusion=film epochs=2
python -m mmlib.experiments.event_localization network=psp epochs=2
python -m mmlib.experiments.face_voice fusion=linear epochs=2
python -m mmlib.experiments.continual method=ss_il iemf=true epochs=2
torchrun --standalone --nproc-per-node=4 -m mmlib.experiments.classification dataset=cremad data_root=DIR \
    encoder=resnet18

All processes together see the batches of a single process. BatchNorm's statistics are those of each process's share of
the batch, as in the published code, which ran on two GPUs; on networks without them the result equals a single
process's to rounding.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from importlib import import_module

from mmlib.errors import MMLibError
from mmlib.parameters.arguments import parse_settings

WAIT_SECONDS = 5.0
"""For how long another process than the first keeps an error to itself."""


def main(experiment: str, arguments: Sequence[str]) -> int:
    """Run a package of experiments with `name=value` arguments and say where the result lies.

    Of several processes only the first one speaks. Returns an exit code of `mmlib.errors`.
    """
    rank = int(os.environ.get("RANK", "0")) if os.environ.get("WORLD_SIZE", "1") != "1" else 0
    task = import_module(experiment)
    with one_speaker(rank):
        try:
            parameters = task.Parameters.resolve(parse_settings(list(arguments)))
            task.run(parameters)
        except MMLibError as error:
            if rank:
                # What is wrong for all ends the first process too, and torchrun this one while it waits.
                time.sleep(WAIT_SECONDS)
            print(f"mmlib: {f'process {rank}: ' if rank else ''}{error}", file=sys.stderr)
            return error.exit_code
        print(f"result: {parameters.output_folder()}")
    return 0


@contextlib.contextmanager
def one_speaker(rank: int) -> Iterator[None]:
    """Let what all processes would print be printed by the first; warnings, too, but no errors."""
    if not rank:
        yield
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
