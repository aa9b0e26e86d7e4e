"""The supervisor with a program of two lines: how long it waits for one that dies again and again, when it gives up.

What a hub's own workers do is in `tests/processes/test_workers.py`.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from service.workers import Pauses

ROOT = Path(__file__).resolve().parents[2]
WORKER = "import os, signal; print('ready', os.getpid(), flush=True); signal.pause()"
NEVER = "raise SystemExit(7)"
SUPERVISOR = """
import socket, sys
from service import logs
from service.workers import Pauses, supervise

logs.configure("test")
with socket.create_server(("127.0.0.1", 0)) as listener:
    pauses = Pauses(*map(float, sys.argv[2:5]))
    words = [sys.executable, "-c", sys.argv[1]]
    code = supervise(words, 2, listener, environment={}, pauses=pauses, ready=lambda: None)
sys.exit(code)
"""


@contextmanager
def supervisor(program: str, *pauses: float) -> Iterator["subprocess.Popen[str]"]:
    """A supervisor of two; ended afterwards, whatever happened."""
    words = [sys.executable, "-c", SUPERVISOR, program, *map(str, pauses)]
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def said(stderr: IO[str] | None, event: str) -> dict[str, Any]:
    """The next log event of this name; the test's own time limit ends the wait."""
    assert stderr is not None
    for line in stderr:
        found: dict[str, Any] = json.loads(line)
        if found["event"] == event:
            return found
    raise AssertionError(f"it ended without {event}")


def workers_of(process: "subprocess.Popen[str]") -> set[int]:
    """Its workers' process ids."""
    return {int(one) for one in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()}


def test_pauses_grow_to_their_cap_and_stay_there() -> None:
    pauses = Pauses(0.2, 60.0, 60.0)
    grown = [pauses.after(failures) for failures in range(1, 12)]
    assert grown == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60.0, 60.0]
    assert pauses.after(10**9) == 60.0
    assert Pauses(5.0, 1.0, 1.0).after(1) == 1.0


@pytest.mark.parametrize(
    ("well_seconds", "attempts", "paused"),
    [(3600.0, [1, 2, 3, 4], [0.01, 0.02, 0.04, 0.05]), (0.0, [1, 1, 1, 1], [0.01] * 4)],
    ids=["crashes", "ran well"],
)
def test_one_that_dies_again_and_again_is_waited_for_longer(
    well_seconds: float, attempts: list[int], paused: list[float]
) -> None:
    with supervisor(WORKER, 0.01, 0.05, well_seconds) as process:
        for _ in range(2):
            said(process.stderr, "worker.ready")
        other = min(workers_of(process))
        waited = []
        for _ in attempts:
            (victim,) = workers_of(process) - {other}
            os.kill(victim, signal.SIGKILL)
            waited.append(said(process.stderr, "worker.awaited"))
            assert said(process.stderr, "worker.ready")["place"] == waited[0]["place"]
        assert [one["attempts"] for one in waited] == attempts
        assert [one["seconds"] for one in waited] == paused
        assert len({one["place"] for one in waited}) == 1
        assert other in workers_of(process), "the other one is none the worse"
        process.terminate()
        assert process.wait() == 0


def test_one_that_never_was_ready_ends_the_whole_and_that_is_said() -> None:
    with supervisor(NEVER, 0.01, 0.05, 0.0) as process:
        found = said(process.stderr, "workers.never_ready")
        assert (found["status"], found["count"]) == (7, 2)
        assert process.wait() == 7
