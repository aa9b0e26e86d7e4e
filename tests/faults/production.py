"""The hub as it runs in production: eight processes on a real PostgreSQL and, where asked, on three Kafka brokers.

Two API workers behind one socket, and relay, delivery and clocks as processes of their own, each of the last three
twice, so that another takes over. All that go to Kafka, its brokers too, go through `tests.faults.proxy`.
"""

import os
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hub.broker.contract import OUTBOUND
from liaison.demo.commands import command
from tests import kafka
from tests.faults.check import FOUNDED, check
from tests.faults.cluster import AUT, MDA, TODAY, Cluster, cluster
from tests.faults.load import Load
from tests.faults.national import call
from tests.faults.proxy import Network
from tests.ports import free_ports
from tests.postgres import Server

BACKGROUND = ("relay", "deliver", "clock")
SECOND = tuple(f"{role}2" for role in BACKGROUND)
RESTORED = FOUNDED | {"BackupMade", "LogRestored"}
LOAD_SECONDS = 120.0
PARTITIONS = 6
SHARED = {
    "LIAISON_HUB_DATABASE_SECONDS_MAX": "4",
    "LIAISON_HUB_LEASE_SECONDS": "1",
    "LIAISON_HUB_ENTRIES_OPEN": "true",
    "LIAISON_HUB_LOG_LOOK_SECONDS": "0.05",
}
API = {**SHARED, "LIAISON_HUB_ROLES": "api", "LIAISON_HUB_PROCESSES": "2"}
SOON = {
    "broker.session.timeout.ms": "2500",
    "broker.heartbeat.interval.ms": "500",
    "replica.lag.time.max.ms": "2000",
    "controller.quorum.fetch.timeout.ms": "1500",
    "controller.quorum.election.timeout.ms": "800",
    "controller.quorum.election.backoff.max.ms": "500",
}
"""Brokers notice sooner that one of them is gone; nothing else differs."""


class Brokers(kafka.Cluster):
    """Three nodes that everybody, they too, reach through `network`, where they are known by their numbers."""

    def __init__(self) -> None:
        self.network = Network(self._pids)
        super().__init__(3, SOON, told=self._through)

    def end(self) -> None:
        """As a cluster's."""
        super().end()
        self.network.end()

    def leader(self) -> int:
        """Who leads the first partition of the messages' topic; -1 when nobody does."""
        return self.leaders_of(OUTBOUND)[0]

    def led_by(self, number: int) -> bool:
        """Whether this node leads anything of that topic, as the others say."""
        return number in self.leaders_of(OUTBOUND, number).values()

    def _through(self, number: int, port: int) -> int:
        [public] = free_ports(1)
        self.network.through(str(number), port, public)
        return public

    def _pids(self) -> Mapping[str, int]:
        started = (node for node in self.nodes.values() if node.runs)
        return {str(node.number): node.process.pid for node in started}


@contextmanager
def production(
    folder: Path,
    server: Server,
    brokers: Brokers | None = None,
    *,
    through: int = 0,
    hub: Mapping[str, str] = API,
    background: Sequence[str] = (*BACKGROUND, *SECOND),
    **more: Mapping[str, str],
) -> Iterator[Cluster]:
    """A founded world whose hub has moved to PostgreSQL by a backup and its restore; all its processes run.

    Args:
        folder: an empty one.
        server: that has the database.
        brokers: of Kafka; without them the broker is the database's own.
        through: the port at which the hub's processes reach the server, where it is not the server's own.
        hub: settings of the process that answers.
        background: the other processes, each named by its role.
        more: settings of single processes.
    """
    roles = {
        name: {**SHARED, "LIAISON_HUB_ROLES": name.rstrip("2"), "LIAISON_HUB_PORT": "0", **more.get(name, {})}
        for name in background
    }
    with cluster(folder / "world", hub=hub, **roles) as found:
        data, kept = found.world.hub, folder / "as-it-was"
        command("hub", "backup", data, folder / "backup")
        data.rename(kept)
        url = server.database()
        command("hub", "restore", folder / "backup", data, "--keys", kept, "--database-url", url)
        if through:
            file = data / "hub.toml"
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace(f":{server.port}/", f":{through}/"), encoding="utf-8")
        if brokers is not None:
            use(data, brokers)
        found.start("hub", *(name for name in roles if name not in more), AUT, MDA)
        found.ready("hub")
        found.start(*more)  # what has settings of its own may keep the others from ever saying that they are ready
        yield found


def use(hub: Path, brokers: Brokers) -> None:
    """The hub's broker is Kafka, and its topic is there."""
    with (hub / "hub.toml").open("a", encoding="utf-8") as file:
        file.write(
            f'kafka_bootstrap = "{brokers.bootstrap}"\nkafka_partitions = {PARTITIONS}\n'
            "kafka_request_seconds = 1.5\nkafka_publish_seconds = 6.0\n"
        )
    command("hub", "broker", "check", hub, "--create")


def steps(found: Cluster, load: Load, chance: random.Random, count: int) -> Iterator[None]:
    """Yields `count` times while the load goes on, at moments of progress that nobody chose."""
    for moment in sorted(chance.sample(range(load.begun + 5, load.whole - 20), count)):
        reached(found, load, moment)
        yield


def reached(found: Cluster, load: Load, moment: int) -> None:
    """So much was acknowledged and handed over."""
    found.until(f"progress {moment}", lambda: load.progress() >= moment or None, seconds=LOAD_SECONDS)


def finish(found: Cluster, load: Load, *more: str, ready: bool = True) -> None:
    """The whole load is through, and everything holds; `more` are events that the log may hold besides."""
    reached(found, load, load.whole)
    found.settle(load.messages, load.messages)
    if ready:
        found.ready("hub")
    assert check(found, source=log_of(found), founded=RESTORED | set(more)) == load.messages
    assert command("hub", "rebuild", found.world.hub, "--check")["equal"]


def log_of(found: Cluster) -> str:
    """Where the auditor reads the log from outside."""
    return f"{found.world.url}/audit/{TODAY.year}"


def log_size(found: Cluster) -> int:
    """How many leaves the newest checkpoint has that the door shows."""
    answer = found.until("a checkpoint", lambda: ok(call("GET", f"{log_of(found)}/checkpoint")))
    return int(answer.split(b"\n")[1])


def ok(answer: tuple[int, Mapping[str, str], bytes] | None) -> bytes | None:
    """The body of a success."""
    return answer[2] if answer is not None and answer[0] == 200 else None


def workers(found: Cluster) -> list[int]:
    """The processes that answer requests, once all are ready: where one ends before, the hub ends with it."""
    found.until("all workers", lambda: found.log("hub").count('{"ready": "hub"') > found.killed["hub"] or None)
    main = found.process("hub")
    return [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]


def seeded() -> random.Random:
    """Its seed is printed, and `LIAISON_FAULTS_SEED` repeats it."""
    seed = int(os.environ.get("LIAISON_FAULTS_SEED") or random.SystemRandom().randrange(2**32))
    print(f"LIAISON_FAULTS_SEED={seed}")  # noqa: T201 - pytest shows it with a failure
    return random.Random(seed)  # noqa: S311 - nothing to guess
