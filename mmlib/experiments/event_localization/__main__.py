r"""One run from a shell, on one process or, with torchrun, on several (one per GPU):

python -m mmlib.experiments.event_localization network=psp epochs=2
torchrun --standalone --nproc-per-node=4 -m mmlib.experiments.event_localization dataset=ave data_root=DIR
"""

import sys

from mmlib.commands.settings import parse_settings
from mmlib.errors import MMLibError
from mmlib.experiments.event_localization import Parameters, run


def main(arguments: list[str]) -> int:
    """Run with `name=value` arguments and say where the result lies; returns an exit code of `mmlib.errors`."""
    try:
        parameters = Parameters.resolve(parse_settings(arguments))
        run(parameters)
    except MMLibError as error:
        print(f"mmlib: {error}", file=sys.stderr)
        return error.exit_code
    print(f"result: {parameters.output_folder()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
