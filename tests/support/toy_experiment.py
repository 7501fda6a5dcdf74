"""A trivial experiment for tests of the runner: a little arithmetic, and every way to go wrong."""

from __future__ import annotations

import errno
import os
import random
import signal
import time
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from mmlib.errors import BlockedError, DataError
from mmlib.files import write_json
from mmlib.parameters.base import ExperimentParameters, outputs_root
from mmlib.record import Result, Selection, run_id_of, write_result


class Parameters(ExperimentParameters):
    """`behaviour` says how the run ends; `*_once` only when no marker of an earlier attempt lies beside the runs."""

    experiment: ClassVar[str] = "toy"
    runtime_fields: ClassVar[frozenset[str]] = frozenset({"output", "data_root"})
    seed: int = 0
    scale: float = 1.0
    steps: int = 3
    pause: float = 0.0
    behaviour: Literal[
        "ok",
        "raise",
        "disk_full",
        "no_device",
        "no_result",
        "wrong_run",
        "kill",
        "kill_once",
        "kill_worker",
        "kill_worker_once",
        "hang",
    ] = "ok"
    needs_data: bool = False
    megabytes: int = Field(default=0, json_schema_extra={"neutral": 0})
    data_root: str = ""
    output: str = ""

    def slug(self) -> str:
        return f"toy-{self.behaviour}-s{self.seed}"

    def data_key(self) -> str:
        return f"{self.needs_data} {self.data_root}" + (f" {self.megabytes} {self.seed}" if self.megabytes else "")

    def missing_data(self) -> str | None:
        if self.needs_data and not Path(self.data_root, "toy.txt").is_file():
            return "toy.txt is not in the data root; make it."
        return None

    def prepare_data(self) -> str | None:
        if self.megabytes:
            return prepared(self).name
        if self.needs_data and not Path(self.data_root, "toy.txt").read_text():
            raise DataError("toy.txt is empty")
        return Path(self.data_root, "toy.txt").read_text() if self.needs_data else None


def prepared(parameters: Parameters) -> Path:
    """Prepared data of so many megabytes and of this seed, made where they are not there yet."""
    import numpy as np

    from mmlib.data.prepared import write_prepared

    folder = outputs_root() / "data" / f"toy-{parameters.seed}"
    if not folder.exists():
        index = {"id": ["a"], "label": [0], "split": ["train"], "group": ["a"]}
        arrays = {"x": np.full((1, parameters.megabytes << 20), parameters.seed + 1, np.uint8)}
        write_prepared(folder, dataset="toy", classes=["one"], index=index, arrays=arrays, source={})
    return folder


def run(parameters: Parameters) -> Result:
    """Sum some seeded noise, checkpointing each step; misbehave as told."""
    folder = parameters.output_folder()
    with open(folder.parent.parent / "starts.txt", "a") as stream:
        stream.write(f"{folder.name} {os.getpid()}\n")
    checkpoint = folder / "checkpoint.txt"
    values = [float(line) for line in checkpoint.read_text().split()] if checkpoint.exists() else []
    for step in range(len(values), parameters.steps):
        values.append(random.Random(parameters.seed * 1000 + step).gauss(0, parameters.scale))
        checkpoint.write_text("\n".join(map(repr, values)))
        write_json(folder / "progress.json", {"epoch": step + 1, "epochs": parameters.steps, "loss": values[-1]})
        time.sleep(parameters.pause)
        misbehave(parameters, folder)
    if parameters.behaviour == "no_result":
        return Result(parameters={}, metrics={})
    result = Result(
        run_id="another" if parameters.behaviour == "wrong_run" else run_id_of(folder),
        parameters=parameters.model_dump(mode="json"),
        metrics={"last/top1": sum(values)},
        selection={"last": Selection(rule="last epoch", epoch=parameters.steps)},
        seed=parameters.seed,
        notes=[f"pid {os.getpid()}", f"gpu {os.environ.get('CUDA_VISIBLE_DEVICES')}", f"cwd {os.getcwd()}"],
    )
    write_result(folder, result)
    return result


def misbehave(parameters: Parameters, folder: Path) -> None:
    marker = folder.parent.parent / f"marker-{folder.name}"
    kind = parameters.behaviour
    if kind.endswith("_once"):
        if marker.exists():
            return
        marker.touch()
        kind = kind.removesuffix("_once")
    if kind == "raise":
        raise ValueError("the toy broke, as it was told to")
    if kind == "disk_full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if kind == "no_device":
        raise BlockedError("there is no such device; choose another")
    if kind == "hang":
        time.sleep(600)
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "kill_worker":
        import re

        # The folder of a kernel's sockets bears the number of its worker, which need not be among its parents.
        os.kill(int(re.search(r"mmlib-(\d+)-", os.environ["IPYTHONDIR"])[1]), signal.SIGKILL)
