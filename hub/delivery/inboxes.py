"""Inbox topics: a partner that reads Kafka itself finds there, byte for byte, what `GET /v1/inbox` would give it.

Each record is one message: a MIME entity (`service.multipart`) of receipt and container, its key the message's digest,
in log order in one partition. Guarantees at least once: the position is written after publication. Being published is
no consignment, and reading no hand-over: a message counts as handed over by the partner's `ContentHandover` statement
alone, is owed until then, and is published again when the broker is rebuilt. A container that is purged is left out.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence

from hub import relay
from hub.broker.contract import GROUP_MAX, INBOX_PREFIX, OUTBOUND, Record
from hub.broker.positions import after, read_positions, write_positions
from hub.delivery.pushing import parts_of
from hub.log.batch import Answer, Batch, Sealed
from hub.store.engine import guarded
from hub.wiring import Hub
from schemas.errors import Unavailable
from service.failpoints import reach
from service.logs import log
from service.multipart import write_entity

CONSUMER = "inboxes"
UNWRITTEN_MAX = 512
"""Records read since the position was last written, where none of them was for an inbox."""

_AT_ONCE = 4
"""Messages published at a time: their containers are in memory together."""
_ITEM = (
    "SELECT m.idx, m.digest, m.container FROM message m JOIN recipient r ON r.idx = m.idx "
    "WHERE r.partner = ? AND m.idx = ? AND r.state <> 'handed_over' AND m.container IS NOT NULL"
)


async def run(hub: Hub) -> None:
    """Fill the inbox topics that the settings name, for as long as the program runs; nothing without any."""
    partners = hub.settings.kafka_inboxes
    if not (partners and hub.settings.kafka_bootstrap):
        return
    positions, unwritten = read_positions(hub.connection, OUTBOUND, CONSUMER), 0
    while True:
        try:
            fetched = await hub.broker.fetch(
                OUTBOUND, positions, limit=GROUP_MAX, wait_seconds=hub.settings.relay_idle_seconds
            )
            named: dict[str, list[int]] = defaultdict(list)
            for outbound in (relay.decode(one.record) for one in fetched):
                for partner in outbound.recipients:
                    if partner in partners:
                        named[partner].append(outbound.index)
            for partner, indices in named.items():
                await _publish(hub, partner, sorted(indices))
            reach("hub.inboxes.published")
            following, unwritten = after(positions, fetched), unwritten + len(fetched)
            if named or unwritten >= UNWRITTEN_MAX or (unwritten and not fetched):
                await _write(hub, following)
                unwritten = 0
            positions = following
        except Unavailable as error:
            log.error("inboxes.failed", error, code=error.code)
            await asyncio.sleep(error.retry_after_seconds)
            positions, unwritten = read_positions(hub.connection, OUTBOUND, CONSUMER), 0  # perhaps it was rebuilt


async def _publish(hub: Hub, partner: str, indices: Sequence[int]) -> None:
    for first in range(0, len(indices), _AT_ONCE):
        records = list(_records(hub, partner, indices[first : first + _AT_ONCE]))
        await hub.broker.publish(INBOX_PREFIX + partner, records)


def _records(hub: Hub, partner: str, indices: Sequence[int]) -> Iterator[Record]:
    for index in indices:
        with guarded():
            row = hub.connection.execute(_ITEM, (partner, index)).fetchone()
        if row is not None:
            _, digest, container = row
            yield Record(digest, write_entity(parts_of(hub.reader.receipts([index]), [(digest, container)])))


async def _write(hub: Hub, positions: dict[int, int]) -> None:
    def work(batch: Batch) -> Answer[None]:
        write_positions(batch, OUTBOUND, CONSUMER, positions)
        return _nothing

    await hub.writer.submit(work, leaves=0)


def _nothing(_: Sealed) -> None:
    return None
