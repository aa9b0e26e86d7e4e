"""Spoils copies of a hub's database: one byte of a leaf in one copy, one of a manifest in another.

Works on copies alone and writes to them with plain SQL, as somebody with access to the machine could. The database of
the running hub is copied with SQLite's own backup, so that the copy is whole.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from schemas.errors import Fault


def copy_database(database: Path, copy: Path) -> None:
    """A consistent copy of a database in use."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source, closing(sqlite3.connect(copy)) as to:
        source.backup(to)


def spoil_leaf(database: Path) -> int:
    """Change one bit in the middle of the middle leaf; gives its index."""
    return _spoil(database, "leaf", "bytes", lambda data: len(data) // 2)


def spoil_manifest(database: Path) -> int:
    """Change one bit in a stored message's manifest (its header begins 12 bytes in); gives the message's index."""
    return _spoil(database, "message", "container", lambda _: 12 + 40)


def _spoil(database: Path, table: str, column: str, place: Callable[[bytes], int]) -> int:
    with closing(sqlite3.connect(database)) as connection, connection:
        rows = connection.execute(
            f"SELECT idx, {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY idx"  # noqa: S608 - names above
        ).fetchall()
        if not rows:
            raise Fault(f"there is nothing in {table} to spoil")
        index, data = rows[len(rows) // 2]
        at = place(data)
        spoiled = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE idx = ?", (spoiled, index))  # noqa: S608 - as above
    return int(index)
