"""What partners have signed about the time: the evidence by which a clock of ours that was set forward is found out.

Our clock alone ends no time of an agreement, for what has ended is not begun again (docs/adr/0092). Guarantees that the
evidence is a lower bound of the true time, as far as partners' own clocks are right: a message's or statement's signed
`time` may be old but never lies ahead, a signed request is at most some minutes from our clock, and what has passed
since is measured by the monotonic clock, which nobody sets. It outlives a restart, and other processes read it, through
one row that is written at most every `_KEPT_EVERY_SECONDS`.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hub.log.batch import Answer, Batch, Draft, Sealed
from hub.store.engine import Connection, guarded, transaction
from hub.store.tables import SET_META
from schemas.errors import Unavailable

_NAME = "clock_witness"
_KEPT_EVERY_SECONDS = 300.0
_READ = "SELECT value FROM meta WHERE name = ?"


class Witness:
    """The latest instant that somebody else's signature vouches for."""

    def __init__(self, connection: Connection, monotonic: Callable[[], float]) -> None:
        self._connection = connection
        self._monotonic = monotonic
        self._seen: tuple[datetime, float] | None = None
        self._kept_at = float("-inf")
        self.held = 0
        """How many times of agreements the clock keeper did not end, or warn of, at its last look."""

    def seen(self, at: datetime) -> None:
        """A signature that verified says that it is not earlier than this (aware)."""
        now = self._monotonic()
        if self._seen is None or at > self._seen[0] + timedelta(seconds=now - self._seen[1]):
            self._seen = (at, now)
        if now - self._kept_at >= _KEPT_EVERY_SECONDS:
            self._kept_at = now
            self._keep()

    def latest(self) -> datetime | None:
        """The instant, as it has gone on since; None while nobody has signed anything.

        Raises:
            Unavailable: the database cannot be read.
        """
        with guarded():
            row = self._connection.execute(_READ, (_NAME,)).fetchone()
        kept = None if row is None else datetime.fromtimestamp(int(bytes(row[0])), UTC)
        if self._seen is None:
            if kept is not None:
                self._seen = (kept, self._monotonic())
            return kept
        at, since = self._seen
        gone_on = at + timedelta(seconds=self._monotonic() - since)
        return gone_on if kept is None else max(gone_on, kept)

    def _keep(self) -> None:
        """What is not kept now is kept later; a request does not fail over it."""
        try:
            found = self.latest()
            if found is None:
                return
            with transaction(self._connection):
                self._connection.execute(SET_META, (_NAME, _written(found)))
        except Unavailable:
            self._kept_at = float("-inf")


class Confirmed:
    """Work: an operator vouches for our clock, and the log says who; gives the leaf's index."""

    def __init__(self, actor: str) -> None:
        self._actor = actor

    def __call__(self, batch: Batch) -> Answer[int]:
        """As a member of a batch."""
        index = batch.add(Draft("ClockConfirmed", committed={"actor": self._actor}))
        batch.connection.execute(SET_META, (_NAME, _written(batch.at)))

        def answer(_: Sealed) -> int:
            return index

        return answer


def _written(at: datetime) -> bytes:
    return str(int(at.timestamp())).encode()
