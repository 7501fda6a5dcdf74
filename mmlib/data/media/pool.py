"""Decoder processes: give each one clip at a time, take what they answer, replace one that died over its clip."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmlib.data.media.reasons import Reason
from mmlib.errors import MMLibError, OutputsError
from mmlib.processes import own_environment, own_python

Task = dict[str, Any]
Died = Callable[[Task, Reason, str], None]


@dataclass(eq=False)
class Decoder:
    """One process and the clip it is at work on."""

    process: subprocess.Popen
    task: Task | None = None
    ready: bool = False
    unread: bytes = field(default=b"", repr=False)


class Decoders:
    """`count` decoder processes. As a context manager it leaves none behind."""

    def __init__(self, count: int, settings: Mapping[str, Any], log: Path) -> None:
        self.settings, self.log = settings, log
        self._selector = selectors.DefaultSelector()
        self._decoders: list[Decoder] = []
        self._count = count

    def __enter__(self) -> Decoders:
        return self

    def __exit__(self, *_: object) -> None:
        for decoder in self._decoders:
            decoder.process.kill()
        for decoder in self._decoders:
            self._forget(decoder)
        self._selector.close()

    def work(self, tasks: Iterator[Task], died: Died) -> Iterator[dict[str, Any]]:
        """Give out the tasks in order; yields the answers. `died(task, reason, detail)`: a process ended over it."""
        tasks = iter(tasks)
        waiting = next(tasks, None)
        while waiting is not None or any(decoder.task for decoder in self._decoders):
            starting = waiting is not None and len(self._decoders) < self._count
            if starting:
                self._start()
            for decoder in self._decoders:
                if waiting is not None and decoder.ready and decoder.task is None:
                    self._give(decoder, waiting)
                    waiting = next(tasks, None)
            for key, _ in self._selector.select(timeout=0 if starting else None):
                yield from self._hear(key.data, died)

    def _start(self) -> None:
        environment = own_environment(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
        with open(self.log, "ab") as log:
            process = subprocess.Popen(
                own_python("mmlib.data.media.worker"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
            )
        decoder = Decoder(process)
        self._decoders.append(decoder)
        self._selector.register(process.stdout, selectors.EVENT_READ, decoder)
        self._send(decoder, self.settings)

    def _give(self, decoder: Decoder, task: Task) -> None:
        decoder.task = task
        self._send(decoder, task)

    def _send(self, decoder: Decoder, value: Mapping[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):  # it died: its output will say so
            decoder.process.stdin.write(json.dumps(value).encode() + b"\n")
            decoder.process.stdin.flush()

    def _hear(self, decoder: Decoder, died: Died) -> Iterator[dict[str, Any]]:
        piece = os.read(decoder.process.stdout.fileno(), 1 << 16)
        if not piece:
            yield from self._ended(decoder, died)
            return
        *lines, decoder.unread = (decoder.unread + piece).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            if answer.get("ready"):
                decoder.ready = True
            elif "fatal" in answer:
                raise OutputsError(
                    f"cannot write {answer['file']}: {answer['fatal']}. Free space or fix its "
                    "permissions, then repeat the command: what is decoded is kept."
                )
            else:
                decoder.task = None
                yield answer

    def _ended(self, decoder: Decoder, died: Died) -> Iterator[dict[str, Any]]:
        self._forget(decoder)
        self._decoders.remove(decoder)
        code, task = decoder.process.returncode, decoder.task
        if not decoder.ready:
            raise MMLibError(f"a decoder process cannot start (exit {code}); its last words: {self._last_words()}")
        if task is None:
            return
        died(task, *_cause(code, self.settings["seconds"]))
        yield {"row": task["row"], "reason": "died"}

    def _forget(self, decoder: Decoder) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(decoder.process.stdout)
        decoder.process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            decoder.process.stdin.close()
        decoder.process.wait()

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return lines[-1] if lines else "none"


def _cause(code: int, seconds: float) -> tuple[Reason, str]:
    """Why a decoder process ended while it was decoding."""
    if code == -signal.SIGALRM:
        return Reason.TIME_LIMIT, f"not decoded within {seconds:g} s"
    if code == -signal.SIGKILL:
        return Reason.TOO_LARGE, "the decoder process was killed, most likely for want of memory"
    what = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
    return Reason.UNDECODABLE, f"the decoder ended over it ({what})"
