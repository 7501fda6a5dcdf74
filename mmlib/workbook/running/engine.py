"""papermill's engine, except that it does not write the whole notebook twice per cell.

papermill saves before and after every cell, text included: fifty times half a megabyte where a notebook draws figures.
Here the copy on disk is at most `SAVE_SECONDS` behind what the kernel last said; its end is always written.
"""

from __future__ import annotations

from typing import Any

from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

ENGINE = "mmlib"
SAVE_SECONDS = 5


class SparingEngine(NBClientEngine):
    """nbclient's engine; its manager's `save` does nothing while the last one is younger than `SAVE_SECONDS`."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: NotebookExecutionManager, kernel_name: str, **kwargs: Any) -> Any:
        save = nb_man.save

        def seldom(**saved: Any) -> None:
            if (nb_man.now() - nb_man.last_save_time).total_seconds() >= SAVE_SECONDS:
                save(**saved)

        nb_man.save = seldom
        try:
            return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)
        finally:
            nb_man.save = save  # what follows is the notebook's end, also after a dead kernel


papermill_engines.register(ENGINE, SparingEngine)
