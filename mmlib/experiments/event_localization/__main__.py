r"""One run from a shell, on one process or, with torchrun, on several (one per GPU):

python -m mmlib.experiments.event_localization network=psp epochs=2
torchrun --standalone --nproc-per-node=4 -m mmlib.experiments.event_localization dataset=ave data_root=DIR
"""

import sys

from mmlib.experiments.command import main
from mmlib.experiments.event_localization import Parameters, run

if __name__ == "__main__":
    sys.exit(main(Parameters, run, sys.argv[1:]))
