"""How far a consumer has read, written in the transaction that holds what it did with it.

Guarantees that a position never goes back, for another process may be further; and that whoever read before the broker
was filled again (`hub.broker.rebuilding`) and was paused since writes nothing: its positions, and what it took for
published, are of a broker that is gone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from hub.broker.contract import OUTBOUND, POSITION_CODE, Fetched, Positions
from hub.log.batch import Answer, Batch, Sealed, Work
from hub.store.engine import Connection, guarded
from schemas.errors import Unavailable

T = TypeVar("T")

LOG = "log"
"""The topic that the relay reads: its one partition is the log, its offsets are indices."""
LOG_PART = 0
EPOCH = "broker_epoch"
"""In table `meta`: how often the broker was filled again."""

_AGAIN_SECONDS = 1.0
_READ = "SELECT part, next FROM consumer_position WHERE topic = ? AND consumer = ?"
_EPOCH = "SELECT value FROM meta WHERE name = ?"
_MOVE = (
    "INSERT INTO consumer_position (topic, consumer, part, next) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (topic, consumer, part) DO UPDATE SET next = excluded.next "
    "WHERE excluded.next > consumer_position.next"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Positions, and the broker that they are of."""

    epoch: int
    positions: Positions

    def after(self, fetched: Iterable[Fetched]) -> "Standing":
        """Once these records are done."""
        return Standing(self.epoch, after(self.positions, fetched))


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who reads a topic."""

    topic: str
    name: str

    def standing(self, connection: Connection) -> Standing:
        """Where the database says that it is. Raises Unavailable."""
        with guarded():
            epoch = broker_epoch(connection)
            return Standing(epoch, dict(connection.execute(_READ, (self.topic, self.name)).fetchall()))

    def moved(self, standing: Standing, effect: Work[T]) -> Work[T]:
        """The effect and the positions together; where the broker was filled again meanwhile, neither.

        Then the answer raises Unavailable(BROKER_POSITION): read where the database says now.
        """

        def work(batch: Batch) -> Answer[T]:
            if broker_epoch(batch.connection) != standing.epoch:
                return _filled_again
            for part, following in standing.positions.items():
                batch.write(_MOVE, (self.topic, self.name, part, following))
            return effect(batch)

        return work


def after(positions: Positions, fetched: Iterable[Fetched]) -> dict[int, int]:
    """The positions once these records are done."""
    found = dict(positions)
    for one in fetched:
        found[one.partition] = max(found.get(one.partition, 0), one.offset + 1)
    return found


DELIVERY = Consumer(OUTBOUND, "delivery")
"""The one that reads the topic of messages (`hub.delivery.lanes`)."""


def broker_epoch(connection: Connection) -> int:
    """How often the broker was filled again, as this transaction sees it."""
    row = connection.execute(_EPOCH, (EPOCH,)).fetchone()
    return 0 if row is None else int(bytes(row[0]))


def nothing(_: Batch) -> Answer[None]:
    """No effect but the position itself."""
    return _done


def _done(_: Sealed) -> None:
    return None


def _filled_again(_: Sealed) -> NoReturn:
    raise Unavailable(POSITION_CODE, _AGAIN_SECONDS)
