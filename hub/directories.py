"""The key directory as the hub judges by it: each version is a leaf of the log before any message is judged by it.

The hub reads its own repository as any reader does, whole chain and all. A version that does not verify is not used:
the old one stays for as long as it may be relied on, and the hub says that it is not ready. Versions published while
nobody looked are logged too, in order, so that every publication is a leaf.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from hub.cases import suspension
from hub.cases.suspension import AGREEMENTS, SUSPENSIONS, agreement_of
from hub.log.batch import Answer, Batch, Draft, Sealed
from hub.log.writer import LogWriter
from hub.store.tables import SET_META
from keys.directory.client import DirectoryClient, folder_fetch
from keys.directory.directory import Directory
from keys.directory.repository import Repository
from schemas.errors import LiaisonError, Rejected, Unavailable
from service.clock import Clock
from service.failpoints import reach
from service.logs import log

_FILES = "directory_files"


class Directories:
    """The version in use. `current` is set by `open` and then by `fresh`."""

    def __init__(
        self,
        repository: Repository,
        cache: Path,
        writer: LogWriter,
        clock: Clock,
        *,
        look_seconds: float,
        used: Callable[[int], object] = lambda _: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.repository = repository
        self._client = DirectoryClient(repository.root, cache, folder_fetch(repository.folder))
        self._writer = writer
        self._clock = clock
        self._look_seconds = look_seconds
        self._used = used
        self._monotonic = monotonic
        self._looked_at = float("-inf")
        self._seen: tuple[int, int, int] | None = None
        self._lock = asyncio.Lock()
        self._current: Directory | None = None
        self.fault: str | None = None

    def open(self) -> None:
        """Timestamp renewed, directory read and logged. For the start, before the writer runs.

        Raises:
            Rejected: DIRECTORY_INVALID.
            Unavailable: it cannot be read, or the log not written.
        """
        self.repository.renew(self._clock())
        self._seen = self._signature()
        directory = self._read()
        self._writer.commit_now(_published(directory, self.repository.published()))
        self._use(directory)

    @property
    def current(self) -> Directory:
        """The version messages are judged by. Raises Unavailable before `open`."""
        if self._current is None:
            raise Unavailable("BUSY")
        return self._current

    async def fresh(self) -> Directory:
        """The newest version, logged; looks at the disk at most once in `look_seconds`.

        Raises:
            Unavailable: the one in use may not be relied on any more and no newer one can be had.
        """
        now = self._monotonic()
        if now - self._looked_at >= self._look_seconds:
            self._looked_at = now
            if self._signature() != self._seen:
                await self._refresh()
        current = self.current
        if self._clock() >= current.valid_until:
            raise Unavailable("BUSY")
        return current

    async def renew(self) -> None:
        """The directory's timestamp (and snapshot, when due) is signed again, and what follows is logged."""
        self.repository.renew(self._clock())
        await self._refresh()

    async def _refresh(self) -> None:
        async with self._lock:
            seen = self._signature()
            if seen == self._seen:
                return
            try:
                directory = self._read()
                if self._current is None or directory.version != self._current.version:
                    await self._writer.submit(_published(directory, self.repository.published()), leaves=64)
            except LiaisonError as error:
                self.fault = error.code if isinstance(error, Rejected | Unavailable) else "INTERNAL"
                log.error("directory.refused", error, code=self.fault)
                return
            self._seen = seen
            self._use(directory)

    def _read(self) -> Directory:
        """The newest version. One process at a time: each clears away what its version does not need from the cache."""
        with self.repository.still():
            return self._client.refresh(self._clock())

    def _use(self, directory: Directory) -> None:
        if self._current is None or directory.version != self._current.version:
            log.info("directory.used", version=directory.version)
        self._current = directory
        self.fault = None
        self._used(directory.version)

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            found = (self.repository.folder / "metadata" / "timestamp.json").stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns


def _published(directory: Directory, versions: list[tuple[int, str]]) -> Callable[[Batch], Answer[None]]:
    """Every version not yet logged becomes a leaf, and every agreement or suspension that changed."""

    def work(batch: Batch) -> Answer[None]:
        reach("hub.directory.begin")
        rows = batch.connection.execute("SELECT coalesce(max(version), 0) FROM directory_version").fetchone()
        logged: int = rows[0]
        for version, digest in versions:
            if logged < version <= directory.version:
                index = batch.add(Draft("DirectoryPublished", digest=digest, dir=version))
                batch.write("INSERT INTO directory_version (version, idx) VALUES (?, ?)", (version, index))
        stored = batch.connection.execute("SELECT value FROM meta WHERE name = ?", (_FILES,)).fetchone()
        known = set(bytes(stored[0]).decode().split("\n")) if stored else set()
        now = {
            f"{path} {digest}" for path, digest in directory.files.items() if path.startswith((AGREEMENTS, SUSPENSIONS))
        }
        held = frozenset(one.id for one in directory.agreements.values() if one.status == "suspended")
        # Of one agreement, what stands now comes last: a suspension that a newer version has ended goes before that.
        for line in sorted(now - known, key=lambda line: _order(line, held)):
            path, _, digest = line.partition(" ")
            published = path.startswith(AGREEMENTS)
            event = "AgreementPublished" if published else "AgreementSuspended"
            code = suspension.SUSPENDED if published and agreement_of(path) in held else None
            committed = {"value": path}
            index = batch.add(Draft(event, digest=digest, code=code, dir=directory.version, committed=committed))
            suspension.logged(batch, index, path)
        if now != known:
            batch.write(SET_META, (_FILES, "\n".join(sorted(now)).encode()))
        return _done

    return work


def _order(line: str, held: frozenset[str]) -> tuple[bool, str]:
    path = line.partition(" ")[0]
    return path.startswith(AGREEMENTS) is not (agreement_of(path) in held), line


def _done(_: Sealed) -> None:
    return None
