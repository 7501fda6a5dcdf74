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

import sys
from collections.abc import Sequence
from importlib import import_module

from mmlib.errors import MMLibError
from mmlib.parameters.arguments import parse_settings


def main(experiment: str, arguments: Sequence[str]) -> int:
    """Run a package of experiments with `name=value` arguments and say where the result lies.

    Returns an exit code of `mmlib.errors`.
    """
    task = import_module(experiment)
    try:
        parameters = task.Parameters.resolve(parse_settings(list(arguments)))
        task.run(parameters)
    except MMLibError as error:
        print(f"mmlib: {error}", file=sys.stderr)
        return error.exit_code
    print(f"result: {parameters.output_folder()}")
    return 0
