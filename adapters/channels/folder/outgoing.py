"""The way out: one delivery is `in/<digest>.json`, its receipt and its attachments beside it.

Guarantees that `in/<digest>.json` appears last, whole and durable, and that nothing is written while that name lies
in `in/`, `done/` or `rejected/`: the national system moves it, never deletes it, for 30 days (settled.md, Delivery
and edges). A crash before the last rename leaves files without their JSON, which the next try writes anew; after it the
name is there, and the next try finds it.
"""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from adapters.channels.disk import FILE_MODE, PART, chunks, open_regular, sync_folder, write_whole
from adapters.channels.folder.options import FolderOptions, Folders
from adapters.channels.messages import file_name, message
from adapters.contract import Accepted, Delivery, HandOver, ReceivedFile, Rejection, RetryAfter
from schemas.errors import Fault, Rejected
from service.failpoints import reach
from service.logs import log

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Outgoing:
    """The deliveries of one channel."""

    def __init__(self, options: FolderOptions, folders: Folders) -> None:
        self._options = options
        self._folders = folders

    def clean(self) -> None:
        """What a crash left half-written is gone. Raises OSError."""
        for left in self._folders.incoming.glob(f"*{PART}"):
            if _DIGEST.match(left.name):
                _remove(left)

    async def hand_over(self, delivery: Delivery) -> HandOver:
        """The delivery lies in `in/`, or lay there before."""
        if _DIGEST.fullmatch(delivery.digest) is None:
            raise Fault("a delivery is named by a digest")
        name = f"{delivery.digest}.json"
        try:
            if (self._folders.rejected / name).exists():
                return Rejection()
            if any((folder / name).exists() for folder in (self._folders.incoming, self._folders.handled)):
                return Accepted()
            await self._write(delivery, name)
        except (OSError, Rejected) as error:  # a spooled file that is gone is written again by the edge
            log.warning("channel.folder.not_written", state=type(error).__name__)
            return RetryAfter(self._options.retry_seconds)
        return Accepted()

    async def _write(self, delivery: Delivery, name: str) -> None:
        incoming = self._folders.incoming
        final = incoming / delivery.digest
        if delivery.files:
            part = incoming / f"{delivery.digest}{PART}"
            try:
                _remove(part)
                part.mkdir()
                for file in delivery.files:
                    await _copy(file, part / file_name(file))
                sync_folder(part)
                _remove(final)
                part.rename(final)
            except BaseException:
                with suppress(OSError):
                    _remove(part)
                raise
        receipt = incoming / f"{delivery.digest}.receipt"
        try:
            write_whole(receipt, delivery.receipt)
            reach("channel.folder.before_name")
            content = message(delivery, at=lambda file: f"{delivery.digest}/{file_name(file)}", receipt_at=receipt.name)
            write_whole(incoming / name, content)
        except OSError:
            for left in (receipt, final):
                with suppress(OSError):
                    _remove(left)
            raise
        reach("channel.folder.named")
        sync_folder(incoming)


async def _copy(file: ReceivedFile, target: Path) -> None:
    with open_regular(file.path) as source, target.open("wb") as sink:
        os.fchmod(sink.fileno(), FILE_MODE)
        async for chunk in chunks(source):
            sink.write(chunk)
        sink.flush()
        os.fsync(sink.fileno())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
