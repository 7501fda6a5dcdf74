"""`python -m mmlib.experiments.face_voice name=value ...`: see `mmlib.experiments.shell`."""

import sys

from mmlib.experiments.shell import main

sys.exit(main("mmlib.experiments.face_voice", sys.argv[1:]))
