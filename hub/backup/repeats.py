"""What answers a repeat, as it follows from the log: of each message and statement one row, with its receipt's place.

Without its row a message that comes again would be judged as a new one, and its sender get no receipt. Rows go once
nobody may send the message any more (hub/retention.py), so one that is past its time may be there or not.
"""

from dataclasses import dataclass
from datetime import datetime

from hub.intake import REPEATS_KEPT
from hub.store.engine import Connection, many

_ROWS = "SELECT key, digest, idx, size, until FROM idempotency WHERE key"


@dataclass(frozen=True, slots=True)
class _Repeat:
    key: bytes
    digest: bytes
    index: int
    until: int


class Repeats:
    """Those of a log that is walked along; `made_at` is when its rows were copied."""

    def __init__(self, connection: Connection, made_at: datetime) -> None:
        self._connection = connection
        self._optional_until = int((made_at + REPEATS_KEPT).timestamp())
        self._open: list[_Repeat] = []
        self._sealed: list[tuple[_Repeat, int]] = []
        self._found = 0

    def expect(self, key: bytes, digest: bytes, index: int, until: int) -> None:
        """What has this identity and digest has the receipt of leaf `index`, to the next checkpoint."""
        self._open.append(_Repeat(key, digest, index, until))

    def sealed(self, size: int) -> None:
        """A checkpoint of this size ends a batch."""
        self._sealed += ((repeat, size) for repeat in self._open)
        self._open.clear()

    def differing(self) -> int | None:
        """The first leaf since the last call whose row is another one, or missing; None when there is none.

        A sender may have spent an id again once the row of the first message that bore it had gone.
        """
        rows = {row[0]: row for row in many(self._connection, _ROWS, [repeat.key for repeat, _ in self._sealed])}
        for repeat, size in self._sealed:
            if rows.get(repeat.key) == (repeat.key, repeat.digest, repeat.index, size, repeat.until):
                self._found += 1
            elif repeat.until > self._optional_until:
                return repeat.index
        self._sealed.clear()
        return None

    @property
    def whole(self) -> bool:
        """Whether the rows that were found as they should be are all there are."""
        row = self._connection.execute("SELECT count(*) FROM idempotency").fetchone()
        return bool(row == (self._found,))
