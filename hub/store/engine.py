"""The hub's database: a file of its own (SQLite), or a server that several processes share (PostgreSQL).

One set of tables (`hub.store.tables`) and of statements for both: `?` where a parameter goes, `ON CONFLICT`, nothing
that one of them alone knows. Guarantees that transactions follow one another whichever process begins them, that what
is inside becomes durable together or not at all, and that a database's own errors never leave it: what may pass by
itself is Unavailable(STORE_UNAVAILABLE), what cannot is a Fault.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from hub.store.postgres import SECONDS_MAX, PostgresConnection, open_postgres
from service import sqlite
from service.sqlite import BUSY_TIMEOUT_MS, guarded

T = TypeVar("T")

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
    "aside",
    "database_time",
    "end_unread",
    "guarded",
    "has_table",
    "many",
    "many_of",
    "of_partner",
    "open_engine",
    "snapshot",
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
def transaction(connection: Connection, reading: str = "") -> Iterator[Any]:
    """Everything inside becomes durable together when the block ends, or nothing does. Not to be nested.

    Nothing else is written meanwhile, by whichever process. `reading` is a statement without parameters, whose row is
    given: what a transaction begins with, without another round trip.

    Raises:
        Unavailable: STORE_UNAVAILABLE; nothing was written, unless it was COMMIT that failed: then only the
            database tells what stands.
    """
    if isinstance(connection, PostgresConnection):
        with connection.transaction(reading) as row:
            yield row
    else:
        with sqlite.transaction(connection):
            yield connection.execute(reading).fetchone() if reading else None


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
    return _found(connection, {statement: keys}, before, patient=False)[statement]


def many_of(connection: Connection, wanted: Mapping[str, Sequence[bytes] | Sequence[int]]) -> dict[str, list[Any]]:
    """As `many`, for several statements in one round trip: statement -> rows. Work that runs `aside` waits there."""
    return _found(connection, wanted, (), patient=True)


def _found(
    connection: Connection,
    wanted: Mapping[str, Sequence[bytes] | Sequence[int]],
    before: Sequence[Any],
    *,
    patient: bool,
) -> dict[str, list[Any]]:
    asked = [
        (statement, *_sized(statement, keys[first : first + KEYS_AT_ONCE], before))
        for statement, keys in wanted.items()
        for first in range(0, len(keys), KEYS_AT_ONCE)
    ]
    found: dict[str, list[Any]] = {statement: [] for statement in wanted}
    if not asked:
        return found
    with guarded():
        if isinstance(connection, PostgresConnection):
            cursors: Iterable[Any] = connection.execute_all([one[1:] for one in asked], patient=patient)
        else:
            cursors = (connection.execute(text, given) for _, text, given in asked)
        for (statement, _, _), cursor in zip(asked, cursors, strict=True):
            found[statement] += cursor.fetchall()
    return found


def _sized(statement: str, keys: Sequence[Any], before: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """Few sizes, so that each is prepared once: the last key is asked for again."""
    size = 1 << (len(keys) - 1).bit_length()
    return f"{statement} IN ({', '.join('?' * size)})", (*before, *keys, *[keys[-1]] * (size - len(keys)))


def database_time(connection: Connection) -> float:
    """Seconds since 1970 by the database's clock: the one that all its users share."""
    with guarded():
        return float(connection.execute(_TIME[isinstance(connection, PostgresConnection)]).fetchone()[0])


def end_unread(connection: Connection) -> None:
    """To the end of the transaction nobody reads rows: statements, COMMIT too, need not wait for each other."""
    if isinstance(connection, PostgresConnection):
        connection.end_unread()


async def aside(connection: Connection, work: Callable[[], T]) -> T:
    """The work, of one transaction; where it waits for a server (lock, `many_of`, COMMIT), the event loop goes on.

    What others read until then is read as if it had not begun; a transaction of theirs has it finish first. One piece
    of work at a time. A file does not let it wait.
    """
    return await connection.aside(work) if isinstance(connection, PostgresConnection) else work()
