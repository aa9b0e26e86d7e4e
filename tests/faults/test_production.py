"""The hub as several processes on a real PostgreSQL, under steady load both ways, and then everything goes wrong.

Two API workers behind one socket, and relay, delivery and clocks as processes of their own, each of the last three
twice, so that another takes over. Kills, a server that dies, sessions cut in mid-commit, paused processes that wake
up as zombies, a process with a wrong clock. After each the checker of all fault tests looks at every
message: in the log once, handed over once, order per case kept, the log verifies from outside.
"""

import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from liaison.demo.commands import command
from tests.faults.check import FOUNDED, check
from tests.faults.cluster import AUT, MDA, TODAY, Cluster, cluster
from tests.faults.test_random_kills import MESSAGES, Load
from tests.postgres import Server

pytestmark = pytest.mark.real

BACKGROUND = ("relay", "deliver", "clock")
SECOND = tuple(f"{role}2" for role in BACKGROUND)
RESTORED = FOUNDED | {"BackupMade", "LogRestored"}
SHARED = {
    "LIAISON_HUB_DATABASE_SECONDS_MAX": "4",
    "LIAISON_HUB_LEASE_SECONDS": "1",
    "LIAISON_HUB_ENTRIES_OPEN": "true",
    "LIAISON_HUB_LOG_LOOK_SECONDS": "0.05",
}
API = {**SHARED, "LIAISON_HUB_ROLES": "api", "LIAISON_HUB_PROCESSES": "2"}


@contextmanager
def production(folder: Path, server: Server, **more: dict[str, str]) -> Iterator[Cluster]:
    """A founded world whose hub has moved to PostgreSQL by a backup and its restore; all its processes run."""
    roles = {
        name: {**SHARED, "LIAISON_HUB_ROLES": name.rstrip("2"), "LIAISON_HUB_PORT": "0", **more.get(name, {})}
        for name in (*BACKGROUND, *SECOND)
    }
    with cluster(folder / "world", hub=API, **roles) as found:
        hub, kept = found.world.hub, folder / "as-it-was"
        command("hub", "backup", hub, folder / "backup")
        hub.rename(kept)
        command("hub", "restore", folder / "backup", hub, "--keys", kept, "--database-url", server.database())
        found.start("hub", *BACKGROUND, *SECOND, AUT, MDA)
        found.ready("hub")
        yield found


@pytest.fixture
def server() -> Iterator[Server]:
    """One that a test may kill."""
    found = Server()
    yield found
    found.end()


def steps(found: Cluster, load: Load, chance: random.Random, count: int) -> Iterator[None]:
    """Yields `count` times while the load goes on, at moments of progress that nobody chose."""
    for moment in sorted(chance.sample(range(5, 2 * MESSAGES - 20), count)):
        found.until(f"progress {moment}", lambda at=moment: load.progress() >= at or None, seconds=120)  # type: ignore[misc]
        yield


def finish(found: Cluster, load: Load) -> None:
    """The whole load is through, and everything holds."""
    found.until("the whole load", lambda: load.progress() >= 2 * MESSAGES or None, seconds=120)
    found.settle(MESSAGES, MESSAGES)
    found.ready("hub")
    assert check(found, source=log_of(found), founded=RESTORED) == MESSAGES
    assert command("hub", "rebuild", found.world.hub, "--check")["equal"]


def log_of(found: Cluster) -> str:
    """Where the auditor reads the log from outside."""
    return f"{found.world.url}/audit/{TODAY.year}"


def workers(found: Cluster) -> list[int]:
    """The processes that answer requests."""
    main = found.process("hub")
    return [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]


def seeded() -> random.Random:
    """Its seed is printed, and `LIAISON_FAULTS_SEED` repeats it."""
    seed = int(os.environ.get("LIAISON_FAULTS_SEED") or random.SystemRandom().randrange(2**32))
    print(f"LIAISON_FAULTS_SEED={seed}")  # noqa: T201 - pytest shows it with a failure
    return random.Random(seed)  # noqa: S311 - nothing to guess


def test_every_role_and_the_server_killed_at_random(tmp_path: Path, server: Server) -> None:
    chance = seeded()
    victims = ["worker", *BACKGROUND, "postgres", *SECOND, AUT, MDA, "postgres", "worker"]
    chance.shuffle(victims)
    with production(tmp_path, server) as found:
        load = Load(found)
        for victim, _ in zip(victims, steps(found, load, chance, len(victims)), strict=True):
            if victim == "postgres":
                server.kill()
                server.start()
            elif victim == "worker":
                os.kill(chance.choice(workers(found)), signal.SIGKILL)
            else:
                found.kill(victim)
        finish(found, load)
        assert found.killed.total() == len([one for one in victims if one not in {"postgres", "worker"}])


def test_sessions_cut_in_the_middle_of_what_they_do(tmp_path: Path, server: Server) -> None:
    with production(tmp_path, server) as found, psycopg.connect(f"{server.owner}/postgres", autocommit=True) as owner:
        load = Load(found)
        cut = 0
        for _ in steps(found, load, seeded(), 25):
            rows = owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'liaison %'"
            ).fetchall()
            cut += len(rows)
        finish(found, load)
        assert cut > 25


def test_paused_processes_wake_up_as_zombies_and_change_nothing(tmp_path: Path, server: Server) -> None:
    """Longer than their leases: another has each role when they wake, and what they still want to write is refused."""
    chance = seeded()
    with production(tmp_path, server) as found:
        load = Load(found)
        moments = steps(found, load, chance, 12)
        for _ in range(4):
            next(moments)
            paused = [found.process(name) for name in (BACKGROUND if chance.random() < 0.5 else SECOND)]
            for pid in paused:
                os.kill(pid, signal.SIGSTOP)
            next(moments)
            next(moments)
            for pid in paused:
                os.kill(pid, signal.SIGCONT)
        finish(found, load)


def test_a_process_with_a_wrong_clock_delivers_nothing_twice(tmp_path: Path, server: Server) -> None:
    """Edges refuse its pushes, for their signature's time is wrong: those are parked, and the inbox delivers them.

    Its leaves push the log's time forward; the others say that they are behind, and go on.
    """
    ahead = {"LIAISON_HUB_TEST_CLOCK_AHEAD_SECONDS": "3600"}
    with production(tmp_path, server, deliver=ahead, relay2=ahead) as found:
        load = Load(found)
        found.until("the whole load", lambda: load.progress() >= 2 * MESSAGES or None, seconds=120)
        found.settle(MESSAGES, MESSAGES)
        assert check(found, source=log_of(found), founded=RESTORED | {"ContentConsignmentFailure"}) == MESSAGES
