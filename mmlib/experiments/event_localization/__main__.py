"""`python -m mmlib.experiments.event_localization name=value ...`: see `mmlib.experiments.shell`."""

import sys

from mmlib.experiments.shell import main

sys.exit(main("mmlib.experiments.event_localization", sys.argv[1:]))
