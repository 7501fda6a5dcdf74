r"""One run from a shell:

python -m mmlib.experiments.face_voice fusion=linear epochs=2
"""

import sys

from mmlib.experiments.command import main
from mmlib.experiments.face_voice import Parameters, run

if __name__ == "__main__":
    sys.exit(main(Parameters, run, sys.argv[1:]))
