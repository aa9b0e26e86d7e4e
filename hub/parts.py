"""Detached parts: sealed attachments that travel beside the message, by the SHA-256 of their ciphertext.

Guarantees that a part named in table `part` lies whole and durable in the folder: streamed to a temporary file while
its digest is taken, synced, renamed, its folder synced, and only then the row. A crash before the row leaves a file
nobody knows, which the next upload replaces or `sweep` removes. Never more than one chunk of a part is in memory. One
partner's parts are bounded together by a quota, which holds exactly however many processes take parts: it is judged
again in the transaction that records one. What is only arriving each process bounds for itself (ADR 106).
"""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

from hub.log.batch import Answer, Batch, Sealed
from hub.log.writer import LogWriter
from hub.store.engine import Connection, database_time, guarded, of_partner, transaction
from schemas.errors import Rejected, Unavailable
from service.failpoints import reach

CHUNK_BYTES = 64 * 1024
QUOTA_RETRY_SECONDS = 3600.0
ARRIVING_RETRY_SECONDS = 5.0
BACKUP_ROLE = "backup"
"""While a backup holds this lease no part's file goes: its copy of the tables still names it."""
_TEMPORARY = ".upload"
_IS_COPIED = "SELECT 1 FROM lease WHERE role = ? AND until > ?"
_USED = "SELECT coalesce(sum(length), 0) FROM part WHERE partner = ?"
_IS_KNOWN = "SELECT 1 FROM part WHERE sha256 = ?"
_NEW = (
    "INSERT INTO part (sha256, length, partner, at) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (sha256) DO UPDATE SET at = excluded.at"
)


class Parts:
    """The parts folder and its table."""

    def __init__(
        self, folder: Path, connection: Connection, writer: LogWriter, *, quota_bytes: int, processes: int = 1
    ) -> None:
        self._folder = folder
        self._connection = connection
        self._writer = writer
        self._quota_bytes = quota_bytes
        self._arriving_bytes_max = quota_bytes // processes
        self._arriving: dict[str, int] = {}

    def open(self) -> None:
        """The folder is there."""
        with _disk():
            self._folder.mkdir(mode=0o700, exist_ok=True)

    def path(self, sha256: bytes) -> Path:
        """Where a part lies."""
        return self._folder / sha256.hex()

    def length(self, sha256: bytes) -> int | None:
        """A durable part's length, None when it is not here."""
        with guarded():
            row = self._connection.execute("SELECT length FROM part WHERE sha256 = ?", (sha256,)).fetchone()
        return None if row is None else int(row[0])

    async def take(
        self,
        partner: str,
        sha256: bytes,
        length: int,
        chunks: AsyncIterator[bytes],
        *,
        seconds: int,
        timeout_seconds: float,
    ) -> bool:
        """The part is durable; returns whether it was new.

        Args:
            partner: who uploads it.
            sha256: of the bytes, 32 bytes.
            length: as announced.
            chunks: the bytes.
            seconds: the present instant, since 1970.
            timeout_seconds: for all of it to arrive.

        Raises:
            Rejected: PART_DIGEST when the bytes are others, more or fewer; REQUEST_INVALID when they come too slowly.
            Unavailable: RATE_LIMITED past the quota, or while too much of the partner's arrives; STORE_UNAVAILABLE when
                it cannot be written.
        """
        recorded = _Recorded(self.path(sha256), (sha256, length, partner, seconds), self._quota_bytes)
        if self.length(sha256) is not None:
            await self._writer.submit(recorded, leaves=0)
            return False
        arriving = self._arriving.get(partner, 0)
        if _used(self._connection, partner) + arriving + length > self._quota_bytes:
            raise Unavailable("RATE_LIMITED", QUOTA_RETRY_SECONDS)
        if arriving and arriving + length > self._arriving_bytes_max:
            raise Unavailable("RATE_LIMITED", ARRIVING_RETRY_SECONDS)
        self._arriving[partner] = arriving + length
        try:
            await self._arrived(sha256, length, chunks, timeout_seconds)
            await self._writer.submit(recorded, leaves=0)
        finally:
            self._arriving[partner] -= length
        reach("hub.parts.recorded")
        return True

    async def _arrived(self, sha256: bytes, length: int, chunks: AsyncIterator[bytes], timeout_seconds: float) -> None:
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._write(sha256, length, chunks)
        except TimeoutError as error:
            raise Rejected("REQUEST_INVALID") from error

    async def _write(self, sha256: bytes, length: int, chunks: AsyncIterator[bytes]) -> None:
        digest, written = hashlib.sha256(), 0
        with _disk(), tempfile.NamedTemporaryFile(dir=self._folder, suffix=_TEMPORARY, delete=False) as sink:
            try:
                async for chunk in chunks:
                    written += len(chunk)
                    _same(written <= length)
                    digest.update(chunk)
                    sink.write(chunk)
                _same(written == length and digest.digest() == sha256)
                sink.flush()
                os.fsync(sink.fileno())
                reach("hub.parts.before_rename")
                os.rename(sink.name, self.path(sha256))  # noqa: PTH104 - a name, not a path of ours
            except BaseException:
                with suppress(OSError):
                    os.unlink(sink.name)  # noqa: PTH108 - likewise
                raise
            _sync_folder(self._folder)
            reach("hub.parts.renamed")

    def readable_by(self, partner: str, sha256: bytes) -> bool:
        """Whether an accepted message that names the part is from or to the partner."""
        with of_partner(self._connection, partner):
            row = self._connection.execute(
                "SELECT 1 FROM part_use u JOIN message m ON m.idx = u.idx WHERE u.sha256 = ? AND "
                "(m.source = ? OR EXISTS (SELECT 1 FROM recipient r WHERE r.partner = ? AND r.idx = u.idx)) LIMIT 1",
                (sha256, partner, partner),
            ).fetchone()
        return row is not None

    def read(self, sha256: bytes, start: int, length: int) -> Iterator[bytes]:
        """`length` bytes of a part from `start`, in chunks. Raises Unavailable when the disk fails."""
        with _disk(), self.path(sha256).open("rb") as source:
            source.seek(start)
            while length > 0 and (chunk := source.read(min(CHUNK_BYTES, length))):
                length -= len(chunk)
                yield chunk

    def sweep(self, *, unnamed_before: int, limit: int = 500) -> int:
        """Parts that no message names and that are older go; returns how many. The row first, then the file.

        None goes while a backup is made: next time.
        """
        with transaction(self._connection):
            now = database_time(self._connection)
            if self._connection.execute(_IS_COPIED, (BACKUP_ROLE, now)).fetchone() is not None:
                return 0
            rows = self._connection.execute(
                "SELECT sha256 FROM part WHERE at < ? "
                "AND NOT EXISTS (SELECT 1 FROM part_use u WHERE u.sha256 = part.sha256) LIMIT ?",
                (unnamed_before, limit),
            ).fetchall()
            self._connection.executemany("DELETE FROM part WHERE sha256 = ?", rows)
        with transaction(self._connection):  # nobody records a part meanwhile: one that came again since has its row
            for (sha256,) in rows:
                with suppress(OSError):
                    if self.length(sha256) is None:
                        self.path(sha256).unlink(missing_ok=True)
        return len(rows)

    def sweep_strays(self, *, before: float) -> int:
        """Files without a row, older than this instant, go: crashes before a rename or a row left them."""
        with _disk():
            old = [path for path in self._folder.iterdir() if path.stat().st_mtime < before]
            strays = [path for path in old if self._is_stray(path)]
            if strays:
                with transaction(self._connection):  # nobody records a part meanwhile
                    for path in filter(self._is_stray, strays):
                        path.unlink(missing_ok=True)
        return len(strays)

    def _is_stray(self, path: Path) -> bool:
        if path.suffix == _TEMPORARY:
            return True
        try:
            return self.length(bytes.fromhex(path.name)) is None
        except ValueError:
            return False  # not ours


