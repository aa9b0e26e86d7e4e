"""A real PostgreSQL for tests: its own cluster in a folder of its own, one a test process, on a free loopback port.

    url = database()          # a fresh database with the hub's tables, as the hub's role; roles and grants as migrated
    server().kill()           # SIGKILL of every process of it;  server().start() again: what a power cut leaves

It comes from Debian's package `postgresql`. `LIAISON_TEST_POSTGRES` (an owner's URL, `postgresql://user:password@...`)
points at a server that is there already; then what kills it fails with these words.
"""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from functools import cache
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from hub.store.migrating import migrate_server
from tests.ports import free_ports

HUB = "liaison_test"
"""The role that hubs of tests sign in with; a cluster of tests asks nobody for a password."""
START_SECONDS = 60
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
}
_numbers = count()


class Server:
    """One cluster, with its data, in a new folder or in one that is there and empty; `initdb` are words for that."""

    def __init__(self, folder: Path | None = None, *initdb: str | Path) -> None:
        self._as = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self._folder = folder or Path(tempfile.mkdtemp(prefix="liaison-postgres-"))
        if os.geteuid() == 0:
            shutil.chown(self._folder, self._as)
        [self.port] = free_ports(1)
        words = ("--no-sync", "--auth=trust", "--no-locale", "--encoding=UTF8", "--username=owner", "-D", self.data)
        self._run("initdb", *words, *initdb)
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(
                f"{name} = '{value}'\n"
                for name, value in (
                    _SETTINGS | {"port": str(self.port), "unix_socket_directories": str(self._folder)}
                ).items()
            )
        self.start()
        atexit.register(self.end)

    @property
    def data(self) -> Path:
        """The cluster's files."""
        return self._folder / "data"

    @property
    def owner(self) -> str:
        """The address of who owns everything, without a database."""
        return f"postgresql://owner@127.0.0.1:{self.port}"

    def database(self) -> str:
        """The hub's URL of a new database with the tables."""
        name = f"liaison_{next(_numbers)}"
        with psycopg.connect(f"{self.owner}/postgres", autocommit=True) as owner:
            owner.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = f"postgresql://{HUB}@127.0.0.1:{self.port}/{name}"
        migrate_server(f"{self.owner}/{name}", None, url, None)
        return url

    def start(self) -> None:
        """It answers; after a kill it has recovered."""
        log = str(self._folder / "log")
        self._run("pg_ctl", "start", "-w", "-s", "-t", str(START_SECONDS), "-D", self.data, "-l", log)

    def stop(self, mode: str = "fast") -> None:
        """It has ended in order."""
        self._run("pg_ctl", "stop", "-w", "-s", "-m", mode, "-D", self.data)

    def kill(self) -> None:
        """SIGKILL to the server and all its sessions' processes at once."""
        main = self.pid
        self.signal(signal.SIGKILL)
        while Path(f"/proc/{main}").exists():
            os.sched_yield()

    def signal(self, number: signal.Signals) -> None:
        """To the server and all its sessions' processes."""
        main = self.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        for process in (main, *map(int, children)):
            os.kill(process, number)

    @property
    def pid(self) -> int:
        """Of the server's first process."""
        return int((self.data / "postmaster.pid").read_text().split("\n")[0])

    @property
    def runs(self) -> bool:
        """Whether its first process is there."""
        file = self.data / "postmaster.pid"
        return file.exists() and Path(f"/proc/{self.pid}").exists()

    def end(self) -> None:
        """It is gone, with its data."""
        if (self.data / "postmaster.pid").exists():
            subprocess.run([*self._words("pg_ctl"), "stop", "-s", "-m", "immediate", "-D", self.data], check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *words: str | Path) -> None:
        subprocess.run([*self._words(program), *words], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def _words(self, program: str) -> list[str]:
        found = str(_programs() / program)
        return [found] if os.geteuid() else ["runuser", "-u", self._as, "--", found]


class Elsewhere:
    """A server that somebody else started."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.port = urlsplit(owner).port or 5432

    def kill(self) -> None:
        """Not ours to kill."""
        raise AssertionError("this test kills PostgreSQL: unset LIAISON_TEST_POSTGRES")

    start = stop = signal = kill


@cache
def server() -> Server | Elsewhere:
    """The process's one server; started when first asked for."""
    given = os.environ.get("LIAISON_TEST_POSTGRES")
    return Elsewhere(given.rstrip("/")) if given else Server()


def database(*, tables: bool = True) -> str:
    """The hub's URL of a new database; with the tables, unless told otherwise."""
    name = f"liaison_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(f"{server().owner}/postgres", autocommit=True) as owner:
        template = _template() if tables else "template1"
        owner.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    return _address(name)


def owners(url: str) -> str:
    """The same database, as its tables' owner."""
    return f"{server().owner}{urlsplit(url).path}"


@cache
def _template() -> str:
    url = database(tables=False)
    migrate_server(owners(url), None, url, None)
    return urlsplit(url).path.strip("/")


def _address(name: str) -> str:
    host = urlsplit(server().owner).hostname
    return f"postgresql://{HUB}@{host}:{server().port}/{name}"


def _programs() -> Path:
    """Where Debian has the newest server's programs; they are not on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        raise AssertionError("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1] if found else Path(str(on_path)).parent
