"""Several processes of one program behind one listening socket: started, started again when they die, renewed in turn.

Guarantees that no connection is refused while a worker is renewed (SIGHUP): its successor answers first, then it is
told to end and finishes what it has; connections wait in the one socket's queue meanwhile. A worker that dies is
started again after a pause, which doubles up to a cap until one has run well for a while; one that ends before all were
ready for the first time ends the whole, and says so, for then something is set wrongly. On SIGTERM or Ctrl-C all are
told to end and are waited for. Workers end with their supervisor, also when that is killed (on Linux).
"""

import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from prometheus_client import multiprocess

from service.logs import log

LISTENER = "LIAISON_LISTENER"
"""The environment's name for the number of the inherited socket."""
SUPERVISOR = "LIAISON_SUPERVISOR"
"""The environment's name for the supervisor's process id."""
NUMBERS = "PROMETHEUS_MULTIPROC_DIR"
"""The environment's name for the folder in which workers add up what they count; prometheus_client's."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class Pauses:
    """Between a worker's death and its next start: the first, the longest, and how long it must run to begin anew."""

    seconds: float
    seconds_max: float
    well_seconds: float

    def after(self, failures: int) -> float:
        """The pause after so many deaths, at least one, of which none followed a good run."""
        doublings = min(failures - 1, 64)
        return min(self.seconds_max, self.seconds * 2.0**doublings)


def inherited() -> socket.socket | None:
    """The supervisor's listening socket, in a worker; None in a program of its own."""
    number = os.environ.get(LISTENER)
    if number is None:
        return None
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != int(os.environ[SUPERVISOR]):  # it died before we asked to die with it
            os.kill(os.getpid(), signal.SIGTERM)
    return socket.socket(fileno=int(number))


def supervise(
    words: Sequence[str],
    count: int,
    listener: socket.socket,
    *,
    environment: Mapping[str, str],
    pauses: Pauses,
    ready: Callable[[], None],
) -> int:
    """Run `count` processes of a command until told to end.

    Args:
        words: the command; it prints a line on standard output once it is ready.
        count: how many.
        listener: bound and listening; each inherits it.
        environment: what each has beside ours.
        pauses: before one that died is started again.
        ready: called once all are ready for the first time.

    Returns:
        The exit code: 0, or that of a worker which ended before all were ready.
    """
    with tempfile.TemporaryDirectory(prefix="liaison-workers-") as numbers:
        ours = {LISTENER: str(listener.fileno()), SUPERVISOR: str(os.getpid()), NUMBERS: numbers}
        everything = os.environ | dict(environment) | ours
        return _Supervisor(words, count, listener.fileno(), everything, numbers, pauses=pauses).run(ready)


@dataclass(eq=False, slots=True)
class _Worker:
    process: "subprocess.Popen[bytes]"
    place: int
    ready_at: float | None = None
    replaces: "_Worker | None" = None

    @property
    def ready(self) -> bool:
        """Whether it has said so."""
        return self.ready_at is not None