def _used(connection: Connection, partner: str) -> int:
    """How many bytes of the partner's parts lie here."""
    with guarded():
        row = connection.execute(_USED, (partner,)).fetchone()
    return int(row[0])


def _same(holds: bool) -> None:  # noqa: FBT001 - the one thing it asks
    if not holds:
        raise Rejected("PART_DIGEST")


class _Recorded:
    """The work that writes a part's row, if it is within its partner's quota; the same again makes the part young."""

    def __init__(self, file: Path, row: tuple[bytes, int, str, int], quota_bytes: int) -> None:
        self._file = file
        self._row = row
        self._quota_bytes = quota_bytes

    def __call__(self, batch: Batch) -> Answer[None]:
        if not self._file.exists():
            return _swept
        sha256, length, partner, _ = self._row
        is_known = batch.connection.execute(_IS_KNOWN, (sha256,)).fetchone() is not None
        if not is_known and _used(batch.connection, partner) + length > self._quota_bytes:
            with suppress(OSError):
                self._file.unlink()  # nobody has its row; who uploads the same just now finds it swept
            return _full
        batch.connection.execute(_NEW, self._row)  # at once: the next one of this batch is judged with it
        return _nothing


def _nothing(_: Sealed) -> None:
    return None


def _swept(_: Sealed) -> None:
    """Another process removed the file between its arrival and its row: it is to come again."""
    raise Unavailable("STORE_UNAVAILABLE", 1.0)


def _full(_: Sealed) -> None:
    """Other processes took what was left of the quota while it arrived."""
    raise Unavailable("RATE_LIMITED", QUOTA_RETRY_SECONDS)


class _disk:  # noqa: N801 - used as a `with` word
    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        if isinstance(error, OSError):
            raise Unavailable("STORE_UNAVAILABLE", 2.0) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
