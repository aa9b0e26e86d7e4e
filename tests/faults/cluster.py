"""A hub and edges as real processes on loopback, in a copy of a world that was founded once.

Founding (keys, directory, agreements, first start) is done by the demonstration's own commands, once a test process;
each test gets a copy of the folders under the same addresses, which nobody else gets (`tests/ports.py`), so that a
program which was killed finds its own free again.
"""

import contextlib
import os
import select
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from liaison.cli.output import ExitCode
from liaison.demo import inputs
from liaison.demo import world as demo
from liaison.demo.commands import command
from liaison.demo.programs import Program, Programs
from liaison.demo.world import AGREEMENTS, AUTHORITIES, World
from schemas.errors import Fault
from tests.faults.national import Calls, Files, call
from tests.ports import free_ports

T = TypeVar("T")

AUT, MDA, GEO = (one.id for one in AUTHORITIES)
TODAY = datetime.now(UTC).date()
SECONDS = 90.0
LOOK_SECONDS = 0.03
SETTLE_SECONDS = 3.0
"""After so long a national system that posted is told to come again."""
HUB = {
    "LIAISON_HUB_RELAY_IDLE_SECONDS": "0.05",
    "LIAISON_HUB_PUSH_BACKOFF_SECONDS": "0.05",
    "LIAISON_HUB_PUSH_BACKOFF_SECONDS_MAX": "0.5",
    "LIAISON_HUB_PUSH_LOOK_SECONDS": "0.1",
}
EDGE = {
    "LIAISON_EDGE_LOOK_SECONDS": "0.05",
    "LIAISON_EDGE_WAIT_SECONDS": "2",
    "LIAISON_EDGE_RETRY_FIRST_SECONDS": "0.02",
    "LIAISON_EDGE_RETRY_MAX_SECONDS": "0.4",
}
"""Settings an operator could choose: shorter waits, nothing else."""


class Cluster:
    """The processes of one test. Whatever is killed is started again by `until`."""

    def __init__(self, world: World, programs: Programs, environment: Mapping[str, Mapping[str, str]]) -> None:
        self.world = world
        self.killed: Counter[str] = Counter()
        self.files = Files(AUT, world.national(AUT))
        token = (world.edge(MDA) / "channel-token").read_text(encoding="utf-8").strip()
        self.calls = Calls(MDA, f"{world.edge_urls[MDA]}/channels/rest", token)
        self._programs = programs
        self._environment = dict(environment)
        self._running: dict[str, Program] = {}

    # -- processes

    def start(self, *names: str, armed: str = "") -> None:
        """Start programs, the given point armed in each; what is no partner is a process of the hub."""
        for name in names:
            is_hub = not name.startswith("test-")
            words = ["hub", "serve", str(self.world.hub)] if is_hub else ["edge", "serve", self._folder(name)]
            settings = {**(HUB if is_hub else EDGE), **self._environment.get(name, {})}
            self._running[name] = self._programs.start(name, words, {**settings, "LIAISON_FAILPOINT": armed})

    def configure(self, name: str, **settings: str) -> None:
        """A program has these settings besides when it is started the next time."""
        self._environment[name] = {**self._environment.get(name, {}), **settings}

    def process(self, name: str) -> int:
        """The process id of a program."""
        return self._running[name].process.pid

    def kill(self, name: str) -> None:
        """SIGKILL, from outside; nothing is started again before `until`."""
        program = self._running[name]
        program.process.kill()
        program.process.wait()

    def start_hub(self, name: str, folder: Path, port: int) -> None:
        """Another hub process, on another data directory and port."""
        settings = {**HUB, "LIAISON_HUB_PORT": str(port)}
        self._running[name] = self._programs.start(name, ["hub", "serve", str(folder)], settings)

    def stop(self, *names: str) -> None:
        """End programs in order, and leave them so."""
        for name in names:
            program = self._running.pop(name)
            program.process.terminate()
            assert program.process.wait(SECONDS) in {0, -signal.SIGTERM}, program.last_words()

    def cut_power(self) -> None:
        """SIGKILL for all that still run."""
        for name in list(self._running):
            self.kill(name)
            del self._running[name]

    def log(self, name: str) -> str:
        """What a program has said."""
        return (self.world.folder / "logs" / f"{name}.log").read_text(encoding="utf-8")

    # -- waiting

    def until(self, what: str, look: Callable[[], T | None], seconds: float = SECONDS) -> T:
        """What `look` gives once it gives something; meanwhile killed programs start again, and systems do their work.

        Waits on the end of any program, for no longer than a look takes to be due.
        """
        until = time.monotonic() + seconds
        while True:
            self._restart()
            for system in self._systems():
                system.work()
            found = look()
            if found is not None:
                return found
            if time.monotonic() > until:
                raise Fault(f"waited {seconds:.0f} seconds for {what}; {self._words()}")
            self._pause()

    def ready(self, *names: str) -> None:
        """These say that they can work."""
        self.until("readiness", lambda: True if all(self.is_ready(name) for name in names) else None)

    def is_ready(self, name: str) -> bool:
        """What `/readyz` says now."""
        answer = call("GET", f"{self.url(name)}/readyz")
        return answer is not None and answer[0] == 200

    def quiet(self, sent: int, got: int) -> bool | None:
        """True once so much was acknowledged and handed over, and nothing is under way at the edges that run."""
        systems = (self.files, self.calls)
        if not all(one.idle for one in systems) or sum(len(one.seen.sent) for one in systems) < sent:
            return None
        if sum(len(one.seen.got) for one in systems) < got:
            return None
        return True if all(not self.status(one)["under_way"] for one in (AUT, MDA)) else None

    def settle(self, sent: int, got: int) -> None:
        """Wait for `quiet`."""
        self.until(f"{sent} sent and {got} handed over", lambda: self.quiet(sent, got))

    def url(self, name: str) -> str:
        """Where a program is reached."""
        return self.world.url if name == "hub" else self.world.edge_urls[name]

    def status(self, partner: str) -> Any:
        """What `liaison edge status` says."""
        with contextlib.suppress(Fault):
            return command("edge", "status", self.world.edge(partner))
        return command("edge", "status", self.world.edge(partner), expected=3)

    def alarms(self, partner: str) -> list[str]:
        """The codes of an edge's alarms, oldest first."""
        return [alarm["code"] for alarm in self.status(partner)["alarm_list"]]

    def _systems(self) -> Sequence[Files | Calls]:
        return [one for one in (self.files, self.calls) if one.partner in self._running]

    def _restart(self) -> None:
        for name, program in list(self._running.items()):
            code = program.process.poll()
            if code is None:
                continue
            if code == -signal.SIGKILL:
                self.killed[name] += 1
            else:  # a hub that finds its database server gone at the start says so, and whatever runs it tries again
                waits = code == ExitCode.UNREACHABLE and "STORE_UNAVAILABLE" in program.last_words()
                assert waits, f"{name} ended with {code}: {program.last_words()}"
            self.start(name)

    def _pause(self) -> None:
        ends = []
        try:
            for program in self._running.values():
                with contextlib.suppress(ProcessLookupError):
                    ends.append(os.pidfd_open(program.process.pid))
            select.select(ends, [], [], LOOK_SECONDS)
        finally:
            for end in ends:
                os.close(end)

    def _words(self) -> str:
        seen = {one.partner: (len(one.seen.sent), len(one.seen.got), one.idle) for one in (self.files, self.calls)}
        last = {name: program.last_words()[-600:] for name, program in self._running.items()}
        return f"{seen}, killed {dict(self.killed)}, {last}"

    def _folder(self, partner: str) -> str:
        return str(self.world.edge(partner))


