"""docker-compose.yml brought up by podman-compose, with the stand-ins of podman.override.yml; gone again in the end.

Guarantees that containers, volumes and networks are removed however a test ends, and that those of a run which was
itself killed are removed by the next. A project's name holds the process that owns it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import yaml

from tests.boxes.engine import ROOT, Engine
from tests.ports import free_ports

T = TypeVar("T")

COMPOSE = ROOT / "docker-compose.yml"
OVERRIDE = ROOT / "tests" / "boxes" / "podman.override.yml"
STANDINS = ROOT / "tests" / "boxes" / "standins"
PREFIX = "liaison-test-"
LABEL = "io.podman.compose.project"
SECONDS = 180.0
LOOK_SECONDS = 0.1
LAST_LINES = 25


class Site:
    """The containers of one test."""

    def __init__(self, engine: Engine, folder: Path, jars: Path) -> None:
        self.engine = engine
        self.project = f"{PREFIX}{os.getpid()}"
        self.secrets = folder / "secrets"
        self.ports = free_ports(2)
        self.services = {
            name: service
            for name, service in yaml.safe_load(COMPOSE.read_text())["services"].items()
            if "core" in service["profiles"]
        }
        self._environment: Mapping[str, str] = {
            **engine.environment,
            **standins(jars),
            "LIAISON_SECRETS": str(self.secrets),
            "LIAISON_HUB_1_PORT": str(self.ports[0]),
            "LIAISON_HUB_2_PORT": str(self.ports[1]),
        }
        self._pause = threading.Event()

    def __enter__(self) -> Self:
        self._sweep_old()
        subprocess.run(["sh", ROOT / "deploy" / "prepare.sh", self.secrets], check=True, timeout=SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(self._last_words())
        self.sweep()

    # -- everything

    def compose(self, *words: str) -> None:
        """A podman-compose command of the core profile."""
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("podman-compose")), "--project-name", self.project,
                "--file", str(COMPOSE), "--file", str(OVERRIDE), "--profile", "core", *words,
            ],
            env=self._environment, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"podman-compose {words[0]} ended with {done.returncode}: {done.stderr[-3000:]}"

    def up(self) -> None:
        """The whole profile, as `docker compose up --wait`: each service once what it depends on is as it asks.

        podman-compose is given what can start together, for podman 4.3 knows no `service_healthy` and starts what was
        to run once a second time when something depends on it.
        """
        waiting = dict(self.services)
        while waiting:
            able = [
                name for name, service in waiting.items() if not waiting.keys() & service.get("depends_on", {}).keys()
            ]
            for name in {other for one in able for other in self.services[one].get("depends_on", {})}:
                self.until(f"{name} to be as others ask", lambda name=name: self.settled(name))  # type: ignore[misc]
            self.compose("up", "--detach", "--no-build", "--no-deps", *able)
            for name in able:
                del waiting[name]
        for name in self.services:
            self.until(f"{name} to be as it should", lambda name=name: self.settled(name))  # type: ignore[misc]

    def settled(self, service: str) -> bool | None:
        """True once it is healthy, or has run to its good end if it is one that runs once."""
        if self.services[service]["restart"] != "no":
            return self.healthy(service)
        code = self.engine.podman("wait", self.name(service))
        assert code == "0", f"{service} ended with {code}"
        return True

    def sweep(self) -> None:
        """Everything of this project is gone."""
        self._sweep(self.project)
        left = [name for kind in ("ps --all", "volume ls", "network ls") for name in self._labelled(kind, self.project)]
        assert not left, left

    # -- one container

    def name(self, service: str) -> str:
        """Of a service's container."""
        return f"{self.project}_{service}_1"

    def run(self, service: str, *words: str) -> Any:
        """What `liaison WORDS --json` says inside a running container."""
        return json.loads(self.engine.podman("exec", self.name(service), "liaison", *words, "--json"))

    def inside(self, service: str, *words: str) -> str:
        """What a command prints inside a running container."""
        return self.engine.podman("exec", self.name(service), *words)

    def state(self, service: str) -> Any:
        """Of a container: Status, Pid, ExitCode ..."""
        return json.loads(self.engine.podman("inspect", "--format", "{{json .State}}", self.name(service)))

    def healthy(self, service: str) -> bool | None:
        """True once the service's own health check succeeds. It is run here, for podman has no systemd to do it."""
        return True if self.engine.succeeds("healthcheck", "run", self.name(service)) else None

    def kill(self, service: str) -> None:
        """SIGKILL from outside, as the kernel would; what brings it back is the service's restart policy alone."""
        before = self.until(f"{service} to run", lambda: self.state(service)["Pid"] or None)
        end = os.pidfd_open(
            before
        )  # never by number: 0 is what podman says of one that ended, and it is us to the kernel
        try:
            signal.pidfd_send_signal(end, signal.SIGKILL)
        finally:
            os.close(end)
        self.until(f"{service} to be started again", lambda: self.state(service)["Pid"] not in {0, before} or None)

    def volume(self, name: str) -> Path:
        """Where a named volume lies on this machine."""
        return Path(self.engine.podman("volume", "inspect", "--format", "{{.Mountpoint}}", f"{self.project}_{name}"))

    # -- waiting

    def until(self, what: str, look: Callable[[], T | None], seconds: float = SECONDS) -> T:
        """What `look` gives once it gives something."""
        until = time.monotonic() + seconds
        while (found := look()) is None:
            assert time.monotonic() < until, f"waited {seconds:.0f} seconds for {what}"
            self._pause.wait(LOOK_SECONDS)
        return found

    # -- the end

    def _last_words(self) -> str:
        said = []
        for name in self._labelled("ps --all", self.project, "{{.Names}}"):
            words = ["podman", "logs", "--tail", str(LAST_LINES), name]
            done = subprocess.run(
                words, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
            )
            said.append(f"-- {name}\n{done.stdout[-2500:]}")
        return "\n".join(said)

    def _sweep_old(self) -> None:
        for project in set(self._labelled("ps --all", None, f'{{{{index .Labels "{LABEL}"}}}}')):
            owner = project.removeprefix(PREFIX)
            if project.startswith(PREFIX) and not Path(f"/proc/{owner}").exists():
                self._sweep(project)

    def _sweep(self, project: str) -> None:
        for kind, remove in (
            ("ps --all", ("rm", "--force", "--time", "0", "--volumes")),
            ("volume ls", ("volume", "rm", "--force")),
            ("network ls", ("network", "rm", "--force")),
        ):
            if names := self._labelled(kind, project):
                self.engine.podman(*remove, *names, check=False)

    def _labelled(self, kind: str, project: str | None, shown: str | None = None) -> list[str]:
        label = LABEL if project is None else f"{LABEL}={project}"
        words = ["--filter", f"label={label}", *(("--quiet",) if shown is None else ("--format", shown))]
        return self.engine.podman(*kind.split(), *words).split()


def standins(jars: Path) -> Mapping[str, str]:
    """What podman.override.yml asks of this machine: where Debian has its programs, and Java its settings."""
    found = shutil.which("java")
    assert found is not None, "Java is not installed: apt-get install openjdk-17-jre-headless"
    java = Path(found).resolve()
    settings = java.parents[1] / "conf" / "net.properties"
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    assert servers, "PostgreSQL is not installed: apt-get install postgresql"
    return {
        "LIAISON_STANDINS": str(STANDINS),
        "LIAISON_JAVA": str(java),
        "LIAISON_JAVA_SETTINGS": str(settings.resolve().parent),
        "LIAISON_KAFKA": str(jars),
        "LIAISON_POSTGRES": str(servers[-1]),
    }
