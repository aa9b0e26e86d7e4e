"""The edge's own journal: what officers decided about held texts, who, when and why. It never leaves the edge.

Guarantees that a row is never changed or removed by this program (the tables refuse it), and that a change, a removal
or a row put in by other hands shows: each row's hash covers the row and the hash before it, and the last hash is kept a
second time. Who can write the whole file can write another whole history; so the head is shown (`liaison edge status`)
and whoever wants proof keeps it elsewhere (docs/adr/0087).

Rows are appended inside the caller's transaction.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from adapters.edge.tables import read_meta, write_meta
from service.sqlite import Connection, guarded

Event: TypeAlias = Literal["held", "agreed", "released", "refused", "stopped"]
"""Held by the rules; released by the first of two, or for good; refused by a person, or by the rules on its release."""

_MARK = b"liaison-edge-journal/v1\n"
_HEAD = "journal_head"
_NONE = bytes(32)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. `by` and `reason` are empty where no person acted. Its `repr` shows no reason."""

    at: datetime
    event: Event
    message: str
    by: str = ""
    reason: str = field(default="", repr=False)
    code: str = ""
    places: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """How far the journal goes, and the hash of its last row. `broken_at` is the first row that does not fit."""

    rows: int
    hash: str
    broken_at: int | None = None


def append(connection: Connection, entry: Entry) -> None:
    """One more row. Raises Fault, Unavailable."""
    with guarded():
        last = connection.execute("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
        number, before = (1, _NONE) if last is None else (last[0] + 1, bytes(last[1]))
        row = (
            number, int(entry.at.timestamp()), entry.event, entry.message, entry.by, entry.reason, entry.code,
            json.dumps(list(entry.places)),
        )  # fmt: skip
        after = _hash(before, row)
        connection.execute(
            "INSERT INTO journal (seq, at, event, message, by, reason, code, places, hash) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, after),
        )
    write_meta(connection, _HEAD, _head(number, after))


def check(connection: Connection) -> Head:
    """The journal's head, and where it does not hold together. Raises Unavailable."""
    number, before, broken = 0, _NONE, None
    with guarded():
        for *row, after in connection.execute(
            "SELECT seq, at, event, message, by, reason, code, places, hash FROM journal ORDER BY seq"
        ):
            number += 1
            if broken is None and (row[0] != number or _hash(before, row) != after):
                broken = number
            number, before = row[0], bytes(after)
    kept = read_meta(connection, _HEAD) or _head(0, _NONE)
    if broken is None and kept != _head(number, before):
        broken = number + 1
    return Head(number, before.hex(), broken)


def entries(connection: Connection, message_id: str | None = None, limit: int = 100) -> list[Entry]:
    """What was written, about one message or any, newest first. Raises Unavailable."""
    with guarded():
        rows = connection.execute(
            "SELECT at, event, message, by, reason, code, places FROM journal "
            "WHERE ?1 IS NULL OR message = ?1 ORDER BY seq DESC LIMIT ?2",
            (message_id, limit),
        ).fetchall()
    return [
        Entry(datetime.fromtimestamp(at, UTC), event, message, by, reason, code, json.loads(places))
        for at, event, message, by, reason, code, places in rows
    ]


def _hash(before: bytes, row: Sequence[object]) -> bytes:
    return hashlib.sha256(_MARK + before + json.dumps(list(row), ensure_ascii=True).encode()).digest()


def _head(number: int, after: bytes) -> bytes:
    return f"{number:d}:{after.hex()}".encode()
