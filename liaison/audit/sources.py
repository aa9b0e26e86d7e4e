"""Where an auditor finds a log: a hub's database file, a directory of C2SP tiles, or the URL of one.

Reads and never writes. Guarantees one consistent state a source (a database is read in one transaction; tiles never
change once full) and bounded memory. Judges nothing: what it gives may be forged, `liaison.audit.verification` decides.
Opens SQLite and HTTP itself rather than through `service`, so that it runs where no hub and no edge is installed; the
tables are those of docs/audit-tables.md.
"""

import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from keys.proofs.checkpoint import CHECKPOINT_BYTES_MAX, read_checkpoint
from keys.proofs.merkle import HASH_BYTES
from schemas.errors import Rejected, Unavailable

TILE_WIDTH = 256
ENTRIES_BYTES_MAX = TILE_WIDTH * (2 + 65_535)
FETCH_SECONDS = 30
_ROWS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class StoredLeaf:
    """What a source holds for one index. `data` is None where only hashes are published, `hash` where only leaves."""

    index: int
    data: bytes | None
    hash: bytes | None


class Source(Protocol):
    """A log as somebody stored it. Missing things are None or simply not given; an unreadable source raises."""

    where: str

    def head(self) -> bytes:
        """The newest checkpoint's text. Raises Rejected(CHECKPOINT_INVALID) when there is none."""

    def checkpoints(self) -> Iterator[bytes]:
        """Every checkpoint kept, in rising order of size, the head last."""

    def leaves(self) -> Iterator[StoredLeaf]:
        """Every leaf kept, in rising order of index."""

    def leaf(self, index: int) -> StoredLeaf | None:
        """One leaf."""

    def tile(self, level: int, number: int, width: int) -> bytes | None:
        """A hash tile, `width` hashes of 32 bytes."""

    def containers(self) -> Iterator[tuple[int, bytes]]:
        """Every container still kept, with the index of its acceptance."""

    def close(self) -> None:
        """Let go of the source."""


def open_source(where: str) -> Source:
    """The source at a path or URL; the caller closes it.

    Raises:
        Rejected: NOT_FOUND when there is nothing of the kind there.
        Unavailable: it cannot be read.
    """
    if where.startswith(("http://", "https://")):
        return TilesURL(where)
    path = Path(where)
    if path.is_dir():
        return TilesDirectory(path)
    if path.is_file():
        return Database(path)
    raise Rejected("NOT_FOUND")


