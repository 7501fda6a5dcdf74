"""Papermill with kernels as cells of a batch get them: forks of one process that has imported torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

EXPERIMENTS = ("classification", "continual", "event_localization", "face_voice", "question_answering", "sentiment")


@pytest.fixture(scope="session")
def _warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from mmlib.workbook.running.warm import Zygote

    modules = tuple(f"mmlib.experiments.{name}.experiment" for name in EXPERIMENTS)
    zygote = Zygote(modules, dict(os.environ), tmp_path_factory.mktemp("warm"))
    yield zygote
    zygote.close()


@pytest.fixture(scope="session")
def execute(_warm: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """`execute(notebook, folder, parameters)`: the notebook as papermill executed it in `folder`, where it is kept as
    executed.ipynb. Raises what papermill raises.
    """

    def execute(notebook: Path, folder: Path, parameters: dict[str, Any]) -> Any:
        import papermill

        from mmlib.workbook.running.kernel import IPCKernelManager, launching

        log = tmp_path_factory.mktemp("kernel") / "log.txt"
        with launching(folder, log, {}, _warm):
            return papermill.execute_notebook(
                str(notebook),
                str(folder / "executed.ipynb"),
                parameters,
                progress_bar=False,
                kernel_manager_class=IPCKernelManager,
            )

    return execute
