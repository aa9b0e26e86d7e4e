"""Attachments that the national system uploads ahead of the submission that names them.

Guarantees that a file here has the digest it is named by, that all together are bounded, and that each goes after
`staged_hours`: the edge has copied what it keeps by the time it says `Taken`, and a repeat of that submission needs the
file again for as long as it may sensibly come.
"""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from schemas.errors import Rejected, Unavailable
from service.clock import utc_now

UPLOAD = ".upload"
FULL_RETRY_SECONDS = 600.0


class Staging:
    """The folder of uploaded attachments."""

    def __init__(self, folder: Path, *, bytes_max: int, hours: int) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._seconds = hours * 3600
        self._uploading = 0

    def open(self) -> None:
        """The folder is there, without what a crash left half-written. Raises Unavailable."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for left in self._folder.glob(f"*{UPLOAD}"):
                left.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable("STORE_UNAVAILABLE") from error

    def find(self, sha256: str) -> Path | None:
        """Where an attachment lies, None when it is not here."""
        path = self._folder / sha256
        return path if path.is_file() else None

    async def take(self, sha256: str, length: int, chunks: AsyncIterator[bytes], *, seconds: float) -> bool:
        """The attachment lies here; returns whether it is new.

        Args:
            sha256: of its bytes, hex.
            length: as announced.
            chunks: the bytes.
            seconds: for all of them.

        Raises:
            Rejected: ATTACH_HASH; REQUEST_INVALID when it takes too long.
            Unavailable: STORE_UNAVAILABLE, also when the folder is full.
        """
        if self.find(sha256) is not None:
            with suppress(OSError):
                os.utime(self._folder / sha256)
            return False
        if self._used() + self._uploading + length > self._bytes_max:
            raise Unavailable("STORE_UNAVAILABLE", FULL_RETRY_SECONDS)
        self._uploading += length
        try:
            async with asyncio.timeout(seconds):
                await self._write(sha256, length, chunks)
        except TimeoutError as error:
            raise Rejected("REQUEST_INVALID") from error
        except OSError as error:
            raise Unavailable("STORE_UNAVAILABLE") from error
        finally:
            self._uploading -= length
        return True

    async def _write(self, sha256: str, length: int, chunks: AsyncIterator[bytes]) -> None:
        digest, written = hashlib.sha256(), 0
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=UPLOAD, delete=False) as sink:
            try:
                async for chunk in chunks:
                    written += len(chunk)
                    _same(written <= length)
                    digest.update(chunk)
                    sink.write(chunk)
                _same(written == length and digest.hexdigest() == sha256)
                sink.flush()
                os.fsync(sink.fileno())
                os.rename(sink.name, self._folder / sha256)  # noqa: PTH104 - a name, not a path of ours
            except BaseException:
                with suppress(OSError):
                    os.unlink(sink.name)  # noqa: PTH108 - likewise
                raise

    def _used(self) -> int:
        """Bytes here, once what is too old has gone."""
        before, total = utc_now().timestamp() - self._seconds, 0
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):
                about = path.stat()
                if path.suffix == UPLOAD:
                    continue  # counted as announced
                if about.st_mtime < before:
                    path.unlink()
                else:
                    total += about.st_size
        return total


def _same(condition: bool) -> None:  # noqa: FBT001 - reads as a sentence where it is used
    if not condition:
        raise Rejected("ATTACH_HASH")
