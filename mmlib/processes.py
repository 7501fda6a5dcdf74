"""How a process of our own starts: with this very package, and nothing that happens to lie where the user stands.

`python -m` looks for modules in the current folder first: a file `av.py` or a folder `mmlib/` there would be imported.
Kernels are another matter: a notebook may import what lies beside it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

AMBIENT = ("PYTHONSTARTUP", "PYTHONINSPECT")
"""Variables meant for a person at a prompt; IPython would run the first one's file in every kernel."""
PLAIN_DRAWING = {"MATPLOTLIBRC": os.devnull, "MPLBACKEND": "agg"}
"""Variables with which matplotlib starts from its defaults, whatever lies in the user's folders."""


def own_python(module: str) -> list[str]:
    """The command that runs a module of this package as the main one, in Python's safe path mode (`-P`)."""
    root = str(Path(__file__).resolve().parent.parent)
    # Only our package is taken from its folder: what else lies there has no say in what `import av` finds.
    code = (
        f"import sys; sys.path.insert(0, {root!r}); import mmlib; del sys.path[0]; "
        f"import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    )
    return [sys.executable, "-P", "-c", code]


def own_environment(**changes: str) -> dict[str, str]:
    """This process's environment for a process of our own, with `changes`.

    An empty part of PYTHONPATH, such as after a colon at its end, means the current folder: it is left out.
    """
    environment = {name: value for name, value in os.environ.items() if name not in AMBIENT}
    if "PYTHONPATH" in environment:
        parts = [part for part in environment.pop("PYTHONPATH").split(os.pathsep) if part]
        environment |= {"PYTHONPATH": os.pathsep.join(parts)} if parts else {}
    return environment | changes
