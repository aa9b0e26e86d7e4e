"""The relay: from the log to the broker's topics, in log order, in groups. The log is the outbox; no second truth.

Guarantees that every accepted message that is not handed over is published at least once to each topic that it belongs
in, and that messages of one case, and all of one inbox topic, stay in order. How far each topic is filled (an index of
the log) is in the database, written after what it has passed was published: a crash in between publishes some again,
and filling the broker again, also while it runs, publishes everything again that is still on its way. At low load the
position is written only now and then, for each writing costs a sync.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hub.broker.contract import INBOX_PREFIX, MESSAGE_SECONDS_MAX, OUTBOUND, POSITION_CODE, Record
from hub.broker.outbound import Outbound
from hub.broker.positions import LOG, LOG_PART, Consumer, Standing, nothing
from hub.delivery.pushing import parts_of
from hub.leases import Lease
from hub.operations import traces
from hub.store.engine import guarded
from hub.wiring import Hub
from schemas.errors import Unavailable
from service.failpoints import reach
from service.logs import log
from service.multipart import write_entity
from service.tasks import lasting

UNWRITTEN_MAX = 512
"""Messages published since the position was last written; as many may be published again after a crash."""
UNWRITTEN_SECONDS = 10.0
"""How long a position may stay unwritten while the log never rests."""

_INBOX_GROUP = 4
"""Messages for an inbox topic at a time: their containers are in memory together."""
_MESSAGES = "SELECT idx, case_row FROM message WHERE idx >= ? ORDER BY idx LIMIT ?"
_RECIPIENTS = (
    "SELECT idx, partner FROM recipient WHERE idx BETWEEN ? AND ? AND state <> 'handed_over' ORDER BY idx, partner"
)
_INBOX = (
    "SELECT m.idx, m.digest, m.expires_at, m.container FROM recipient r JOIN message m ON m.idx = r.idx "
    "WHERE r.partner = ? AND r.idx >= ? AND r.state <> 'handed_over' AND m.container IS NOT NULL "
    "ORDER BY r.idx LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Published:
    """A group that the broker has: how many records, and the first index after what was looked at for it."""

    records: int
    following: int


class Outlet(Protocol):
    """A topic that is filled from the log."""

    @property
    def topic(self) -> str:
        """Its name."""

    async def publish(self, hub: Hub, following: int) -> Published | None:
        """The next group from this index on; None when there is none. Raises Unavailable."""


class Messages:
    """The topic of messages: what delivery reads."""

    topic = OUTBOUND

    async def publish(self, hub: Hub, following: int) -> Published | None:
        """As the protocol says."""
        with guarded():
            messages = hub.connection.execute(_MESSAGES, (following, hub.settings.relay_group_max)).fetchall()
            if not messages:
                return None
            first, last = messages[0][0], messages[-1][0]
            named = _named(iter(hub.connection.execute(_RECIPIENTS, (first, last))))
        group = [(case, Outbound(index, named[index])) for index, case in messages if index in named]
        await self._publish(hub, group)
        hub.metrics.relayed.inc(len(group))
        return Published(len(group), last + 1)

    async def _publish(self, hub: Hub, group: Sequence[tuple[int, Outbound]]) -> None:
        indices = tuple(outbound.index for _, outbound in group)
        with hub.tracing.span("hub.publish", "producer", traces.of(hub, indices), index=indices) as span:
            records = [replace(outbound, trace=span.context).encode(case) for case, outbound in group]
            await hub.broker.publish(OUTBOUND, records)


@dataclass(frozen=True, slots=True)
class Inbox:
    """The topic of a partner that reads Kafka itself: byte for byte what `GET /v1/inbox` would give it.

    Each record is one message: a MIME entity (`service.multipart`) of receipt and container, its key the message's
    digest. Being published is no consignment, and reading no hand-over: a message counts as handed over by the
    partner's `ContentHandover` statement alone, and is owed until then. A container that is purged is left out, and
    one that is published leaves the topic when the hub must have purged it.
    """

    partner: str

    @property
    def topic(self) -> str:
        """As the protocol says."""
        return INBOX_PREFIX + self.partner

    async def publish(self, hub: Hub, following: int) -> Published | None:
        """As the protocol says."""
        with guarded():
            rows = hub.connection.execute(_INBOX, (self.partner, following, _INBOX_GROUP)).fetchall()
        if not rows:
            return None
        records = [
            Record(
                digest,
                write_entity(parts_of(hub.reader.receipts([index]), [(digest, container)])),
                since=expires_at - MESSAGE_SECONDS_MAX,  # so the topic's retention ends it at its time
            )
            for index, digest, expires_at, container in rows
        ]
        await hub.broker.publish(self.topic, records)
        return Published(len(records), rows[-1][0] + 1)


async def run(hub: Hub, lease: Lease) -> None:
    """Publish for as long as this process has the role."""
    partners = hub.settings.kafka_inboxes if hub.settings.kafka_bootstrap else ()
    outlets: list[Outlet] = [Messages(), *(Inbox(partner) for partner in partners)]
    async with asyncio.TaskGroup() as group:
        for outlet in outlets:
            group.create_task(lasting(_fill(hub, lease, outlet)))


def position(hub: Hub, topic: str = OUTBOUND) -> int:
    """The index from which on nothing was published to the topic yet, as the database says."""
    return _following(Consumer(LOG, topic).standing(hub.connection))


async def _fill(hub: Hub, lease: Lease, outlet: Outlet) -> None:
    """One topic, for ever; another one's failure is not its own."""
    consumer, up = Consumer(LOG, outlet.topic), hub.metrics.broker_up("publish", outlet.topic)
    clock = asyncio.get_running_loop().time
    written: Standing | None = None
    while True:
        try:
            if written is None:
                written, unwritten, since = consumer.standing(hub.connection), 0, clock()
                following = _following(written)
            size = hub.writer.size
            while published := await outlet.publish(hub, following):
                up.set(1)
                reach("hub.relay.published")
                following, unwritten = published.following, unwritten + published.records
                if unwritten >= UNWRITTEN_MAX:
                    written, unwritten, since = await _write(hub, lease, consumer, written, following), 0, clock()
            following = max(following, size)  # all before it was looked at
            if hub.writer.size == size:
                await hub.writer.grown(size, hub.settings.relay_idle_seconds)
            idle = hub.writer.size == size
            if unwritten and (idle or clock() - since >= UNWRITTEN_SECONDS):
                written, unwritten, since = await _write(hub, lease, consumer, written, following), 0, clock()
            elif idle and consumer.standing(hub.connection).epoch != written.epoch:
                written = None  # the broker is to be filled again
            await asyncio.sleep(hub.settings.relay_linger_seconds)  # a group rather than each for itself
        except Unavailable as error:
            up.set(0)
            log.error("relay.failed", error, code=error.code, target=outlet.topic)
            await asyncio.sleep(error.retry_after_seconds)
            if error.code == POSITION_CODE:
                written = None


async def _write(hub: Hub, lease: Lease, consumer: Consumer, written: Standing, following: int) -> Standing:
    """Move the position on; gives where it stands then. Raises Unavailable when the broker is to be filled again."""
    reach("hub.relay.position")
    moved = Standing(written.epoch, {LOG_PART: following})
    await hub.writer.submit(lease.fenced(consumer.moved(moved, nothing)), leaves=0)
    return moved


def _following(standing: Standing) -> int:
    return standing.positions.get(LOG_PART, 0)


def _named(rows: Iterator[tuple[int, str]]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for index, partner in rows:
        found[index] = (*found.get(index, ()), partner)
    return found
