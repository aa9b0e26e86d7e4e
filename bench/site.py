"""One hub with a database and a broker of its own, running as an operator would run it, and its recipients.

Every site begins with an empty log: the same sealed messages are new to each. What its processes use of the machine is
asked by group: `hub` (supervisor and workers), `postgres` (all of the server), `kafka`, `recipients`.
"""

import json
import shutil
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.founding import Founded
from bench.load import apart
from bench.usage import cpu_seconds, tree
from hub.wiring import open_tables
from liaison.demo.commands import command
from liaison.demo.programs import Programs, answers
from liaison.demo.world import LOOPBACK, free_ports
from tests.kafka import Cluster
from tests.postgres import Server
from tests.world import World

HERE = Path(__file__).resolve().parent
SQLITE, POSTGRES = "sqlite", "postgres_kafka"
READY_SECONDS = 60.0
LOOK_SECONDS = 0.02
SECONDS_MAX = 900.0
"""For anything that is waited for: then the bench ends and says what did not come."""


@dataclass
class Site:
    """See the module. `workers` is how many hub processes answer."""

    world: World
    programs: Programs
    url: str
    postgres: Server | None = None
    kafka: Cluster | None = None
    workers: int = 1
    recipients: str = ""
    """Where the recipients' program is asked."""
    recipients_pid: int = 0
    sent: int = 0
    """Messages accepted from generators so far."""
    started: list[str] = field(default_factory=list)
    _begun: int = 0

    # -- processes

    def start(self, workers: int = 1, **settings: str) -> None:
        """The hub runs, all its workers ready; `settings` are its own in the environment."""
        self.workers = workers
        said = self.begin(f"hub{self._begun}", "--workers", str(workers), "--port", self.port, **settings)
        self.programs.wait_until("the hub", lambda: answers(f"{self.url}/readyz"), READY_SECONDS)
        if workers > 1:
            self.programs.wait_until(
                "its workers", lambda: said().count('"worker.ready"') == workers or None, READY_SECONDS
            )

    def begin(self, name: str, *words: str, **settings: str) -> Callable[[], str]:
        """One process of the hub, of which nothing is waited for; gives what it has said so far."""
        environment = {f"LIAISON_HUB_{key.upper()}": value for key, value in settings.items()}
        started = self.programs.start(name, ["hub", "serve", str(self.world.data), *words], environment)
        self.started.append(name)
        self._begun += 1
        return lambda: started.log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """All hub processes have ended in order."""
        for name in list(self.started):
            self.leave(name)

    def leave(self, name: str) -> None:
        """One process has ended, if it had not yet."""
        self.programs.stop(name)
        self.started.remove(name)

    @property
    def port(self) -> str:
        """Of the hub."""
        return self.url.rpartition(":")[2]

    @property
    def worker_pids(self) -> list[int]:
        """The processes that work: one, or the supervisor's children."""
        main = self.programs.process(self.started[0])
        return list(tree(main))[1:] if self.workers > 1 else [main]

    def roots(self) -> dict[str, list[int]]:
        """The first processes of each group."""
        found = {"hub": [self.programs.process(name) for name in self.started]}
        if self.postgres is not None:
            found["postgres"] = [self.postgres.pid]
        if self.kafka is not None:
            found["kafka"] = [node.process.pid for node in self.kafka.nodes.values()]
        if self.recipients:
            found["recipients"] = [self.recipients_pid]
        return found

    def used(self) -> dict[str, float]:
        """Processor seconds of each group so far."""
        return {name: cpu_seconds(*roots) for name, roots in self.roots().items()}

    # -- what happens in it

    def load(self, file: Path, first: int, count: int, **options: float | str | Path) -> dict[str, Any]:
        """So many messages posted, all of them accepted; processor time by group, of the time until the last answer."""
        workers = {pid: cpu_seconds(pid) for pid in self.worker_pids}
        before = self.used()
        seen = apart(self.url, file, first, count, **options)
        found = self._costs(seen, before, seen["seconds"])
        busiest = max(cpu_seconds(pid) - used for pid, used in workers.items())
        share = busiest / max(self.used()["hub"] - before["hub"], 1e-9)
        self.note_sent(count, seen)
        return found | {name: seen[name] for name in ("p50_ms", "p99_ms")} | {"busiest_worker_share": round(share, 3)}

    def whole_way(self, file: Path, first: int, count: int, **options: float | str | Path) -> dict[str, Any]:
        """As `load`, but until each message is handed over by its recipient's signed word; rates are those of the way.

        Processor time is that from before the generator's process began; nothing of the site has much to do then.
        """
        before = self.used()
        seen = apart(self.url, file, first, count, **options)
        self.note_sent(count, seen)
        self.wait_handed_over()
        seconds = ask(f"{self.recipients}/counts")["last"] - seen["begun"]
        return self._costs(seen, before, seconds) | {"accepted_per_second": seen["per_second"]}

    def _costs(self, seen: dict[str, Any], before: dict[str, float], seconds: float) -> dict[str, Any]:
        after, count = self.used(), seen["messages"]
        cpu = {name: round(1000 * (after[name] - before[name]) / count, 4) for name in after}
        cpu["generator"] = seen["generator_cpu_ms_per_message"]
        return {
            "messages": count,
            "per_second": round(count / seconds, 1),
            "cpu_ms_per_message": cpu,
            "cores_busy": round(sum(cpu.values()) * count / 1000 / seconds, 3),
        }

    def note_sent(self, count: int, seen: Mapping[str, Any]) -> None:
        """So many more were sent, and all of them accepted as new."""
        accepted = sum(number for status, number in seen["statuses"].items() if status == "201")
        if accepted != count:
            raise SystemExit(f"of {count} messages {accepted} were accepted: {seen['statuses']}")
        self.sent += count

    def handed_over(self) -> int:
        """How many messages recipients have stated as handed over, with a receipt for it."""
        return int(ask(f"{self.recipients}/counts")["handed_over"])

    def calls(self) -> int:
        """How often recipients were called."""
        return int(ask(f"{self.recipients}/counts")["calls"])

    def wait_handed_over(self) -> None:
        """Returns once all that was sent is handed over."""
        wait(f"{self.sent} hand-overs", lambda: self.handed_over() >= self.sent)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What the database says to a question, as the hub's own role."""
        with closing(open_tables(self.world.settings(), there=True)) as connection:
            return [tuple(row) for row in connection.execute(statement).fetchall()]


@contextmanager
def site(
    folder: Path,
    founded: Founded,
    server: Server | None,
    *,
    partitions: int = 12,
    recipients: str = "",
    replies: Mapping[str, str] | None = None,
) -> Iterator[Site]:
    """A site whose hub is not started yet; afterwards it is gone, with its data.

    Args:
        folder: a new one.
        founded: what its directory of partners is.
        server: PostgreSQL, on which it gets a database, and a Kafka of its own; None: on SQLite alone.
        partitions: of the topic of messages.
        recipients: where the recipients' program shall listen; none when empty.
        replies: partner -> what its recipient does instead of taking what it gets; see `bench.recipient`.
    """
    world, kafka = founded.copy(folder), None
    logs = folder / "logs"
    try:
        with Programs(logs) as programs, Programs(logs, (sys.executable,)) as others:
            made = Site(world, programs, f"http://{LOOPBACK}:{free_ports(1)[0]}", server)
            if server is not None:
                made.kafka = kafka = Cluster(1)
                world.use(server.database())
                with (world.data / "hub.toml").open("a", encoding="utf-8") as file:
                    file.write(f'kafka_bootstrap = "{kafka.bootstrap}"\n')
                    file.write(f"kafka_replicas = 1\nkafka_in_sync_min = 1\nkafka_partitions = {partitions}\n")
                command("hub", "broker", "check", world.data, "--create")
            if recipients:
                made.recipients = recipients
                made.recipients_pid = _receive(made, founded, others, replies or {})
            yield made
    finally:
        if kafka is not None:
            kafka.end()
        shutil.rmtree(folder, ignore_errors=True)


def _receive(made: Site, founded: Founded, others: Programs, replies: Mapping[str, str]) -> int:
    """The recipients' program listens; its process."""
    file = made.world.folder / "recipients.json"
    names = ("sign.ed25519", "sign.mldsa65")
    keys = {one: {name: founded.partners[one].secrets[name].hex() for name in names} for one in founded.recipients}
    file.write_text(json.dumps({"hub": made.url, "keys": keys, "replies": dict(replies)}), encoding="utf-8")
    file.chmod(0o600)
    port = made.recipients.rpartition(":")[2]
    started = others.start("recipients", [str(HERE / "recipient.py"), str(file), port])
    others.wait_until("recipients", lambda: answers(f"{made.recipients}/counts"), READY_SECONDS)
    return started.process.pid


def ask(url: str) -> dict[str, Any]:
    """What one of our own programs answers."""
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - on loopback, and ours
        found: dict[str, Any] = json.loads(answer.read())
    return found


def wait(what: str, holds: Callable[[], object], seconds: float = SECONDS_MAX) -> None:
    """Returns once it holds: nothing tells us from outside."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise SystemExit(f"waited {seconds:.0f} seconds for {what}")
        time.sleep(LOOK_SECONDS)
