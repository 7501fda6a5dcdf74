"""`python -m mmlib.experiments.continual name=value ...`: see `mmlib.experiments.shell`."""

import sys

from mmlib.experiments.shell import main

sys.exit(main("mmlib.experiments.continual", sys.argv[1:]))
