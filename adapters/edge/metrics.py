"""What an edge counts, for Prometheus. A registry of its own; no label names a case, a message or a person."""

from collections.abc import Mapping
from types import MappingProxyType

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from schemas.errors import CODES
from service.gauges import Shown

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

LOOKED: Mapping[str, str] = MappingProxyType(
    {
        "liaison_edge_unsent_oldest_seconds": "How long the oldest submission waits for the hub's receipt.",
        "liaison_edge_unhanded_oldest_seconds": "How long the oldest message received waits to be handed over.",
        "liaison_edge_unsaid_oldest_seconds": "How long our oldest statement waits for the hub's receipt.",
        "liaison_edge_alarms_unseen": "Alarms that no operator has marked as seen.",
        "liaison_edge_key_expires_timestamp_seconds": "When our last valid key of a use ends.",
        "liaison_edge_certificate_expires_timestamp_seconds": "When the edge's TLS certificate ends.",
        "liaison_edge_disk_free_bytes": "Free on the data directory's volume.",
    }
)
"""Name -> help of what `adapters.edge.gauges` looks up."""


class Metrics:
    """The edge's counters."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._refusals = Counter("liaison_edge_refusals", "Refusals by code.", ["code"], registry=self.registry)
        self._alarms = Counter("liaison_edge_alarms", "Alarms by code.", ["code"], registry=self.registry)
        self.taken = Counter("liaison_edge_taken", "Submissions written to the outbox.", registry=self.registry)
        self.accepted = Counter("liaison_edge_accepted", "Messages the hub accepted.", registry=self.registry)
        self.received = Counter("liaison_edge_received", "Messages received.", registry=self.registry)
        self.handed_over = Counter("liaison_edge_handed_over", "Messages handed over.", registry=self.registry)
        self.failed = Counter("liaison_edge_failed", "Messages received that failed.", registry=self.registry)
        self.stated = Counter("liaison_edge_stated", "Statements the hub accepted.", registry=self.registry)
        self.directory = Gauge("liaison_edge_directory_version", "Directory version in use.", registry=self.registry)
        self.released_there = Counter(
            "liaison_edge_released_there", "Messages received whose texts we would have held.", registry=self.registry
        )
        self.held = Gauge("liaison_edge_held", "Submissions held for an officer.", registry=self.registry)
        self.held_oldest = Gauge(
            "liaison_edge_held_oldest_seconds", "How long the oldest of them has waited.", registry=self.registry
        )
        self.log_size = Gauge("liaison_edge_log_size", "Leaves of the last checkpoint kept.", registry=self.registry)
        self.hub_ahead = Gauge(
            "liaison_edge_hub_ahead_seconds",
            "How far the hub's time in the newest receipt is ahead of ours.",
            registry=self.registry,
        )
        self.looked = Shown(LOOKED)
        self.registry.register(self.looked)

    def refusal(self, code: str) -> None:
        """A refusal, ours or the hub's; a code we do not know counts as INTERNAL."""
        self._refusals.labels(code if code in CODES else "INTERNAL").inc()

    def alarm(self, code: str) -> None:
        """An alarm."""
        self._alarms.labels(code).inc()

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)
