"""What the channel remembers: what was acknowledged, and what became of submissions. One SQLite file.

Guarantees that an acknowledgement is durable before it is answered, so that a delivery whose acknowledgement the edge
never heard of is not handed over again; and that the first word about a delivery stands. Rows go after `journal_days`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias

from adapters.contract import Held, Progress, Taken
from schemas.errors import Finding, Unavailable
from service.clock import utc_now
from service.failpoints import reach
from service.sqlite import Connection, guarded, open_database, transaction

State: TypeAlias = Literal["offered", "accepted", "rejected"]
WRITES_PER_PURGE = 1000

_TABLES = (
    """CREATE TABLE IF NOT EXISTS delivery
       (digest TEXT PRIMARY KEY, state TEXT NOT NULL, code TEXT, at INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS submission
       (id TEXT PRIMARY KEY, case_handle TEXT, state TEXT NOT NULL, code TEXT, receipt TEXT, at INTEGER NOT NULL)
       WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS recipient
       (id TEXT NOT NULL, partner TEXT NOT NULL, state TEXT NOT NULL, code TEXT, at INTEGER NOT NULL,
       PRIMARY KEY (id, partner)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS finding
       (id TEXT NOT NULL, pos INTEGER NOT NULL, code TEXT NOT NULL, path TEXT NOT NULL, severity TEXT NOT NULL,
       at INTEGER NOT NULL, PRIMARY KEY (id, pos)) WITHOUT ROWID""",
)
_TAKEN = (
    "INSERT INTO submission (id, case_handle, state, code, at) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET case_handle = excluded.case_handle"
)
_PROGRESS = (
    "INSERT INTO submission (id, state, code, receipt, at) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET state = excluded.state, code = excluded.code, receipt = excluded.receipt"
)
_RECIPIENT = (
    "INSERT INTO recipient (id, partner, state, code, at) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (id, partner) DO UPDATE SET state = excluded.state, code = excluded.code"
)


@dataclass(frozen=True, slots=True)
class Word:
    """What the national system said about a delivery; `offered` means nothing yet."""

    state: State
    code: str | None = None


class Journal:
    """The file, open from `open` to `close`."""

    def __init__(self, path: Path, *, days: int) -> None:
        self._path = path
        self._days = days
        self._connection: Connection | None = None
        self._writes = 0

    def open(self) -> None:
        """Ready. Raises Unavailable(STORE_UNAVAILABLE)."""
        if self._connection is not None:
            return
        connection = open_database(self._path)
        try:
            with transaction(connection):
                for table in _TABLES:
                    connection.execute(table)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._purge()

    def close(self) -> None:
        """Closed; may be called twice."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _open(self) -> Connection:
        if self._connection is None:
            raise Unavailable("BUSY")  # between `close` and the next `connect`
        return self._connection

    def word(self, digest: str) -> Word | None:
        """What is known of a delivery; None when it was never given out."""
        with guarded():
            row = self._open.execute("SELECT state, code FROM delivery WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else Word(*row)

    def given_out(self, digests: list[str]) -> None:
        """The national system may have these from now on, and may acknowledge them at any time."""
        with transaction(self._open) as connection:
            connection.executemany(
                "INSERT INTO delivery (digest, state, at) VALUES (?, 'offered', ?) ON CONFLICT DO NOTHING",
                [(digest, _now()) for digest in digests],
            )

    def settle(self, digest: str, word: Word) -> Word:
        """The word that stands: this one, durable, or an earlier one."""
        reach("channel.rest.before_settled")
        with transaction(self._open) as connection:
            connection.execute(
                "INSERT INTO delivery (digest, state, code, at) VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE "
                "SET state = excluded.state, code = excluded.code WHERE state = 'offered'",
                (digest, word.state, word.code, _now()),
            )
        reach("channel.rest.settled")
        self._count()
        return self.word(digest) or word

    def taken(self, taken: Taken) -> None:
        """A submission lies in the outbox."""
        with transaction(self._open) as connection:
            findings = taken.findings if isinstance(taken, Held) else ()
            state, code = ("held", findings[0].code) if findings else ("queued", None)
            new = connection.execute("SELECT 1 FROM submission WHERE id = ?", (taken.id,)).fetchone() is None
            connection.execute(_TAKEN, (taken.id, taken.case_handle, state, code, _now()))
            if new:  # else progress was told meanwhile, and is newer
                _find(connection, taken.id, findings)
        self._count()

    def progress(self, progress: Progress) -> None:
        """What became of it."""
        with transaction(self._open) as connection:
            if progress.partner is None:
                receipt = None if progress.receipt is None else progress.receipt.decode("utf-8", "replace")
                connection.execute(_PROGRESS, (progress.id, progress.state, progress.code, receipt, _now()))
                _find(connection, progress.id, progress.findings)
            else:
                connection.execute(_RECIPIENT, (progress.id, progress.partner, progress.state, progress.code, _now()))

    def state(self, message_id: str) -> dict[str, Any] | None:
        """Where a submission stands; None for one that was never taken here."""
        with guarded():
            row = self._open.execute(
                "SELECT case_handle, state, code, receipt FROM submission WHERE id = ?", (message_id,)
            ).fetchone()
            recipients = self._open.execute(
                "SELECT partner, state, code FROM recipient WHERE id = ? ORDER BY partner", (message_id,)
            ).fetchall()
            findings = self._open.execute(
                "SELECT code, path, severity FROM finding WHERE id = ? ORDER BY pos", (message_id,)
            ).fetchall()
        if row is None:
            return None
        case_handle, state, code, receipt = row
        held = {"findings": [dict(zip(("code", "path", "severity"), one, strict=True)) for one in findings]}
        return {
            "id": message_id,
            "case_handle": case_handle,
            "state": state,
            "code": code,
            "receipt": receipt,
            "recipients": {partner: {"state": state, "code": code} for partner, state, code in recipients},
            **(held if findings else {}),
        }

    def _count(self) -> None:
        self._writes += 1
        if self._writes % WRITES_PER_PURGE == 0:
            self._purge()

    def _purge(self) -> None:
        before = int((utc_now() - timedelta(days=self._days)).timestamp())
        with transaction(self._open) as connection:
            for table in ("delivery", "submission", "recipient", "finding"):
                connection.execute(f"DELETE FROM {table} WHERE at < ?", (before,))  # noqa: S608 - names of ours


def _find(connection: Connection, message_id: str, findings: Sequence[Finding]) -> None:
    """Where a submission is held; nowhere, once it is no more. Part of the caller's transaction."""
    connection.execute("DELETE FROM finding WHERE id = ?", (message_id,))
    connection.executemany(
        "INSERT INTO finding (id, pos, code, path, severity, at) VALUES (?, ?, ?, ?, ?, ?)",
        [(message_id, pos, one.code, one.path, one.severity, _now()) for pos, one in enumerate(findings)],
    )


def _now() -> int:
    return int(utc_now().timestamp())
