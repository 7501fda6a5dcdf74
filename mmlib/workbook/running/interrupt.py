"""Ctrl-C and SIGTERM while a batch runs: noted at once, acted on where nothing is half done.

A KeyboardInterrupt raised just anywhere may land inside asyncio or Dask, which then complain or hang. A second signal
does raise at once, for those who cannot wait.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """`with Interrupt() as interrupt:` notes signals; `interrupt.check()` raises `KeyboardInterrupt` for a noted one.

    So does the end of the block. Signals that are ignored stay ignored (a shell does that for background jobs), and
    outside the main thread, where Python allows no handlers, nothing changes.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if a signal came."""
        if self.requested:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
