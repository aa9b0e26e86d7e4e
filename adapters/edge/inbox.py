"""The inbox: every message the hub delivered, from its receipt to its hand-over.

A row is `received` (to be opened), `ready` (to be handed over), `handed_over` or `failed` with a code. All changes are
made inside the caller's transaction.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from service.sqlite import Connection, guarded

_DIGEST_AT = "SELECT digest FROM inbox WHERE idx = ? UNION ALL SELECT digest FROM gone WHERE idx = ?"
_INDEX_OF = "SELECT idx FROM inbox WHERE digest = ? UNION ALL SELECT idx FROM gone WHERE digest = ?"
_UNSAID = re.compile(r"SG[0-9]+|FREETEXT_HOLD|CLASSIFIED|HANDLING_TEXT")


@dataclass(frozen=True, slots=True)
class Item:
    """One delivery whose receipt holds: its place in the log, what the leaf says, and the bytes that came with it."""

    idx: int
    digest: bytes
    source: str
    kind: str
    at: int
    version: int
    receipt: bytes = field(repr=False)
    container: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Received:
    """A row to open."""

    idx: int
    digest: bytes
    source: str
    at: int
    version: int
    container: bytes | None = field(repr=False)
    came_at: int
    attempts: int


@dataclass(frozen=True, slots=True)
class File:
    """An attachment, opened: SHA-256 of the plaintext, media type and size as the payload says."""

    sha256: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A row to hand over."""

    idx: int
    digest: bytes
    id: str
    source: str
    kind: str
    case_handle: str
    agreement: str
    purpose: str
    at: int
    payload: bytes = field(repr=False)
    receipt: bytes = field(repr=False)
    in_reply_to: str | None
    out_of_order: int
    attempts: int


class Inbox:
    """The rows of one edge's inbox."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def digest_at(self, idx: int) -> bytes | None:
        """Which message came under this index, also one that has gone since (`adapters.edge.retention`)."""
        with guarded():
            row = self._connection.execute(_DIGEST_AT, (idx, idx)).fetchone()
        return None if row is None else bytes(row[0])

    def index_of(self, digest: bytes) -> int | None:
        """Under which index this message came, also one that has gone since."""
        with guarded():
            row = self._connection.execute(_INDEX_OF, (digest, digest)).fetchone()
        return None if row is None else int(row[0])

    def known(self, digest: bytes) -> tuple[str, dict[str, Any] | None] | None:
        """State and payload of the message with this digest, where one came here."""
        with guarded():
            row = self._connection.execute("SELECT state, payload FROM inbox WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            return None
        return str(row[0]), None if row[1] is None else json.loads(row[1])

    def other_of(self, source: str, message_id: str, idx: int) -> bool:
        """Whether another message of this source bears this id."""
        with guarded():
            row = self._connection.execute(
                "SELECT 1 FROM inbox WHERE id = ? AND source = ? AND idx <> ? LIMIT 1", (message_id, source, idx)
            ).fetchone()
        return row is not None

    def to_open(self, now: float, limit: int) -> list[Received]:
        """The next rows to open, oldest first."""
        with guarded():
            rows = self._connection.execute(
                "SELECT idx, digest, source, at, version, container, came_at, attempts FROM inbox "
                "WHERE state = 'received' AND retry_at <= ? ORDER BY idx LIMIT ?",
                (now, limit),
            ).fetchall()
        return [Received(*row) for row in rows]

    def to_hand_over(self, channel: str, now: float, limit: int) -> list[Ready]:
        """The next rows for a channel, oldest first."""
        with guarded():
            rows = self._connection.execute(
                "SELECT idx, digest, id, source, kind, case_handle, agreement, purpose, at, payload, receipt, "
                "in_reply_to, out_of_order, attempts FROM inbox "
                "WHERE state = 'ready' AND channel = ? AND retry_at <= ? ORDER BY idx LIMIT ?",
                (channel, now, limit),
            ).fetchall()
        return [Ready(*row) for row in rows]

    def files(self, idx: int) -> list[File]:
        """A row's attachments, in part order."""
        with guarded():
            rows = self._connection.execute(
                "SELECT sha256, media_type, size FROM inbox_file WHERE idx = ? ORDER BY pos", (idx,)
            ).fetchall()
        return [File(*row) for row in rows]

    # -- inside a transaction

    def add(self, item: Item, came_at: int) -> None:
        """One more row, received."""
        self._connection.execute(
            "INSERT INTO inbox (idx, digest, source, kind, at, version, receipt, container, came_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                item.idx,
                item.digest,
                item.source,
                item.kind,
                item.at,
                item.version,
                item.receipt,
                item.container,
                came_at,
            ),
        )

    def later(self, idx: int, retry_at: float, awaits: bytes | None = None) -> None:
        """Try again then, or once the message it awaits has come to its end."""
        self._connection.execute(
            "UPDATE inbox SET attempts = attempts + 1, retry_at = ?, awaits = ? WHERE idx = ?", (retry_at, awaits, idx)
        )

    def ready(self, idx: int, row: tuple[object, ...], files: list[File]) -> None:
        """Opened: `row` is id, case handle, agreement, purpose, in_reply_to, payload, channel, out_of_order."""
        self._connection.execute(
            "UPDATE inbox SET state = 'ready', attempts = 0, retry_at = 0, id = ?, case_handle = ?, agreement = ?, "
            "purpose = ?, in_reply_to = ?, payload = ?, channel = ?, out_of_order = ? WHERE idx = ?",
            (*row, idx),
        )
        self._connection.executemany(
            "INSERT OR REPLACE INTO inbox_file (idx, pos, sha256, media_type, size) VALUES (?, ?, ?, ?, ?)",
            [(idx, pos, file.sha256, file.media_type, file.size) for pos, file in enumerate(files)],
        )

    def ended(self, idx: int, digest: bytes, code: str | None) -> None:
        """Handed over, or failed with a code; the evidence to be signed is written with it.

        The row keeps the code; the evidence says what may be said (docs/adr/0053).
        """
        state, event = ("handed_over", "ContentHandover") if code is None else ("failed", "ContentHandoverFailure")
        self._connection.execute("UPDATE inbox SET state = ?, code = ? WHERE idx = ?", (state, code, idx))
        self._connection.execute("UPDATE inbox SET retry_at = 0, awaits = NULL WHERE awaits = ?", (digest,))
        self._connection.execute(
            "INSERT OR IGNORE INTO evidence (event, idx, digest, code) VALUES (?, ?, ?, ?)",
            (event, idx, digest, code and said(code)),
        )


def said(code: str) -> str:
    """The code that goes into the log for all to see: a safeguard's would tell the hub what the payload is about."""
    return "CHANNEL_REJECTED" if _UNSAID.fullmatch(code) else code
