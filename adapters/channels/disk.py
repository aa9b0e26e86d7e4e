"""Files that somebody else may be writing, and files that somebody else may read at any moment.

Guarantees that nothing but a regular file is ever opened for reading (no link, no pipe), and that no more than a limit
is read of it. OSError goes through: the channel says what it means.
"""

import asyncio
import ctypes
import errno
import hashlib
import os
import stat
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from schemas.errors import Rejected

CHUNK_BYTES = 256 * 1024
FILE_MODE = 0o640
PART = ".part"


def _found_syncfs() -> Callable[[int], int] | None:
    if sys.platform != "linux":
        return None
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    return found


_syncfs = _found_syncfs()


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


def sync_written(folder: Path, paths: Iterable[Path]) -> None:
    """What was written to `paths`, in and below `folder`, is durable, where a path is there.

    On Linux one call for all of them, and for whatever else is unwritten on that file system; it reports what could not
    be written since 5.8. Elsewhere file by file. Raises OSError.
    """
    if _syncfs is None:
        sync_each(paths)
        return
    with _opened_folder(folder) as descriptor:
        if _syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), "the file system was not synced")


def sync_each(paths: Iterable[Path]) -> None:
    """Files, and folders of files, one by one; what is not there is left out. Raises OSError."""
    for path in paths:
        if path.is_dir():
            sync_each(path.iterdir())
            sync_folder(path)
        elif path.exists():
            with path.open("rb") as written:
                os.fsync(written.fileno())


def sync_folder(folder: Path) -> None:
    """What was renamed into `folder` stays there, also after a power cut."""
    with _opened_folder(folder) as descriptor:
        os.fsync(descriptor)


@contextmanager
def _opened_folder(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
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
