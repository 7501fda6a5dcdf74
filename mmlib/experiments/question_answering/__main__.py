"""`python -m mmlib.experiments.question_answering name=value ...`: see `mmlib.experiments.shell`."""

import sys

from mmlib.experiments.shell import main

sys.exit(main("mmlib.experiments.question_answering", sys.argv[1:]))
