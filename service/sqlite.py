"""SQLite as every program here opens it: durable, guarded, one writer.

Guarantees WAL with `synchronous=FULL` (NORMAL may lose acknowledged commits when the power fails), foreign keys, and
that SQLite's own errors never leave this module's guards: what may pass by itself (disk full, locked, read error) is
Unavailable(STORE_UNAVAILABLE), what cannot (a constraint, a wrong statement) is a Fault. A failed transaction is rolled
back before the error goes on.

An open waits at most `busy_timeout_ms` for another process's lock: this blocks the event loop, so it is short.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from schemas.errors import Fault, Unavailable

Connection: TypeAlias = sqlite3.Connection
BUSY_TIMEOUT_MS = 500
WAL_CHECKPOINT_PAGES = 16_000
WAL_RETRY_SECONDS = 0.005
STATEMENTS_CACHED = 256
RETRY_AFTER_SECONDS = 2.0


def open_database(path: Path, *, readonly: bool = False, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Connection:
    """A connection in autocommit; `transaction` begins what belongs together. The caller closes it.

    Raises:
        Unavailable: STORE_UNAVAILABLE.
    """
    mode = "ro" if readonly else "rwc"
    with guarded():
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode={mode}",
            uri=True,
            isolation_level=None,
            cached_statements=STATEMENTS_CACHED,
        )
        try:
            connection.execute(f"PRAGMA busy_timeout = {busy_timeout_ms:d}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            if readonly:
                connection.execute("PRAGMA query_only = ON")
            else:
                _write_ahead(connection, busy_timeout_ms)
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_CHECKPOINT_PAGES:d}")
        except sqlite3.Error:
            connection.close()
            raise
    return connection


def _write_ahead(connection: Connection, busy_timeout_ms: int) -> None:
    """A new file's change to WAL does not wait for another process that makes the same: it is asked for again."""
    until = time.monotonic() + busy_timeout_ms / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(WAL_RETRY_SECONDS)
        else:
            return


@contextmanager
def transaction(connection: Connection) -> Iterator[Connection]:
    """Everything inside becomes durable together when the block ends, or nothing does. Not to be nested.

    Raises:
        Unavailable: STORE_UNAVAILABLE; nothing was written. After a failed COMMIT only disk tells what stands.
    """
    with guarded():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite has rolled back by itself after some errors
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            raise


@contextmanager
def guarded() -> Iterator[None]:
    """SQLite's errors inside become ours; use it around bare reads."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError) as error:
        raise Fault("the database refused a statement") from error
    except sqlite3.Error as error:
        raise Unavailable("STORE_UNAVAILABLE", RETRY_AFTER_SECONDS) from error
