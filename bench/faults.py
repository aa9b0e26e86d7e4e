"""A site under steady load, at which a seeded plan of faults goes on for minutes; then an independent checker judges.

    python3 bootstrap.py bench faults [--seed N] [--minutes 10] [--history FILE]

Eight hub processes, PostgreSQL and three Kafka brokers (`tests.faults.production`), two edges with their national
systems, and a client at the door alone; everything that goes to Kafka or PostgreSQL goes through a network that can be
cut. One fault at a time: kills, stops, cuts, lost answers, a process with a wrong clock. What clients saw is a file of
lines, which `bench/checker.py`, a program of its own, holds against the log. Prints one JSON object; the seed decides
what is done to whom and how long it lasts, the moment inside the load stays the machine's.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.door import Door
from bench.history import History, Watcher
from liaison.demo.commands import command
from tests.faults.cluster import AUT, MDA, Cluster
from tests.faults.load import Load
from tests.faults.national import call
from tests.faults.production import BACKGROUND, SECOND, Brokers, log_of, production, workers
from tests.faults.proxy import CUT, HOLD, PASS, Link, committed, produced
from tests.ports import free_ports
from tests.postgres import Server

ROOT = Path(__file__).resolve().parents[1]
GAP_SECONDS = (0.5, 3.0)
"""Between the end of a fault and the next one."""
STOP_SECONDS = (1.5, 5.0)
"""Longer than a lease, and shorter or longer than the hub waits for its database."""
AHEAD_SECONDS = (90, 3600)
WAIT_SECONDS_MAX = 180.0
HEAD_SECONDS = 0.5
SERVER = "postgres"


class Run:
    """One site and its load. `faults` are named, and each is over when its function returns."""

    def __init__(
        self, found: Cluster, server: Server, brokers: Brokers, history: History, chance: random.Random
    ) -> None:
        self.found = found
        self.server = server
        self.brokers = brokers
        self.history = history
        self.chance = chance
        self.load = Load(found, 2, 1, 0)
        self.watcher = Watcher(found, history)
        self.door = Door(found.world, history, chance)
        self.done: Counter[str] = Counter()
        self.waited: dict[str, list[tuple[float, float]]] = defaultdict(list)
        """By kind of fault, both processes of a role together; see `_recovered`."""
        self._head_due = 0.0
        self.faults: Mapping[str, Callable[[], None]] = {
            "kill of a worker": self._worker_killed,
            **{f"kill of {name}": self._killing(name) for name in (*BACKGROUND, *SECOND, AUT, MDA)},
            "kill of PostgreSQL": self._server_killed,
            "kill of a broker": self._broker_killed,
            "kill of two brokers": self._two_brokers_killed,
            "stop of a worker": lambda: self._stopped(self.chance.choice(workers(self.found))),
            "stop of roles": lambda: self._stopped(*map(self.found.process, self.chance.choice((BACKGROUND, SECOND)))),
            "stop of an edge": lambda: self._stopped(self.found.process(self.chance.choice((AUT, MDA)))),
            "stop of a broker": lambda: self._stopped(self._broker().process.pid),
            "hub without PostgreSQL": lambda: self._ruled(lambda link: CUT if link.to == SERVER else PASS),
            "silence from PostgreSQL": lambda: self._ruled(lambda link: HOLD if link.to == SERVER else PASS),
            "slow PostgreSQL": lambda: self._ruled(lambda link: 0.02 if link.to == SERVER else PASS),
            "hub without Kafka": lambda: self._ruled(lambda link: CUT if self._from_hub(link) else PASS),
            "silence from Kafka": lambda: self._ruled(lambda link: HOLD if self._from_hub(link) else PASS),
            "a broker apart": self._broker_apart,
            "a lost COMMIT": lambda: self.brokers.network.lose(committed, SERVER),
            "a lost acknowledgement": lambda: self.brokers.network.lose(produced),
            "a wrong clock": self._wrong_clock,
        }

    def go_on(self, seconds: float) -> None:
        """The load goes on for so long."""
        end = self.history.now + seconds
        self.found.until("time", lambda: (self._tick() and self.history.now >= end) or None, seconds + WAIT_SECONDS_MAX)

    def plan(self, seconds: float) -> None:
        """Fault after fault until the time is over, each once the last is got over; all kinds before any again."""
        end = self.history.now + seconds
        for name in self._names():
            if self.history.now >= end:
                return
            began = self.history.now
            self.faults[name]()
            self.done[name] += 1
            self.history.say("fault", kind=name, began=began)
            self.waited[name.rstrip("2")].append(self._recovered())
            self.go_on(self.chance.uniform(*GAP_SECONDS))

    def finish(self) -> None:
        """What was begun is through, and every word about it is in the log."""
        found = self.found
        found.until(
            "the end",
            lambda: (self._tick(begin=False) and self.door.idle and self._through()) or None,
            WAIT_SECONDS_MAX,
        )
        found.settle(self.load.messages, self.load.messages + 2 * self.door.taken)
        found.until("every word", self._said, WAIT_SECONDS_MAX)
        self.watcher.finish()
        self._head()
        self.history.close()

    def _recovered(self) -> tuple[float, float]:
        """How long it took until something posted since now was accepted at the door, and something handed over."""
        end = self.history.now
        took = [0.0, 0.0]

        def both() -> bool:
            for at, newest in enumerate((self.door.newest, self.watcher.newest)):
                if newest >= end and not took[at]:
                    took[at] = self.history.now - end
            return all(took)

        self._until("recovery", both)
        return took[0], took[1]

    def _names(self) -> Iterator[str]:
        while True:
            yield from self.chance.sample(sorted(self.faults), len(self.faults))

    def _through(self) -> bool:
        got = len(self.found.files.seen.got) + len(self.found.calls.seen.got)
        return self.load.progress() >= self.load.whole and got >= self.load.messages + 2 * self.door.taken

    def _said(self) -> bool | None:
        for partner in (AUT, MDA):
            status = self.found.status(partner)
            if not status["received"] == status["handed_over"] == status["evidence"]:
                return None
        return True

    def _tick(self, *, begin: bool = True) -> bool:
        if begin:
            self.load.goes_on(returns=1)
        self.watcher.look()
        self.door.work(begin=begin)
        if self.history.now >= self._head_due:
            self._head()
        return True

    def _head(self) -> None:
        self._head_due = self.history.now + HEAD_SECONDS
        answer = call("GET", f"{log_of(self.found)}/checkpoint", seconds=2.0)
        if answer is not None and answer[0] == 200:
            self.history.say("head", text=answer[2].decode())

    def _until(self, what: str, look: Callable[[], bool]) -> None:
        self.found.until(what, lambda: (self._tick() and look()) or None, WAIT_SECONDS_MAX)

    # -- faults

    def _killing(self, name: str) -> Callable[[], None]:
        return lambda: self.found.kill(name)

    def _worker_killed(self) -> None:
        os.kill(self.chance.choice(workers(self.found)), signal.SIGKILL)

    def _server_killed(self) -> None:
        self.server.kill()
        self.server.start()

    def _broker(self) -> Any:
        return self.brokers.nodes[self.chance.choice(sorted(self.brokers.nodes))]

    def _broker_killed(self) -> None:
        number = self._broker().number
        self.brokers.kill(number)
        self._until("another leader", lambda: not self.brokers.led_by(number))
        self.brokers.restart(number)

    def _two_brokers_killed(self) -> None:
        two = self.chance.sample(sorted(self.brokers.nodes), 2)
        for number in two:
            self.brokers.kill(number)
        self.go_on(self.chance.uniform(*STOP_SECONDS))
        self.brokers.restart(*two)

    def _stopped(self, *pids: int) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        self.go_on(self.chance.uniform(*STOP_SECONDS))
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

    def _ruled(self, rule: Callable[[Link], float]) -> None:
        self.brokers.network.rule(rule)
        self.go_on(self.chance.uniform(*STOP_SECONDS))
        self.brokers.network.rule(lambda _: PASS)

    def _from_hub(self, link: Link) -> bool:
        return not link.by and link.to != SERVER

    def _broker_apart(self) -> None:
        name = str(self._broker().number)
        self._ruled(lambda link: HOLD if link.by and (link.by == name) != (link.to == name) else PASS)

    def _wrong_clock(self) -> None:
        name = self.chance.choice(("relay2", "deliver2", "clock2"))
        for ahead in (self.chance.choice(AHEAD_SECONDS), 0):
            self.found.configure(name, LIAISON_HUB_TEST_CLOCK_AHEAD_SECONDS=str(ahead))
            self.found.kill(name)
            self.go_on(self.chance.uniform(*STOP_SECONDS))


@contextmanager
def site(folder: Path) -> Iterator[tuple[Cluster, Server, Brokers]]:
    """All of it, running."""
    server, brokers = Server(), Brokers()
    try:
        [public] = free_ports(1)
        brokers.network.through(SERVER, server.port, public)
        with production(folder, server, brokers, through=public) as found:
            yield found, server, brokers
    finally:
        brokers.end()
        server.end()


def measure(folder: Path, seed: int, seconds: float, history: Path) -> dict[str, Any]:
    """The whole run; the report. Its `good` says whether the checker found nothing wrong."""
    with site(folder) as (found, server, brokers):
        run = Run(found, server, brokers, History(history), random.Random(seed))  # noqa: S311 - nothing to guess
        run.go_on(1.0)
        run.plan(seconds)
        run.finish()
        log_key = found.world.log_keys
        words = [sys.executable, ROOT / "bench" / "checker.py", history, "--log", log_of(found), "--log-key", log_key]
        said = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, check=False)
        audit = command("audit", "verify", log_of(found), "--log-key", log_key)
        cases = command("hub", "rebuild", found.world.hub, "--check")
        alarms = Counter(alarm for partner in (AUT, MDA) for alarm in found.alarms(partner))
    verdict = json.loads(said.stdout)
    return {
        "seed": seed,
        "seconds": round(run.history.now, 1),
        "messages": run.load.messages + run.door.taken,
        "faults": dict(sorted(run.done.items())),
        "faults_in_all": run.done.total(),
        "processes_killed": dict(sorted(found.killed.items())),
        "answers_lost": brokers.network.lost,
        "door": run.door.statuses,
        "log_verified": audit["verified"],
        "cases_equal": cases["equal"],
        "alarms": dict(alarms),
        **verdict,
        "recovery_seconds": recovery(run.waited),
    }


def recovery(waited: Mapping[str, Sequence[tuple[float, float]]]) -> dict[str, dict[str, Any]]:
    """By kind of fault: seconds until something posted since then was accepted, and handed over, [p50, p99]."""
    return {
        kind: {
            what: [round(share(times, part), 2) for part in (0.5, 0.99)]
            for what, times in zip(("accepted", "handed_over"), zip(*pairs, strict=True), strict=True)
        }
        for kind, pairs in sorted(waited.items())
    }


def share(values: Sequence[float], part: float) -> float:
    """The value below which this part of them is."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def main(words: Sequence[str]) -> None:
    """Run and print; ends with 3 when something is wrong."""
    parser = argparse.ArgumentParser(prog="bench faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--history", type=Path, default=None, help="keep it there")
    options = parser.parse_args(words)
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    sys.stderr.write(f"seed {seed}\n")
    with tempfile.TemporaryDirectory(prefix="liaison-faults-") as folder:
        history = Path(folder, "history.jsonl")
        try:
            report = measure(Path(folder, "site"), seed, 60 * options.minutes, history)
        finally:
            if options.history is not None and history.exists():
                shutil.copy(history, options.history)
    json.dump(report, sys.stdout, indent=2)
    sys.stdout.write("\n")
    sys.exit(0 if report["good"] and report["log_verified"] and report["cases_equal"] else 3)
