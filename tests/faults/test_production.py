"""The hub as several processes on a real PostgreSQL, under steady load both ways, and then everything goes wrong.

Kills, a server that dies, sessions cut in mid-commit, paused processes that wake up as zombies, a process with a wrong
clock. After each the checker of all fault tests looks at every message: in the log once, handed over once, order per
case kept, the log verifies from outside. The same on Kafka: test_brokers.py.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.faults.cluster import AUT, MDA
from tests.faults.load import Load
from tests.faults.production import BACKGROUND, SECOND, finish, production, seeded, steps, workers
from tests.postgres import Server

pytestmark = pytest.mark.real


@pytest.fixture
def server() -> Iterator[Server]:
    """One that a test may kill."""
    found = Server()
    yield found
    found.end()


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
        finish(found, Load(found), "ContentConsignmentFailure", ready=False)
