"""What a reply to our overstay notice obliges us to do: put our data right, and tell everybody who got it.

Regulation (EU) 2017/2226 art. 35(5), domain.md 11.2: the stay was exempt, the person is unknown, or the data is wrong.
The hub cannot see it, for every outcome is the one event `answered`; so the edge that sent the notice reminds its own
authority, at once in `liaison edge status` and by an alarm once the time is over, until a `data.correction` of the case
was sent after the reply. Nothing is corrected by a program: what is right, an officer knows.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.lifecycles.clocks import CORRECTION
from service.sqlite import Connection, guarded

OBLIGING = ("EXEMPT", "PERSON_UNKNOWN", "DATA_WRONG")
"""Outcomes of a `visa.overstay.reply` after which the notice's data may not stand."""

LISTED_MAX = 1000
_OWED = """
SELECT i.case_handle, i.id, CAST(i.payload AS TEXT) ->> '$.outcome', i.came_at FROM inbox i
WHERE i.kind = 'visa.overstay.reply' AND i.state = 'handed_over'
    AND CAST(i.payload AS TEXT) ->> '$.outcome' IN (?, ?, ?)
    AND NOT EXISTS (
        SELECT 1 FROM outbox o WHERE o.case_handle = i.case_handle AND o.kind = 'data.correction'
            AND o.state NOT IN ('refused', 'held') AND o.at >= i.came_at
    )
ORDER BY i.idx LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Owed:
    """A correction that is owed: in which case, after which reply (its id), and since when."""

    case_handle: str
    reply: str
    outcome: str
    since: datetime
    overdue: bool


def owed(connection: Connection, now: datetime) -> list[Owed]:
    """Every correction that is owed, the oldest first. Raises Unavailable."""
    with guarded():
        rows = connection.execute(_OWED, (*OBLIGING, LISTED_MAX)).fetchall()
    found = []
    for handle, reply, outcome, came_at in rows:
        since = datetime.fromtimestamp(came_at, UTC)
        found.append(Owed(handle, reply, outcome, since, now - since > CORRECTION))
    return found