def alert(state: str, image: bytes, number: int = 17) -> dict[str, Any]:
    """An alert by the state with this two-letter code, with one image."""
    return inputs.doc_alert(TODAY, image) | {"alert_no": f"{state}-DOC-{TODAY.year}-{number:05d}"}


@contextmanager
def cluster(folder: Path, **environment: Mapping[str, str]) -> Iterator[Cluster]:
    """A copy of the founded world with nothing running.

    Args:
        folder: a new one.
        environment: of `hub`, and of edges with `_` for `-` in their names; settings of these processes alone.
    """
    found = founded()
    shutil.copytree(found.folder, folder)
    for file in folder.glob("*/edge.toml"):
        file.write_text(file.read_text(encoding="utf-8").replace(str(found.folder), str(folder)), encoding="utf-8")
    with (folder / MDA / "edge.toml").open("a", encoding="utf-8") as settings:
        settings.write(f"\n[channels.rest.options]\nsettle_seconds = {SETTLE_SECONDS}\n")
    named = {name.replace("_", "-"): settings for name, settings in environment.items()}
    with Programs(folder / "logs") as programs:
        made = Cluster(_at(World(folder, programs), found), programs, named)
        try:
            yield made
        finally:
            made.cut_power()


@cache
def founded() -> World:
    """The world that every test copies: three authorities, their agreements; each program has run once."""
    kept = tempfile.TemporaryDirectory(prefix="liaison-faults-")
    _kept.append(kept)
    folder = Path(kept.name)
    with Programs(folder / "logs") as programs:
        world = World(folder, programs)
        ports = free_ports(1 + len(AUTHORITIES))
        world.url = f"http://{demo.LOOPBACK}:{ports[0]}"
        world.edge_urls = {
            one.id: f"http://{demo.LOOPBACK}:{port}" for one, port in zip(AUTHORITIES, ports[1:], strict=True)
        }
        world.found()
        for one in AUTHORITIES:
            world.join(one)
        for identifier in AGREEMENTS:
            world.agree(identifier, TODAY)
        world.start()
        programs.end()
    shutil.rmtree(folder / "logs")
    return world


def _at(world: World, found: World) -> World:
    world.url, world.edge_urls = found.url, dict(found.edge_urls)
    return world


_kept: list["tempfile.TemporaryDirectory[str]"] = []
"""The founded world lives as long as the test process, which removes it at its end."""
