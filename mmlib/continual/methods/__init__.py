"""The methods of class-incremental learning by name, a file each."""

from __future__ import annotations

from typing import Literal, get_args

from mmlib.continual.methods.afc import AFC, AFCMeans
from mmlib.continual.methods.av_cil import AVCIL
from mmlib.continual.methods.base import Method, MethodOptions, Step
from mmlib.continual.methods.fine_tuning import FineTuning
from mmlib.continual.methods.icarl import ICaRL, ICaRLMeans
from mmlib.continual.methods.joint import Joint
from mmlib.continual.methods.lwf import LwF
from mmlib.continual.methods.replay import Replay
from mmlib.continual.methods.ss_il import SSIL
from mmlib.errors import ParameterError

MethodName = Literal[
    "fine_tuning", "lwf", "icarl_nme", "icarl_fc", "ss_il", "afc_nme", "afc_lsc", "av_cil", "replay", "joint"
]
METHODS: dict[str, type[Method]] = {
    "fine_tuning": FineTuning,
    "lwf": LwF,
    "icarl_nme": ICaRLMeans,
    "icarl_fc": ICaRL,
    "ss_il": SSIL,
    "afc_nme": AFCMeans,
    "afc_lsc": AFC,
    "av_cil": AVCIL,
    "replay": Replay,
    "joint": Joint,
}

__all__ = ["METHODS", "Method", "MethodName", "MethodOptions", "Step", "build_method"]


def build_method(name: MethodName, step: Step, options: MethodOptions | None = None) -> Method:
    """The method called `name`, in one step. Raises `ParameterError` for an unknown name."""
    if name not in METHODS:
        raise ParameterError(f"method is {name!r}; choose one of {', '.join(map(repr, get_args(MethodName)))}.")
    return METHODS[name](step, options)
