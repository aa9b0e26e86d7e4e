"""How far a consumer is, in the hub's own database: written with the effect, in one transaction."""

from collections.abc import Iterable

from hub.broker.contract import Fetched
from hub.log.batch import Batch
from hub.store.engine import Connection, guarded

_MOVE = (
    "INSERT INTO consumer_position (topic, consumer, part, next) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (topic, consumer, part) DO UPDATE SET next = excluded.next "
    "WHERE excluded.next > consumer_position.next"
)


def read_positions(connection: Connection, topic: str, consumer: str) -> dict[int, int]:
    """Partition -> offset of the next record this consumer has to read."""
    with guarded():
        return dict(
            connection.execute(
                "SELECT part, next FROM consumer_position WHERE topic = ? AND consumer = ?", (topic, consumer)
            )
        )


def after(positions: dict[int, int], fetched: Iterable[Fetched]) -> dict[int, int]:
    """The positions once these records are done."""
    found = dict(positions)
    for one in fetched:
        found[one.partition] = max(found.get(one.partition, 0), one.offset + 1)
    return found


def write_positions(batch: Batch, topic: str, consumer: str, positions: dict[int, int]) -> None:
    """They become durable with the batch. A position never goes back: another process may be further."""
    for part, following in positions.items():
        batch.write(_MOVE, (topic, consumer, part, following))
