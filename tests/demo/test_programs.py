"""Whatever happens to the demonstration, the programs it started end."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from liaison.demo.programs import Program, Programs, answers
from schemas.errors import Fault

SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
)


def test_leaving_ends_every_program_also_by_an_error(tmp_path: Path) -> None:
    started: list[Program] = []

    def fail(programs: Programs) -> None:
        started.extend(programs.start(name, ()) for name in ("a", "b"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Programs(tmp_path, SLEEPER) as programs:
        fail(programs)
    assert [program.process.returncode for program in started] == [-signal.SIGTERM] * 2


def test_one_that_will_not_end_is_killed(tmp_path: Path) -> None:
    with Programs(tmp_path, STUBBORN, end_seconds=0.2) as programs:
        program = programs.start("stubborn", ())
        programs.wait_until("its first word", lambda: program.last_words() or None)
    assert program.process.returncode == -signal.SIGKILL


def test_a_program_that_ended_is_named_while_we_wait(tmp_path: Path) -> None:
    words = (sys.executable, "-c", "print('no room'); raise SystemExit(7)")
    with Programs(tmp_path, words) as programs:
        program = programs.start("hub", ())
        with pytest.raises(Fault, match="hub ended with 7"):
            programs.wait_until("nothing", lambda: None)
        assert "no room" in program.last_words()


def test_waiting_has_an_end(tmp_path: Path) -> None:
    with Programs(tmp_path, SLEEPER) as programs, pytest.raises(Fault, match="the sun"):
        programs.wait_until("the sun", lambda: None, seconds=0.05)


def test_an_address_where_nothing_listens_does_not_answer() -> None:
    assert answers("http://127.0.0.1:1/readyz") is None


PARENT = """
import sys
from pathlib import Path
from liaison.demo.programs import Programs

with Programs(Path(sys.argv[1]), (sys.executable, "-c", "import time; time.sleep(600)")) as programs:
    print(programs.start("child", ()).process.pid, flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="pidfd and the parent-death signal are Linux's")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_the_demonstration_ends_its_programs(number: signal.Signals, tmp_path: Path) -> None:
    words = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.send_signal(number)
        parent.wait(30)
    assert select.select([child], [], [], 30)[0], "the child still runs"
    os.close(child)