class _Supervisor:
    def __init__(
        self,
        words: Sequence[str],
        count: int,
        listener: int,
        environment: Mapping[str, str],
        numbers: str,
        *,
        pauses: Pauses,
    ) -> None:
        self._words = words
        self._count = count
        self._listener = listener
        self._environment = environment
        self._numbers = numbers
        self._pauses = pauses
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self._to_renew: deque[int] = deque()
        self._to_start: list[tuple[float, int]] = []
        self._failures = [0] * count
        self._all_ready = False
        self._ending = False
        self._code = 0

    def run(self, ready: Callable[[], None]) -> int:
        """As `supervise`."""
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake)
        before = {
            name: signal.signal(name, _noted) for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
        }
        self._selector.register(woken, selectors.EVENT_READ)
        try:
            for place in range(self._count):
                self._start(place)
            while self._workers or self._to_start:
                for key, _ in self._selector.select(self._patience()):
                    if key.fd == woken:
                        self._signalled(os.read(woken, 1024))
                    else:
                        self._said(key.data)
                self._bury()
                self._start_due()
                if not self._all_ready and not self._ending and all(worker.ready for worker in self._workers):
                    self._all_ready = True
                    ready()
                self._renew_next()
        finally:
            for worker in self._workers:
                worker.process.kill()
            for name, handler in before.items():
                signal.signal(name, handler)
            signal.set_wakeup_fd(-1)
            os.close(woken)
            os.close(wake)
        return self._code

    def _start(self, place: int, replaces: _Worker | None = None) -> None:
        process = subprocess.Popen(  # noqa: S603 - our own command
            self._words, env=self._environment, pass_fds=(self._listener,), stdout=subprocess.PIPE
        )
        worker = _Worker(process, place, replaces=replaces)
        assert process.stdout is not None  # noqa: S101 - opened as a pipe above
        self._selector.register(process.stdout, selectors.EVENT_READ, worker)
        self._workers.append(worker)

    def _signalled(self, signals: bytes) -> None:
        for number in signals:
            if number in {signal.SIGTERM, signal.SIGINT} and not self._ending:
                self._ending = True
                self._to_start.clear()
                for worker in self._workers:
                    worker.process.terminate()
            elif number == signal.SIGHUP and not self._to_renew:
                self._to_renew.extend(range(self._count))

    def _said(self, worker: _Worker) -> None:
        """A worker's first line says that it is ready; after that its output is none of ours."""
        stdout = worker.process.stdout
        assert stdout is not None  # noqa: S101 - opened as a pipe
        self._selector.unregister(stdout)
        if not stdout.readline():
            return  # it ends: see `_bury`
        worker.ready_at = time.monotonic()
        log.info("worker.ready", place=str(worker.place))
        if worker.replaces is not None:
            worker.replaces.process.terminate()

    def _bury(self) -> None:
        for worker in list(self._workers):
            code = worker.process.poll()
            if code is None:
                continue
            self._workers.remove(worker)
            if worker.process.stdout is not None:
                with suppress(KeyError):
                    self._selector.unregister(worker.process.stdout)
                worker.process.stdout.close()
            multiprocess.mark_process_dead(worker.process.pid, self._numbers)  # type: ignore[no-untyped-call]
            self._died(worker, code)

    def _died(self, worker: _Worker, code: int) -> None:
        beside = [other for other in self._workers if other.place == worker.place]
        if self._ending or any(other.replaces is worker and other.ready for other in beside):
            return  # it was told to end
        log.error("worker.ended", place=str(worker.place), status=code)
        if beside:
            return  # the one that it was to replace goes on, or the one that is to replace it comes
        if not self._all_ready:
            self._code = code if code > 0 else 1
            log.error("workers.never_ready", place=str(worker.place), status=code, count=self._count)
            self._signalled(bytes([signal.SIGTERM]))
            return
        now = time.monotonic()
        if worker.ready_at is not None and now - worker.ready_at >= self._pauses.well_seconds:
            self._failures[worker.place] = 0
        self._failures[worker.place] += 1
        pause = self._pauses.after(self._failures[worker.place])
        log.warning("worker.awaited", place=str(worker.place), attempts=self._failures[worker.place], seconds=pause)
        self._to_start.append((now + pause, worker.place))

    def _start_due(self) -> None:
        now = time.monotonic()
        due = [place for at, place in self._to_start if at <= now]
        self._to_start = [(at, place) for at, place in self._to_start if at > now]
        for place in due:
            self._start(place)

    def _renew_next(self) -> None:
        """One at a time: the next once the one before has taken over and its predecessor is gone."""
        if self._ending or len(self._workers) != self._count or not all(worker.ready for worker in self._workers):
            return
        if self._to_renew:
            place = self._to_renew.popleft()
            self._start(place, next(worker for worker in self._workers if worker.place == place))

    def _patience(self) -> float | None:
        return max(0.0, min(at for at, _ in self._to_start) - time.monotonic()) if self._to_start else None


def _noted(_number: int, _frame: object) -> None:
    """The wake-up pipe has the number already."""
