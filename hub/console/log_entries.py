"""The log as auditors read it: its newest leaves, by event or partner, and how many came when. No side record is read.

Guarantees that every search is bounded: it looks at `LEAVES_LOOKED_AT_MAX` leaves and then gives what it found, with
the index to go on from. The event is compared in the stored bytes, at the place where `encode_leaf` writes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from hub.log.batch import SECONDS_AN_HOUR
from hub.store.engine import guarded
from hub.store.reading import Reader, StoredLeaf
from keys.proofs.leaf import parse_leaf

LEAVES_LOOKED_AT_MAX = 20_000
_EVENT_AT = len(b'{"v":1,"event":"') + 1
_ALL = (
    "SELECT idx, bytes FROM leaf WHERE idx < ? AND idx >= ? AND (? OR substr(bytes, ?, ?) = ?) "
    "ORDER BY idx DESC LIMIT ?"
)
_OF_PARTNER = "SELECT idx FROM leaf_partner WHERE partner = ? AND idx < ? ORDER BY idx DESC LIMIT ?"


@dataclass(frozen=True, slots=True)
class Found:
    """Leaves, newest first, and the index below which to go on; None when there is nothing further down."""

    leaves: tuple[StoredLeaf, ...]
    below: int | None


def newest(
    reader: Reader, *, limit: int, below: int | None = None, event: str | None = None, partner: str | None = None
) -> Found:
    """At most `limit` leaves with an index below `below` (None: from the newest).

    Args:
        reader: the hub's.
        limit: of the page.
        below: from the page before.
        event: one of `keys.proofs.leaf.EVENTS`.
        partner: only leaves whose source or recipients name it.
    """
    top = reader.size() if below is None else min(below, reader.size())
    wanted = f'{event or ""}"'.encode()
    given = (event is None, _EVENT_AT, len(wanted), wanted, limit + 1)
    with guarded():
        if partner is None:
            bottom = max(0, top - LEAVES_LOOKED_AT_MAX)
            rows = reader.connection.execute(_ALL, (top, bottom, *given)).fetchall()
        else:
            looked_at = [
                index for (index,) in reader.connection.execute(_OF_PARTNER, (partner, top, LEAVES_LOOKED_AT_MAX))
            ]
            bottom = looked_at[-1] if len(looked_at) == LEAVES_LOOKED_AT_MAX else 0
            rows = reader.connection.execute(
                "SELECT l.idx, l.bytes FROM leaf_partner p JOIN leaf l ON l.idx = p.idx "
                "WHERE p.partner = ? AND p.idx < ? AND p.idx >= ? AND (? OR substr(l.bytes, ?, ?) = ?) "
                "ORDER BY p.idx DESC LIMIT ?",
                (partner, top, bottom, *given),
            ).fetchall()
    leaves = tuple(StoredLeaf(index, raw, parse_leaf(raw)) for index, raw in rows[:limit])
    if len(rows) > limit:
        return Found(leaves, leaves[-1].index)
    return Found(leaves, bottom or None)


def counts(reader: Reader, since: datetime, until: datetime) -> Mapping[int, Mapping[str, int]]:
    """How many leaves of each event each hour brought: hours since 1970 (UTC), from `since`'s up to `until`'s."""
    first, last = (int(at.timestamp()) // SECONDS_AN_HOUR for at in (since, until))
    found: dict[int, dict[str, int]] = {}
    with guarded():
        for hour, event, count in reader.connection.execute(
            "SELECT hour, event, count FROM leaf_count WHERE hour BETWEEN ? AND ? ORDER BY hour", (first, last)
        ):
            found.setdefault(hour, {})[event] = count
    return found
