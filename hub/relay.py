"""The relay: from the log to the broker, in log order, in groups. The log is the outbox; there is no second truth.

Guarantees that every accepted message that is not handed over to all its recipients is published at least once, and
that messages of one case stay in order. Its position (an index of the log) is in the database, written after what it
has passed was published: a crash in between publishes some again, and setting it back, also while it runs, publishes
everything again that is still on its way: it is moved on only from where this process last saw it. At low load the
position is written only now and then, for each writing costs a sync.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hub.broker.contract import OUTBOUND, Record
from hub.broker.lineage import RELAY_POSITION
from hub.leases import Lease
from hub.log.batch import Answer, Batch, Sealed
from hub.operations import traces
from hub.store.engine import guarded
from hub.wiring import Hub
from schemas.errors import Unavailable
from service.failpoints import reach
from service.logs import log

UNWRITTEN_MAX = 512
"""Messages published since the position was last written; as many may be published again after a crash."""

_MOVE = (
    "INSERT INTO meta (name, value) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE meta.value = ?"
)
_POSITION = "SELECT value FROM meta WHERE name = ?"
_MESSAGES = "SELECT idx, case_row FROM message WHERE idx >= ? ORDER BY idx LIMIT ?"
_RECIPIENTS = (
    "SELECT idx, partner FROM recipient WHERE idx BETWEEN ? AND ? AND state <> 'handed_over' ORDER BY idx, partner"
)


@dataclass(frozen=True, slots=True)
class Outbound:
    """One record of the topic: the index of an acceptance, and for whom it is still on its way.

    `trace` is the publication's context, random numbers alone; empty, and not in the record, while nothing is traced.
    """

    index: int
    recipients: tuple[str, ...]
    trace: str = ""

    def encode(self, case: int) -> Record:
        """The record, keyed by its case's row."""
        members: dict[str, object] = {"v": 1, "idx": self.index, "to": self.recipients}
        if self.trace:
            members["t"] = self.trace
        return Record(case.to_bytes(8, "big"), json.dumps(members, separators=(",", ":")).encode())


def decode(record: Record) -> Outbound:
    """What `Outbound.encode` made. Raises ValueError or KeyError for another form: our own mistake."""
    members = json.loads(record.value)
    return Outbound(int(members["idx"]), tuple(members["to"]), str(members.get("t", "")))


def position(hub: Hub) -> int:
    """The index from which on nothing was published yet, as the database says."""
    with guarded():
        row = hub.connection.execute(_POSITION, (RELAY_POSITION,)).fetchone()
    return 0 if row is None else int(row[0])


async def run(hub: Hub, lease: Lease) -> None:
    """Publish for as long as this process has the role."""
    following = written = position(hub)
    while True:
        try:
            size = hub.writer.size
            while group := _group(hub, following):
                await _publish(hub, group)
                hub.metrics.publish_up.set(1)
                reach("hub.relay.published")
                following = group.following
                hub.metrics.relayed.inc(len(group.records))
                if following - written >= UNWRITTEN_MAX:
                    following = written = await _write(hub, lease, written, following)
            if hub.writer.size == size:
                await hub.writer.grown(size, hub.settings.relay_idle_seconds)
                if hub.writer.size == size and written < following:
                    following = written = await _write(hub, lease, written, following)
                elif (stored := position(hub)) != written:
                    following = written = stored  # an operator set it back
                else:
                    await asyncio.sleep(hub.settings.relay_linger_seconds)  # a group rather than each for itself
        except Unavailable as error:
            hub.metrics.publish_up.set(0)
            log.error("relay.failed", error, code=error.code)
            await asyncio.sleep(error.retry_after_seconds)


async def _publish(hub: Hub, group: "_Group") -> None:
    indices = tuple(outbound.index for _, outbound in group.records)
    with hub.tracing.span("hub.publish", "producer", traces.of(hub, indices), index=indices) as span:
        records = [replace(outbound, trace=span.context).encode(case) for case, outbound in group.records]
        await hub.broker.publish(OUTBOUND, records)


async def _write(hub: Hub, lease: Lease, written: int, following: int) -> int:
    """Move the position on from `written`; gives the one that stands, another when it was set back meanwhile."""

    def work(batch: Batch) -> Answer[int]:
        batch.connection.execute(_MOVE, (RELAY_POSITION, b"%d" % following, b"%d" % written))
        stands = int(batch.connection.execute(_POSITION, (RELAY_POSITION,)).fetchone()[0])

        def answer(_: Sealed) -> int:
            return stands

        return answer

    reach("hub.relay.position")
    return await hub.writer.submit(lease.fenced(work), leaves=0)


@dataclass(frozen=True, slots=True)
class _Group:
    records: list[tuple[int, Outbound]]
    following: int


def _group(hub: Hub, following: int) -> _Group | None:
    """The next messages of the log; None when there is none."""
    with guarded():
        messages = hub.connection.execute(_MESSAGES, (following, hub.settings.relay_group_max)).fetchall()
        if not messages:
            return None
        last = messages[-1][0]
        named = _named(iter(hub.connection.execute(_RECIPIENTS, (messages[0][0], last))))
    return _Group([(case, Outbound(index, named[index])) for index, case in messages if index in named], last + 1)


def _named(rows: Iterator[tuple[int, str]]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for index, partner in rows:
        found[index] = (*found.get(index, ()), partner)
    return found
