"""What the hub cannot see of its database: a full, a slow and a hanging disk below the server, and lost answers.

The door says 503 with Retry-After and gives no receipt, or it is slow; the process lives and goes on by itself. One
hub process with all roles, PostgreSQL, both edges under load, and the checker of all fault tests in the end.
"""

import os
import signal
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.faults.between import Between, Exchange, between
from tests.faults.cluster import Cluster, founded
from tests.faults.load import Load
from tests.faults.national import call
from tests.faults.production import SHARED, finish, production, reached
from tests.faults.proxy import committed, network
from tests.faults.test_full_and_locked import fill, may_mount
from tests.ports import free_ports
from tests.postgres import Server

pytestmark = pytest.mark.real

DISK_BYTES = 160 * 1024**2
LOAD = (8, 6, 1)
LOST_ANSWERS = 4


@contextmanager
def watched(folder: Path, server: Server, through: int = 0) -> Iterator[tuple[Cluster, Between]]:
    """Hub and edges run; what the door answers is seen."""
    [port] = free_ports(1)
    hub = {**SHARED, "LIAISON_HUB_PORT": str(port)}
    with (
        between(int(founded().url.rpartition(":")[2]), port) as seen,
        production(folder, server, through=through, hub=hub, background=()) as found,
    ):
        yield found, seen


@pytest.fixture
def server() -> Iterator[Server]:
    """One whose disk has room."""
    found = Server()
    yield found
    found.end()


@pytest.mark.skipif(not may_mount(), reason="only root may mount a small file system")
@pytest.mark.parametrize("full", ["rows", "log"])
def test_the_disk_below_the_server_is_full(tmp_path: Path, full: str) -> None:
    """Rows find no room, and their transaction fails; or the server cannot write its log, and ends."""
    with ExitStack() as stack:
        small, large = stack.enter_context(disk()), stack.enter_context(folder_of_server())
        data, log = (small, large) if full == "rows" else (large, small)
        server = Server(data, "--wal-segsize=1", "--waldir", log / "wal")
        stack.callback(server.end)
        found, seen = stack.enter_context(watched(tmp_path, server))
        load = Load(found, *LOAD)
        reached(found, load, load.whole // 3)
        with fill(small / "filler"):
            found.until("the refusal", lambda: (load.goes_on() and refusals(seen)) or None)
            if full == "log":  # what says that a row can be written finds room for its own
                found.until("its word", lambda: None if found.is_ready("hub") else True)
            answer = call("GET", f"{found.url('hub')}/livez")
            assert answer is not None
            assert answer[0] == 200
        found.until("the server", lambda: True if running(server) else None)
        finish(found, load)
        assert not found.killed


def test_a_slow_disk_makes_the_door_slow_and_loses_nothing(tmp_path: Path, server: Server) -> None:
    """Each commit waits for a tenth of a second before it is synced."""
    with watched(tmp_path, server) as (found, seen):
        with psycopg.connect(f"{server.owner}/postgres", autocommit=True) as owner:
            for setting in ("commit_delay = 100000", "commit_siblings = 0"):
                owner.execute(f"ALTER SYSTEM SET {setting}")
            owner.execute("SELECT pg_reload_conf()")
        finish(found, Load(found, *LOAD))
        refusals(seen)


def test_a_disk_that_hangs_makes_nobody_wait_without_end(tmp_path: Path, server: Server) -> None:
    """Longer than the hub waits for its database."""
    with watched(tmp_path, server) as (found, seen):
        load = Load(found, *LOAD)
        reached(found, load, load.whole // 3)
        server.signal(signal.SIGSTOP)
        found.until("the refusal", lambda: (load.goes_on() and refusals(seen)) or None)
        server.signal(signal.SIGCONT)
        finish(found, load)
        assert not found.killed


def test_the_answer_to_a_commit_is_lost(tmp_path: Path, server: Server) -> None:
    """It stands, and the hub cannot know: no receipt, and the same receipt for whoever comes again, of one leaf."""
    with network() as net:
        [public] = free_ports(1)
        net.through("postgres", server.port, public)
        with watched(tmp_path, server, public) as (found, seen):
            load = Load(found, *LOAD)
            while net.lost < LOST_ANSWERS or not repeated(seen):
                lost = net.lost
                net.lose(committed)
                found.until("a lost answer", lambda lost=lost: (load.goes_on() and net.lost > lost) or None)  # type: ignore[misc]
            finish(found, load)
        assert refusals(seen)
        for first, *later in repeated(seen):
            assert "retry-after" in first.headers
            assert len({one.answer for one in later}) == 1


def repeated(seen: Between) -> list[list[Exchange]]:
    """Submissions that had no receipt at first, and then, as the status says, one that was made before."""
    same: dict[bytes, list[Exchange]] = defaultdict(list)
    for one in seen.exchanges("POST", "/v1/messages"):
        same[one.request].append(one)
    found = [[tries[0], *(one for one in tries if one.status != 503)] for tries in same.values()]
    return [tries for tries in found if [one.status for one in tries][:2] == [503, 200]]


def refusals(seen: Between) -> int:
    """How many were told to come again; nobody was told anything but that or yes."""
    posts = [*seen.exchanges("POST", "/v1/messages"), *seen.exchanges("PUT", "/v1/parts/")]
    assert {one.status for one in posts} <= {200, 201, 503}
    told = [one for one in posts if one.status == 503]
    assert all(int(one.headers["retry-after"]) >= 1 for one in told)
    return len(told)


def running(server: Server) -> bool:
    """The server, started by whoever looks after it where it had to end."""
    if not server.runs:
        server.start()
    try:
        with psycopg.connect(f"{server.owner}/postgres"):
            return True
    except psycopg.OperationalError:
        return False


@contextmanager
def folder_of_server() -> Iterator[Path]:
    """An empty folder that the server's user can reach and write to."""
    with tempfile.TemporaryDirectory(prefix="liaison-postgres-") as name:
        os.chmod(name, 0o777)  # noqa: PTH101, S103 - for a moment, and of an empty folder
        yield Path(name)


@contextmanager
def disk() -> Iterator[Path]:
    """A small one of its own."""
    with folder_of_server() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0777", "tmpfs", str(folder)], check=True)
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
