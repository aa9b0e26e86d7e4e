"""What the hub asks of a broker; `tests/contracts/broker_contract.py` holds every implementation to it.

A broker may lose all it has: the relay publishes again from the log (`hub.relay`). So nothing here is true because the
broker says so, and no key or value holds a case fact or a personal one: a key is an opaque number, a value names an
index of the log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

OUTBOUND = "hub.v1.outbound"
"""Accepted messages in log order; its key is the case's row, so that a case keeps its order."""

INBOX_PREFIX = "hub.v1.inbox."
"""Of the topics from which partners read what is addressed to them, each its own alone (`hub.inboxes`)."""

TOPIC_CODE, POSITION_CODE = "BROKER_TOPIC", "BROKER_POSITION"
OPERATOR_SECONDS = 10.0
"""How long to leave alone what only an operator can mend."""

VALUE_BYTES_MAX = 16 * 1024
INBOX_VALUE_BYTES_MAX = 950_000
"""Of a record in such a topic: a whole container with its receipt."""
GROUP_MAX = 512
MESSAGE_SECONDS_MAX = 30 * 24 * 3600
"""How long a message is valid at most; what belongs to it is kept for `retention_days` more."""

Positions: TypeAlias = Mapping[int, int]
"""Partition -> offset of the *next* record to read; a partition that is not named is read from its beginning."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is published. Both are opaque to the broker.

    `since` is from when on (Unix seconds) a topic's retention counts; None: from its publication.
    """

    key: bytes
    value: bytes = field(repr=False)
    since: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A record with its place."""

    partition: int
    offset: int
    record: Record


def value_bytes_max(topic: str) -> int:
    """The largest value that a topic takes."""
    return INBOX_VALUE_BYTES_MAX if topic.startswith(INBOX_PREFIX) else VALUE_BYTES_MAX


class Broker(Protocol):
    """What every implementation owes.

    1. Records of one key stay in one partition and are fetched in the order in which they were published.
    2. `publish` returns once the whole group is as durable as this broker makes anything. When it raises, any of the
       group may have been published: the caller publishes the same group again, so a record comes at least once and
       perhaps more often.
    3. The broker keeps no position for anybody. A consumer writes its own in the transaction that holds the effect
       (`hub.broker.positions`), and so sees again what it had not finished, and nothing it had.
    4. Offsets of a partition rise; gaps are allowed. What every consumer has passed may be dropped.
    5. Nothing waits for ever: whatever takes longer than it should raises Unavailable.
    6. One topic's or key's flood delays others, but reorders and loses nothing.
    """

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        """The group (at most `GROUP_MAX`, in order) is published.

        Raises:
            Unavailable: perhaps it is, perhaps not; publish it again.
        """

    async def fetch(self, topic: str, positions: Positions, *, limit: int, wait_seconds: float) -> list[Fetched]:
        """At most `limit` records from these positions on; waits for the first one, and gives none after the wait.

        Raises:
            Unavailable: ask again.
        """

    async def close(self) -> None:
        """Let go of everything. Called once, by whoever made it."""
