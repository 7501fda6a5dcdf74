"""`python -m mmlib.experiments.classification name=value ...`: see `mmlib.experiments.shell`."""

import sys

from mmlib.experiments.shell import main

sys.exit(main("mmlib.experiments.classification", sys.argv[1:]))
