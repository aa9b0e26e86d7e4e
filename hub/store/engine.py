"""The hub's database: a file of its own (SQLite), or a server that several processes share (PostgreSQL).

One set of tables (`hub.store.tables`) and of statements for both: `?` where a parameter goes, `ON CONFLICT`, nothing
that one of them alone knows. Guarantees that transactions follow one another whichever process begins them, that what
is inside becomes durable together or not at all, and that a database's own errors never leave it: what may pass by
itself is Unavailable(STORE_UNAVAILABLE), what cannot is a Fault.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeAlias

from hub.store.postgres import SECONDS_MAX, PostgresConnection, open_postgres
from service import sqlite
from service.sqlite import BUSY_TIMEOUT_MS, guarded

Connection: TypeAlias = sqlite.Connection | PostgresConnection

_HAS_TABLE = (
    "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?",
    "SELECT 1 WHERE to_regclass(?) IS NOT NULL",
)
_TIME = ("SELECT (julianday('now') - 2440587.5) * 86400.0", "SELECT extract(epoch FROM clock_timestamp())")

KEYS_AT_ONCE = 256

__all__ = [
    "BUSY_TIMEOUT_MS",
    "Connection",
    "database_time",
    "guarded",
    "has_table",
    "many",
    "of_partner",
    "open_engine",
    "snapshot",
    "together",
    "transaction",
]


def open_engine(
    file: Path,
    url: str = "",
    password_file: Path | None = None,
    *,
    readonly: bool = False,
    busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    seconds_max: float = SECONDS_MAX,
    patience_seconds: float = 0.0,
) -> Connection:
    """A connection to the server at `url`, or without one to the file.

    `patience_seconds` is how long a server that does not answer is asked again, before anything else is done.

    Raises:
        Rejected: a setting is not as it must be.
        Unavailable: STORE_UNAVAILABLE.
    """
    if url:
        return open_postgres(url, password_file, seconds_max=seconds_max, patience_seconds=patience_seconds)
    return sqlite.open_database(file, readonly=readonly, busy_timeout_ms=busy_timeout_ms)


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Everything inside becomes durable together when the block ends, or nothing does. Not to be nested.

    Nothing else is written meanwhile, by whichever process.

    Raises:
        Unavailable: STORE_UNAVAILABLE; nothing was written, unless it was COMMIT that failed: then only the
            database tells what stands.
    """
    if isinstance(connection, PostgresConnection):
        with connection.transaction():
            yield
    else:
        with sqlite.transaction(connection):
            yield


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """Everything read inside is of one moment; nothing may be written."""
    if isinstance(connection, PostgresConnection):
        with connection.snapshot():
            yield
        return
    with guarded():
        connection.execute("BEGIN")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


@contextmanager
def of_partner(connection: Connection, partner: str) -> Iterator[None]:
    """What is read inside is what this partner may see: where the database can, it shows no other rows.

    The second wall only: each statement names the partner itself (SQLite has no row-level security).
    """
    with connection.of_partner(partner) if isinstance(connection, PostgresConnection) else guarded():
        yield


def has_table(connection: Connection, name: str) -> bool:
    """Whether there is a table of this name."""
    with guarded():
        statement = _HAS_TABLE[isinstance(connection, PostgresConnection)]
        return connection.execute(statement, (name,)).fetchone() is not None


def many(connection: Connection, statement: str, keys: Sequence[bytes] | Sequence[int], *before: Any) -> list[Any]:
    """The rows that a statement which ends in a column's name gives for any of these values of it, in no order.

    Parameters that the statement has before that are `before`.
    """
    found: list[Any] = []
    with guarded():
        for first in range(0, len(keys), KEYS_AT_ONCE):
            some = keys[first : first + KEYS_AT_ONCE]
            # Few sizes, so that each is prepared once: the last key is asked for again.
            asked = [*some, *[some[-1]] * ((1 << (len(some) - 1).bit_length()) - len(some))]
            found += connection.execute(f"{statement} IN ({', '.join('?' * len(asked))})", (*before, *asked)).fetchall()
    return found


def database_time(connection: Connection) -> float:
    """Seconds since 1970 by the database's clock: the one that all its users share."""
    with guarded():
        return float(connection.execute(_TIME[isinstance(connection, PostgresConnection)]).fetchone()[0])


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """Statements inside, of which nobody reads rows, need not wait for each other."""
    with connection.together() if isinstance(connection, PostgresConnection) else nullcontext():
        yield
