"""Starts programs as processes of their own, waits until they are ready, and ends them on every way out.

Guarantees that no process started here outlives the demonstration: leaving `Programs` ends them (first politely, then
not), SIGTERM and SIGHUP leave it like Ctrl-C does, and on Linux the kernel ends them should this process be killed.
Each program writes what it says to a log file of its own.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

from schemas.errors import Fault

T = TypeVar("T")

READY_SECONDS = 30.0
END_SECONDS = 8.0
LOOK_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Program:
    """A running program and where it writes what it says."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def last_words(self) -> str:
        """The end of its log, for a message when it has failed."""
        with contextlib.suppress(OSError):
            return self.log.read_text(encoding="utf-8", errors="replace")[-1500:]
        return ""


class Programs:
    """The processes of one demonstration."""

    def __init__(
        self,
        logs: Path,
        command: Sequence[str] = (sys.executable, "-m", "liaison"),
        end_seconds: float = END_SECONDS,
    ) -> None:
        self._logs = logs
        self._command = command
        self._end_seconds = end_seconds
        self._running: list[Program] = []
        self._before: dict[int, Any] = {}

    def start(self, name: str, words: Sequence[str], environment: Mapping[str, str] | None = None) -> Program:
        """Start `liaison WORDS` as a process named `name`; what it says goes to `name`.log.

        Args:
            name: of the program.
            words: command, arguments and options.
            environment: what this one process has beside our own environment.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        with log.open("ab") as out:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [*self._command, *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # Ctrl-C at the terminal reaches us alone, and we end them in order
                preexec_fn=_end_with_parent(),  # noqa: PLW1509 - one thread here; Linux only
            )
        program = Program(name, process, log)
        self._running.append(program)
        return program

    def process(self, name: str) -> int:
        """The process id of the program started last under this name."""
        return next(program.process.pid for program in reversed(self._running) if program.name == name)

    def stop(self, name: str) -> None:
        """End the program started last under this name, in order."""
        program = next(one for one in reversed(self._running) if one.name == name)
        program.process.terminate()
        program.process.wait(self._end_seconds)
        self._running.remove(program)

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            self._before[number] = signal.signal(number, _interrupt)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self.end()

    def end(self) -> None:
        """End every program: edges before the hub, in the reverse order of their start."""
        for program in reversed(self._running):
            with contextlib.suppress(ProcessLookupError):
                program.process.terminate()
        until = time.monotonic() + self._end_seconds
        for program in reversed(self._running):
            try:
                program.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                program.process.kill()
                program.process.wait()
        self._running.clear()

    def check(self) -> None:
        """Every program still runs. Raises Fault with the name of one that does not."""
        for program in self._running:
            if program.process.poll() is not None:
                raise Fault(f"{program.name} ended with {program.process.returncode}; see {program.log}")

    def wait_until(self, what: str, look: Callable[[], T | None], seconds: float = READY_SECONDS) -> T:
        """What `look` gives once it gives something; looks again and again, for nothing tells us from outside.

        Raises:
            Fault: a program has ended, or the time is over.
        """
        until = time.monotonic() + seconds
        while (found := look()) is None:
            self.check()
            if time.monotonic() > until:
                raise Fault(f"waited {seconds:.0f} seconds for {what}")
            time.sleep(LOOK_SECONDS)
        return found


def answers(url: str) -> bool | None:
    """True once `url` (loopback, ours) answers with a success, else None: a `look` for `wait_until`."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - an address on loopback that we made
            return True if answer.status < 300 else None
    except OSError:
        return None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _end_with_parent() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return lambda: library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
