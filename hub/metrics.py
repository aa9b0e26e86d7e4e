"""What the hub counts, for Prometheus. A registry of its own; no label names a case, a message or a person.

Refusals are counted by code, which comes from a closed list, and messages by kind, likewise; so the number of series is
bounded whatever partners send.
"""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from hub.broker.contract import OUTBOUND
from hub.operations import gauges
from schemas.errors import CODES
from service.gauges import Shown
from service.workers import NUMBERS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The hub's counters. Children are made beforehand, so that counting costs little on the way of a message."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        submissions = Counter("liaison_submissions", "Submissions answered.", ["outcome"], registry=self.registry)
        self.accepted = submissions.labels("accepted")
        self.repeated = submissions.labels("repeated")
        self.refused = submissions.labels("refused")
        self.turned_away = submissions.labels("turned_away")
        refusals = Counter("liaison_refusals", "Refusals by code.", ["code"], registry=self.registry)
        self._refusals = {code: refusals.labels(code) for code in CODES}
        self.statements = Counter("liaison_statements", "Statements accepted.", registry=self.registry)
        self._leaves = Counter("liaison_log_leaves", "Leaves appended.", registry=self.registry)
        self._size = Gauge("liaison_log_size", "Leaves in the log.", multiprocess_mode="max", registry=self.registry)
        self._batch = Histogram(
            "liaison_batch_leaves",
            "Leaves a batch.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
            registry=self.registry,
        )
        self._commit = Histogram(
            "liaison_commit_seconds",
            "Seconds a batch took, its commit included.",
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2),
            registry=self.registry,
        )
        self._failed = Counter("liaison_commits_failed", "Batches that were not written.", registry=self.registry)
        self.waiting = Gauge(
            "liaison_waiting", "Long polls that wait for news.", multiprocess_mode="livesum", registry=self.registry
        )
        self.relayed = Counter("liaison_relayed", "Messages published to the broker.", registry=self.registry)
        self.pushed = Counter("liaison_pushed", "Messages that edges took by push.", registry=self.registry)
        self.push_failures = Counter("liaison_push_failures", "Pushes that failed.", registry=self.registry)
        self.parked = Counter("liaison_parked", "Messages parked.", registry=self.registry)
        self.lanes = Gauge(
            "liaison_lanes", "Partners that are pushed to.", multiprocess_mode="livesum", registry=self.registry
        )
        self.directory = Gauge(
            "liaison_directory_version",
            "Directory version in use.",
            multiprocess_mode="livemin",
            registry=self.registry,
        )
        self.clocks_held = Gauge(
            "liaison_clocks_held",
            "Times not ended: our clock is ahead of partners' word.",
            multiprocess_mode="livemax",
            registry=self.registry,
        )
        self.part_bytes = Counter("liaison_part_bytes", "Bytes of detached parts taken.", registry=self.registry)
        self._broker = Gauge(
            "liaison_broker_up",
            "1 where the broker answered last.",
            ["side", "topic"],
            multiprocess_mode="livemin",
            registry=self.registry,
        )
        self._sides: dict[tuple[str, str], Gauge] = {}
        self.fetch_up = self.broker_up("fetch", OUTBOUND)
        self.publish_up = self.broker_up("publish", OUTBOUND)
        workers = Gauge(
            "liaison_workers",
            "Processes of the hub on this host that answer together.",
            multiprocess_mode="livesum",
            registry=self.registry,
        )
        workers.set(1)
        self.looked = Shown(gauges.ABOUT)
        self.registry.register(self.looked)

    def broker_up(self, side: str, topic: str) -> Gauge:
        """Whether publishing to a topic, or fetching from it, went well last; at first it is taken to."""
        found = self._sides[side, topic] = self._broker.labels(side, topic)
        found.set(1)
        return found

    def refusal(self, code: str) -> None:
        """A refusal with this code."""
        self._refusals[code].inc()

    def role_ended(self, role: str) -> None:
        """This process does it no more: what it showed of it is another's to show."""
        for (side, _), up in self._sides.items():
            if side == {"relay": "publish", "deliver": "fetch"}.get(role):
                up.set(1)
        if role == "deliver":
            self.lanes.set(0)
        elif role == "clock":
            self.clocks_held.set(0)

    def committed(self, leaves: int, size: int, seconds: float) -> None:
        """A batch is durable."""
        self._leaves.inc(leaves)
        self._size.set(size)
        self._batch.observe(leaves)
        self._commit.observe(seconds)

    def failed(self) -> None:
        """A batch was not written."""
        self._failed.inc()

    def text(self) -> bytes:
        """The exposition; of all workers together where there are several."""
        if NUMBERS not in os.environ:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        together.register(self.looked)  # looked up by this one, and true of all
        return generate_latest(together)
