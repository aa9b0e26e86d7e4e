"""The hub's tables as files: a JSON array a row, the same whichever database it came from or goes to.

Guarantees that what is written is of one moment (the caller's snapshot), that a row read is the row that was written,
and that no more than a few rows are in memory. Bytes are base64. Left out is what must not come back: who is signed
in, links not yet used, nonces, and who holds which role.
"""

import binascii
import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from sqlalchemy import Boolean, LargeBinary, Table

from hub.store.engine import Connection, guarded
from hub.store.tables import METADATA

LEFT_OUT = frozenset({"lease", "nonce", "session", "sign_in"})
TABLES: tuple[Table, ...] = tuple(table for table in METADATA.sorted_tables if table.name not in LEFT_OUT)
"""Parents before children, for foreign keys are checked at once."""
META_LEFT_OUT = frozenset({"layout", "layout_min", "probe", "backup_at", "restored"})
"""Rows of `meta` that are about the database they stand in."""

LINE_BYTES_MAX = 4 * 1024**2
"""A container is the largest value there is; base64 adds a third."""
_ROWS_AT_ONCE = 512
_LARGE_ROWS_AT_ONCE = {"message": 16, "statement": 32}
_BATCH_BYTES = 4 * 1024**2


def columns(table: Table) -> list[str]:
    """The columns' names, in the order of a row in the file."""
    return [column.name for column in table.columns]


def write_rows(connection: Connection, table: Table, sink: BinaryIO, advance: Callable[[int], None]) -> int:
    """Every row of the table, in the order of its key; returns how many. Inside the caller's snapshot."""
    keys = [column.name for column in table.primary_key.columns]
    places = [columns(table).index(key) for key in keys]
    at_once = _LARGE_ROWS_AT_ONCE.get(table.name, _ROWS_AT_ONCE)
    order, marks = ", ".join(keys), ", ".join("?" * len(keys))
    select = f"SELECT {', '.join(columns(table))} FROM {table.name}"  # noqa: S608 - names of our own tables
    first, later = (
        f"{select} ORDER BY {order} LIMIT ?",
        f"{select} WHERE ({order}) > ({marks}) ORDER BY {order} LIMIT ?",
    )
    written, last = 0, None
    while True:
        with guarded():
            found = (
                connection.execute(first, (at_once,)) if last is None else connection.execute(later, (*last, at_once))
            )
            rows = found.fetchall()
        for row in rows:
            if table.name == "meta" and row[0] in META_LEFT_OUT:
                continue
            sink.write(encode_row(table, row))
            written += 1
        advance(len(rows))
        if len(rows) < at_once:
            return written
        last = [rows[-1][place] for place in places]


def read_rows(connection: Connection, table: Table, source: BinaryIO, advance: Callable[[int], None]) -> int:
    """The file's rows are in the table; returns how many. Inside the caller's transaction. Raises ValueError."""
    insert = f"INSERT INTO {table.name} ({', '.join(columns(table))}) VALUES ({', '.join('?' * len(table.columns))})"  # noqa: S608 - names of our own tables
    total = 0
    for rows in _batches(table, source):
        connection.executemany(insert, rows)
        total += len(rows)
        advance(len(rows))
    return total


def encode_row(table: Table, row: tuple[Any, ...]) -> bytes:
    """A row as a line."""
    values = [
        value
        if value is None
        else binascii.b2a_base64(value, newline=False).decode()
        if isinstance(column.type, LargeBinary)
        else bool(value)
        if isinstance(column.type, Boolean)
        else value
        for column, value in zip(table.columns, row, strict=True)
    ]
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def decode_row(table: Table, line: bytes) -> list[Any]:
    """What `encode_row` was given. Raises ValueError."""
    return [
        value if value is None or not isinstance(column.type, LargeBinary) else binascii.a2b_base64(value)
        for column, value in zip(table.columns, json.loads(line), strict=True)
    ]


def _batches(table: Table, source: BinaryIO) -> Iterator[list[list[Any]]]:
    rows: list[list[Any]] = []
    size = 0
    while line := source.readline(LINE_BYTES_MAX):
        rows.append(decode_row(table, line))
        size += len(line)
        if size >= _BATCH_BYTES or len(rows) >= _ROWS_AT_ONCE:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows
