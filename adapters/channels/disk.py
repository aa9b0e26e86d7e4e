"""Files that somebody else may be writing, and files that somebody else may read at any moment.

Guarantees that nothing but a regular file is ever opened (no link, no pipe), that no more than a limit is read of it,
and that what we write appears under its name whole or not at all. OSError goes through: the channel says what it means.
"""

import asyncio
import errno
import hashlib
import os
import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from schemas.errors import Rejected

CHUNK_BYTES = 256 * 1024
FILE_MODE = 0o640
PART = ".part"


def open_regular(path: Path) -> BinaryIO:
    """A regular file, opened for reading.

    Raises:
        Rejected: FILE_UNUSABLE when it is anything else, or may not be read.
        OSError: it is not there (any more), or the machine cannot just now.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM):  # a link, a socket, no permission
            raise
        raise Rejected("FILE_UNUSABLE") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Rejected("FILE_UNUSABLE")
    return os.fdopen(descriptor, "rb")


async def chunks(source: BinaryIO) -> AsyncIterator[bytes]:
    """A file's bytes; others get their turn between two chunks."""
    while chunk := source.read(CHUNK_BYTES):
        yield chunk
        await asyncio.sleep(0)


async def digest_of(path: Path, bytes_max: int) -> str:
    """SHA-256 of a regular file, hex.

    Raises:
        Rejected: FILE_UNUSABLE, or ATTACH_SIZE past `bytes_max`.
        FileNotFoundError: it is not there.
    """
    digest, length = hashlib.sha256(), 0
    with open_regular(path) as source:
        async for chunk in chunks(source):
            length += len(chunk)
            if length > bytes_max:
                raise Rejected("ATTACH_SIZE")
            digest.update(chunk)
    return digest.hexdigest()


def write_whole(path: Path, data: bytes) -> None:
    """`path` holds `data`, durable once its folder is synced; a crash leaves at most `<name>.part`."""
    temporary = path.with_name(path.name + PART)
    try:
        with temporary.open("wb") as sink:
            os.fchmod(sink.fileno(), FILE_MODE)
            sink.write(data)
            sink.flush()
            os.fsync(sink.fileno())
        temporary.rename(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def sync_folder(folder: Path) -> None:
    """What was renamed into `folder` stays there, also after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move_aside(path: Path, folder: Path, name: str) -> None:
    """`path` is `folder/name`. What stood there keeps its content under a name with its time. Gone already: nothing."""
    target = folder / name
    with suppress(FileNotFoundError):
        before = os.lstat(target)
        if os.lstat(path).st_ino != before.st_ino:
            target.rename(folder / f"{name}.{before.st_mtime_ns}")
    with suppress(FileNotFoundError):
        path.rename(target)
