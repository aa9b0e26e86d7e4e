"""Submissions that wait for an officer of ours, because a text of theirs may say what may not be said.

The outbox has the message (`held`); here lies what the submission named and where it is held. All changes are made
inside the caller's transaction, and each has its entry in the journal. Nothing here repeats a text of the payload but
`texts`, which is for the local officer.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from adapters.contract import Submission
from adapters.edge.journal import Entry, append
from adapters.edge.plan import Plan
from adapters.edge.submission import HOLD
from schemas import registry
from schemas.errors import Finding, Rejected
from service.sqlite import Connection, guarded

_HELD = (
    "SELECT o.seq, o.id, o.channel, o.external_id, o.kind, o.plan, o.payload, h.since, h.asked, "
    "h.places, h.agreed_by FROM hold h JOIN outbox o ON o.seq = h.seq"
)


@dataclass(frozen=True, slots=True)
class Hold:
    """One held submission.

    Attributes:
        seq, id, channel, external_id, kind: of the outbox's row.
        plan: what it would have been sent as; its case handle stays.
        since: when it was held, in seconds since 1970.
        asked: `to`, `agreement`, `basis`, `role` as the submission named them.
        places: pointers to the held texts.
        agreed_by: who has released it already, where a second person must.
    """

    seq: int
    id: str
    channel: str
    external_id: str
    kind: str
    plan: Plan
    payload: bytes = field(repr=False)
    since: int
    asked: Mapping[str, Any]
    places: tuple[str, ...]
    agreed_by: str | None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a channel is told."""
        return found(self.places)

    def texts(self) -> dict[str, str]:
        """Pointer -> the text there. For the eyes of the local officer alone."""
        payload = registry.load(self.payload)
        return {place: _at(payload, place) for place in self.places}


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many are held, and since when the oldest, in seconds since 1970."""

    count: int
    oldest: int | None


class Holds:
    """The held submissions of one edge."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def waiting(self) -> Waiting:
        """How many there are."""
        return waiting(self._connection)

    def all(self) -> Iterator[Hold]:
        """Each of them, oldest first."""
        with guarded():
            rows = self._connection.execute(f"{_HELD} ORDER BY h.seq").fetchall()
        return map(_hold, rows)

    def find(self, message_id: str) -> Hold:
        """The one with this id. Raises Rejected(NOT_FOUND): it is not held, or no more."""
        with guarded():
            row = self._connection.execute(f"{_HELD} WHERE o.id = ?", (message_id,)).fetchone()
        if row is None:
            raise Rejected("NOT_FOUND")
        return _hold(row)

    # -- inside a transaction

    def add(self, seq: int, message_id: str, submission: Submission, findings: Sequence[Finding], at: int) -> None:
        """The outbox's row is held from now on."""
        asked = {
            "to": submission.to,
            "agreement": submission.agreement,
            "basis": submission.basis,
            "role": submission.role,
        }
        places = [one.path for one in findings]
        self._connection.execute(
            "INSERT INTO hold (seq, since, asked, places) VALUES (?, ?, ?, ?)",
            (seq, at, json.dumps(asked), json.dumps(places)),
        )
        append(self._connection, Entry(datetime.fromtimestamp(at, UTC), "held", message_id, code=HOLD, places=places))

    def held_elsewhere(self, hold: Hold, findings: Sequence[Finding], at: datetime) -> None:
        """The rules of today hold texts that nobody was shown: all of it is to be looked at anew."""
        places = [one.path for one in findings]
        self._connection.execute(
            "UPDATE hold SET places = ?, agreed_by = NULL WHERE seq = ?", (json.dumps(places), hold.seq)
        )
        self._connection.execute("UPDATE outbox SET told = 0 WHERE seq = ?", (hold.seq,))
        append(self._connection, Entry(at, "held", hold.id, code=HOLD, places=places))

    def agreed(self, hold: Hold, by: str) -> None:
        """The first of two has released it."""
        self._connection.execute("UPDATE hold SET agreed_by = ? WHERE seq = ?", (by, hold.seq))

    def over(self, hold: Hold) -> None:
        """It is held no more."""
        self._connection.execute("DELETE FROM hold WHERE seq = ?", (hold.seq,))


def waiting(connection: Connection) -> Waiting:
    """How many are held. Raises Unavailable."""
    with guarded():
        count, oldest = connection.execute("SELECT count(*), min(since) FROM hold").fetchone()
    return Waiting(int(count), oldest)


def found(places: Sequence[str]) -> tuple[Finding, ...]:
    """A finding a place."""
    return tuple(Finding(place, HOLD) for place in places)


def _hold(row: tuple[Any, ...]) -> Hold:
    seq, message_id, channel, external_id, kind, plan, payload, since, asked, places, agreed_by = row
    return Hold(
        seq=seq,
        id=message_id,
        channel=channel,
        external_id=external_id,
        kind=kind,
        plan=Plan.load(plan),
        payload=payload,
        since=since,
        asked=json.loads(asked),
        places=tuple(json.loads(places)),
        agreed_by=agreed_by,
    )


def _at(payload: Any, place: str) -> str:
    """The text under an RFC 6901 pointer that a check made."""
    for name in place.split("/")[1:]:
        payload = payload[int(name) if isinstance(payload, list) else name.replace("~1", "/").replace("~0", "~")]
    return str(payload)
