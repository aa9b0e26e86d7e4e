"""The way out: one delivery is `in/<digest>.json`, its attachments in a folder beside it.

Guarantees that `in/<digest>.json` appears last, whole and durable, and that nothing is written while that name lies
in `in/`, `done/` or `rejected/`: the national system moves it, never deletes it, for 30 days (settled.md, Delivery
and edges). A crash before the last rename leaves files without their JSON, which the next try writes anew; after it
the name is there, and the next try finds it.

Deliveries under way at the same time share one sync (docs/adr/0059-deliveries-share-a-sync.md): each writes its files,
then all are synced, then each gets its name, in the order they came. One that is alone waits for nobody.
"""

import asyncio
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from adapters.channels.disk import FILE_MODE, PART, chunks, open_regular, sync_folder, sync_written
from adapters.channels.folder.options import FolderOptions, Folders
from adapters.channels.messages import file_name, message
from adapters.contract import Accepted, Delivery, HandOver, ReceivedFile, Rejection, RetryAfter
from schemas.errors import Fault, Rejected
from service.failpoints import reach
from service.logs import log

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Written:
    """A delivery whose files are written, not yet synced.

    Attributes:
        part: the message, to be named last.
        beside: the folder of its attachments, if it has any.
        named: done once it has its name and that is durable.
    """

    part: Path
    beside: tuple[Path, ...]
    named: "asyncio.Future[None]"

    def remove(self) -> None:
        """Nothing of it is left."""
        for path in (self.part, *self.beside):
            with suppress(OSError):
                _remove(path)


class Outgoing:
    """The deliveries of one channel."""

    def __init__(self, options: FolderOptions, folders: Folders) -> None:
        self._options = options
        self._folders = folders
        self._group: list[_Written] = []

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
        attachments = incoming / delivery.digest
        beside = (attachments,) if delivery.files else ()
        loop = asyncio.get_running_loop()
        written = _Written(incoming / f"{name}{PART}", beside, loop.create_future())
        try:
            if delivery.files:
                _remove(attachments)
                attachments.mkdir()
                for file in delivery.files:
                    await _copy(file, attachments / file_name(file))
            _put(written.part, message(delivery, at=lambda file: f"{delivery.digest}/{file_name(file)}"))
            self._group.append(written)
            if len(self._group) == 1:
                loop.call_soon(self._name_group)  # after whoever is ready to write now
            await written.named
        except BaseException:
            if not (incoming / name).exists():
                written.remove()
            raise

    def _name_group(self) -> None:
        """Every delivery of the group has its name, durable, or its future says why not."""
        group, self._group = [one for one in self._group if not one.named.cancelled()], []
        try:
            sync_written(self._folders.incoming, [path for one in group for path in (one.part, *one.beside)])
            reach("channel.folder.before_name")
            for one in group:
                one.part.rename(one.part.with_suffix(""))
            reach("channel.folder.named")
            sync_folder(self._folders.incoming)
        except Exception as error:  # noqa: BLE001 - each that waits is told, and says what it means
            for one in group:
                one.named.set_exception(error)
            return
        for one in group:
            one.named.set_result(None)


async def _copy(file: ReceivedFile, target: Path) -> None:
    with open_regular(file.path) as source, target.open("wb") as sink:
        os.fchmod(sink.fileno(), FILE_MODE)
        async for chunk in chunks(source):
            sink.write(chunk)


def _put(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as sink:
        sink.write(data)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
