"""Files in the clear, named by the SHA-256 of what is in them: written whole or not at all."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from adapters.edge.submission import unfit
from schemas.errors import Unavailable
from schemas.registry import AttachmentRef
from service.failpoints import reach

_CHUNK_BYTES = 256 * 1024


def keep(folder: Path, source: Path, wanted: AttachmentRef) -> None:
    """A file a submission names lies durable in `folder`, once its bytes are those the payload speaks of.

    Raises:
        Unfit: ATTACH_HASH; the file is not there, or another.
        Unavailable: STORE_UNAVAILABLE.
    """
    with suppress(FileNotFoundError):
        os.utime(folder / wanted.sha256)  # here already; young again, so that `sweep` leaves it
        return
    try:
        file = source.open("rb")
    except OSError as error:
        raise unfit("ATTACH_HASH", wanted.path) from error
    with file, placing(folder, wanted.sha256) as sink:
        digest, size = hashlib.sha256(), 0
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += sink.write(chunk)
            if size > wanted.size:
                break
        if size != wanted.size or digest.hexdigest() != wanted.sha256:
            raise unfit("ATTACH_HASH", wanted.path)


@contextmanager
def placing(folder: Path, name: str, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A file to write to, which bears `name` once the block ends well and is gone otherwise.

    Args:
        folder: where.
        name: the file's.
        durable: it must outlive a power cut.

    Raises:
        Unavailable: STORE_UNAVAILABLE.
    """
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".tmp", delete=False) as sink:
            temporary = Path(sink.name)
            yield sink  # type: ignore[misc]  # the wrapper is a binary file in all but name
            sink.flush()
            if durable:
                os.fsync(sink.fileno())
        reach("edge.attachment.written")
        temporary.rename(folder / name)
        temporary = None
        if durable:
            _sync(folder)
    except OSError as error:
        raise Unavailable("STORE_UNAVAILABLE") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def sweep(folder: Path, named: set[str], before: float) -> int:
    """What nothing names any more, and halves of files, are removed once they are old enough. Returns how many.

    Args:
        folder: of files by digest.
        named: the files that are still needed.
        before: files written since then (seconds since 1970) stay: somebody may be about to name them.
    """
    gone = 0
    for path in folder.iterdir():
        if path.name not in named and path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