class Database:
    """A hub's SQLite file, also of a running hub."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._connection = _open_readonly(path)

    def head(self) -> bytes:
        """The newest checkpoint."""
        row = self._row("SELECT text FROM checkpoint ORDER BY size DESC LIMIT 1")
        if row is None:
            raise Rejected("CHECKPOINT_INVALID")
        return _bytes(row[0])

    def checkpoints(self) -> Iterator[bytes]:
        """Every checkpoint, smallest first."""
        for (text,) in self._rows("SELECT text FROM checkpoint ORDER BY size"):
            yield _bytes(text)

    def leaves(self) -> Iterator[StoredLeaf]:
        """Every leaf in order."""
        for index, data, hash_ in self._rows("SELECT idx, bytes, hash FROM leaf ORDER BY idx"):
            yield StoredLeaf(index, _bytes(data), _bytes(hash_))

    def leaf(self, index: int) -> StoredLeaf | None:
        """One leaf."""
        row = self._row("SELECT bytes, hash FROM leaf WHERE idx = ?", index)
        return None if row is None else StoredLeaf(index, _bytes(row[0]), _bytes(row[1]))

    def tile(self, level: int, number: int, width: int) -> bytes | None:
        """One hash tile."""
        row = self._row("SELECT bytes FROM tile WHERE level = ? AND idx = ?", level, number)
        return None if row is None else _bytes(row[0])[: width * HASH_BYTES]

    def containers(self) -> Iterator[tuple[int, bytes]]:
        """Containers not yet purged."""
        for index, container in self._rows(
            "SELECT idx, container FROM message WHERE container IS NOT NULL ORDER BY idx"
        ):
            yield index, _bytes(container)

    def close(self) -> None:
        """End the read transaction."""
        self._connection.close()

    def _row(self, statement: str, *values: int) -> tuple[Any, ...] | None:
        return next(self._rows(statement, *values), None)

    def _rows(self, statement: str, *values: int) -> Iterator[tuple[Any, ...]]:
        try:
            cursor = self._connection.execute(statement, values)
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                yield from rows
        except sqlite3.Error as error:
            raise Unavailable("STORE_UNAVAILABLE") from error


class Tiles:
    """A log as C2SP tlog-tiles lays it out; how one file is had is for the subclass."""

    where: str

    def head(self) -> bytes:
        """The newest checkpoint."""
        text = self._fetch("checkpoint", CHECKPOINT_BYTES_MAX)
        if text is None:
            raise Rejected("CHECKPOINT_INVALID")
        return text

    def checkpoints(self) -> Iterator[bytes]:
        """The newest checkpoint: tiles keep no other."""
        yield self.head()

    def leaves(self) -> Iterator[StoredLeaf]:
        """Every leaf in order."""
        _, size, _ = read_checkpoint(self.head())
        for number in range((size + TILE_WIDTH - 1) // TILE_WIDTH):
            bundle = list(self._bundle(number, min(TILE_WIDTH, size - number * TILE_WIDTH)))
            if not bundle:
                return  # an unsigned size may be any number: nothing is fetched past the first gap
            yield from bundle

    def leaf(self, index: int) -> StoredLeaf | None:
        """One leaf."""
        _, size, _ = read_checkpoint(self.head())
        number = index // TILE_WIDTH
        bundle = self._bundle(number, min(TILE_WIDTH, size - number * TILE_WIDTH))
        return next((leaf for leaf in bundle if leaf.index == index), None)

    def tile(self, level: int, number: int, width: int) -> bytes | None:
        """One hash tile."""
        return self._fetch(tile_path(str(level), number, width), TILE_WIDTH * HASH_BYTES)

    def containers(self) -> Iterator[tuple[int, bytes]]:
        """None: tiles hold the log alone."""
        return iter(())

    def close(self) -> None:
        """Nothing is held open between reads."""

    def _bundle(self, number: int, width: int) -> Iterator[StoredLeaf]:
        entries = self._fetch(tile_path("entries", number, width), ENTRIES_BYTES_MAX)
        hashes = self.tile(0, number, width)
        if entries is None and hashes is None:
            return
        hashes = hashes or b""
        at = 0
        for offset in range(width):
            data: bytes | None = None
            if entries is not None:
                length = int.from_bytes(entries[at : at + 2], "big")
                data = entries[at + 2 : at + 2 + length]
                if at + 2 + length > len(entries):
                    return  # cut off: the missing indices are reported as such
                at += 2 + length
            hash_ = hashes[offset * HASH_BYTES : (offset + 1) * HASH_BYTES]
            yield StoredLeaf(number * TILE_WIDTH + offset, data, hash_ if len(hash_) == HASH_BYTES else None)

    def _fetch(self, path: str, bytes_max: int) -> bytes | None:
        raise NotImplementedError


class TilesDirectory(Tiles):
    """Tiles in a directory, for instance an archive brought on a disk."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._path = path

    def _fetch(self, path: str, bytes_max: int) -> bytes | None:
        try:
            with (self._path / path).open("rb") as file:
                found = file.read(bytes_max + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable("STORE_UNAVAILABLE") from error
        return _bounded(found, bytes_max)


class TilesURL(Tiles):
    """Tiles of a running hub: `https://HUB/audit/YEAR`. Its entries are for auditors; hash tiles are open."""

    def __init__(self, url: str) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise Rejected("NOT_FOUND")
        self.where = url
        self._url = url.rstrip("/")
        self._head: bytes | None = None

    def head(self) -> bytes:
        """The newest checkpoint."""
        if self._head is None:  # one state for the whole run, though the hub's log grows meanwhile
            self._head = super().head()
        return self._head

    def _fetch(self, path: str, bytes_max: int) -> bytes | None:
        try:
            with urllib.request.urlopen(f"{self._url}/{path}", timeout=FETCH_SECONDS) as answer:  # noqa: S310 - scheme checked above
                found: bytes = answer.read(bytes_max + 1)
        except urllib.error.HTTPError as error:
            if error.code in {401, 403, 404}:
                return None
            raise Unavailable("BUSY") from error
        except OSError as error:
            raise Unavailable("BUSY") from error
        return _bounded(found, bytes_max)


def tile_path(level: str, number: int, width: int) -> str:
    """The path of a tile below the log's root: `tile/0/x001/067`, partial ones with `.p/WIDTH` (tlog-tiles)."""
    digits = f"{number % 1000:03d}"
    number //= 1000
    while number:
        digits = f"x{number % 1000:03d}/{digits}"
        number //= 1000
    return f"tile/{level}/{digits}" + ("" if width == TILE_WIDTH else f".p/{width}")


def _open_readonly(path: Path) -> sqlite3.Connection:
    """Open one read transaction. A copy in a folder that cannot be written to is read as it lies (immutable)."""
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        try:
            connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{mode}", uri=True, isolation_level=None)
        except sqlite3.OperationalError:
            continue
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM (SELECT idx FROM leaf LIMIT 1)").fetchone()
        except sqlite3.DatabaseError as error:
            connection.close()
            if "no such table" in str(error):
                raise Rejected("NOT_FOUND") from error
            continue
        return connection
    raise Unavailable("STORE_UNAVAILABLE")


def _bytes(value: object) -> bytes:
    """A column as bytes; one of another type was not written by a hub and so differs from anything signed."""
    return value if isinstance(value, bytes) else str(value).encode()


def _bounded(found: bytes, bytes_max: int) -> bytes:
    if len(found) > bytes_max:
        raise Rejected("CONTAINER_LIMIT")
    return found
