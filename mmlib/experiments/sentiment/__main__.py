"""`python -m mmlib.experiments.sentiment name=value ...`: see `mmlib.experiments.shell`."""

import sys

from mmlib.experiments.shell import main

sys.exit(main("mmlib.experiments.sentiment", sys.argv[1:]))
