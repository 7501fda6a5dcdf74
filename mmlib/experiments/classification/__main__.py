r"""One run from a shell, on one process or, with torchrun, on several (one per GPU):

python -m mmlib.experiments.classification dataset=synthetic fusion=film epochs=2
torchrun --standalone --nproc-per-node=4 -m mmlib.experiments.classification dataset=cremad data_root=DIR \
    encoder=resnet18

All processes together see the batches of a single process. BatchNorm's statistics are those of each process's share of
the batch, as in the published code, which ran on two GPUs; on networks without them the result equals a single
process's to rounding.
"""

import sys

from mmlib.experiments.classification import Parameters, run
from mmlib.experiments.command import main

if __name__ == "__main__":
    sys.exit(main(Parameters, run, sys.argv[1:]))
