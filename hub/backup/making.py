"""A backup, made beside a running hub: whole and durable under its name, or not there.

Guarantees that it is of one moment of the log: all tables are read in one snapshot, and while it is made no part's file
goes (the lease `backup`; `hub.parts` asks for it). Directory files are copied after the snapshot, `timestamp.json`
first, so that they are never older than what the log says and always a chain. It is filled in `TARGET.unfinished`,
its manifest last, and then gets its name. The key file and its passphrase are never in it (ADR 104).

That it was made is a leaf of the log, and its instant a row of `meta` that operators' alerts look at.
"""

import getpass
import os
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import Table

from hub import leases
from hub.backup.manifest import (
    VERSION,
    Manifest,
    copy,
    digest_of,
    durable,
    sync_folders,
    write_manifest,
)
from hub.backup.rows import TABLES, columns, write_rows
from hub.ceremony import LOG_KEYS_FILE, ROOT_FILE
from hub.leases import Lease
from hub.log.batch import Answer, Batch, Draft, Work
from hub.parts import BACKUP_ROLE
from hub.settings import SETTINGS_FILE, HubSettings
from hub.store.engine import Connection, guarded, snapshot
from hub.store.tables import LAYOUT, SET_META
from hub.wiring import OpenLog, open_log, open_tables
from schemas.envelope import format_instant
from schemas.errors import Rejected, Unavailable
from service.clock import Clock, utc_now
from service.failpoints import reach
from service.founding import beside, give_name, holds_something

Advance: TypeAlias = Callable[[int, int | None], None]

BACKUP_AT = "backup_at"
"""Row of `meta`: when the last backup was made, in seconds since 1970."""
LEASE_SECONDS = 120.0
PUBLIC_FILES = (SETTINGS_FILE, ROOT_FILE, LOG_KEYS_FILE)
_HEAD = "SELECT h.size, h.root, c.text FROM head h JOIN checkpoint c ON c.size = h.size"
_TIMESTAMP = "metadata/timestamp.json"


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that lies where it should. `leaf` is the index of the leaf that says so."""

    target: Path
    size: int
    root: str
    digest: str
    files: int
    bytes: int
    parts: int
    made_at: datetime
    leaf: int


def make_backup(
    settings: HubSettings, target: Path, *, clock: Clock = utc_now, advance: Advance = lambda _done, _total: None
) -> Made:
    """A consistent copy of the hub at `target`, which must not be there yet (an empty folder is as good as none).

    Raises:
        FileExistsError: something lies there.
        Rejected: KEY_FILE_INVALID, SECRET_EXPOSED; NOT_FOUND when there is no hub; PART_DIGEST or PART_MISSING when a
            part that lies here is not as it was accepted.
        Unavailable: BUSY while another backup is made; STORE_UNAVAILABLE, also when the disk is full.
    """
    if holds_something(target):
        raise FileExistsError
    making = beside(target)
    with open_log(settings, clock=clock) as opened:
        held = _Held(opened.connection, os.urandom(8).hex())
        held.renew()
        try:
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir(parents=True, mode=0o700)
            filling = _Filling(settings, making, held, advance)
            digest, manifest = filling.fill(opened, clock())
            reach("hub.backup.filled")
            give_name(making, target)
        except OSError as error:
            shutil.rmtree(making, ignore_errors=True)  # what fills the disk must not stay
            raise Unavailable("STORE_UNAVAILABLE") from error
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        finally:
            held.give_back()
        made_at = clock()
        leaf = opened.writer.commit_now(_noted(digest, made_at))
    return Made(
        target, manifest.size, manifest.root, digest, len(manifest.files), manifest.total_bytes, filling.parts,
        made_at, leaf,
    )  # fmt: skip


class _Held:
    """The lease that keeps parts where they are, for as long as it is renewed."""

    def __init__(self, connection: Connection, holder: str) -> None:
        self._connection = connection
        self._holder = holder
        self._lease: Lease | None = None
        self._renewed = float("-inf")

    def renew(self) -> None:
        """It is ours for another while. Raises Unavailable(BUSY) when it is another's, or was lost."""
        now = time.monotonic()
        if now - self._renewed < LEASE_SECONDS / 4:
            return
        found = leases.take(self._connection, BACKUP_ROLE, self._holder, LEASE_SECONDS)
        if found is None or (self._lease is not None and found.epoch != self._lease.epoch):
            raise Unavailable("BUSY", LEASE_SECONDS)
        self._lease, self._renewed = found, now

    def give_back(self) -> None:
        """Parts may go again."""
        if self._lease is not None:
            leases.give_back(self._connection, self._lease)


@dataclass(slots=True)
class _Filling:
    """One backup in the making."""

    settings: HubSettings
    making: Path
    held: _Held
    advance: Advance
    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    parts: int = 0
    done: int = 0

    def fill(self, opened: OpenLog, now: datetime) -> tuple[str, Manifest]:
        """Every file, the manifest last."""
        with closing(open_tables(self.settings, there=True)) as connection, snapshot(connection):
            with guarded():
                size, root, text = connection.execute(_HEAD).fetchone()
                parts = connection.execute("SELECT sha256, length FROM part ORDER BY sha256").fetchall()
            for table in TABLES:
                self._table(connection, table)
        reach("hub.backup.tables_written")
        self._directory()
        for sha256, length in parts:
            self._part(bytes(sha256).hex(), length)
        for name in PUBLIC_FILES:
            self._file(self.settings.folder / name, name)
        sync_folders(self.making)
        reach("hub.backup.before_manifest")
        manifest = Manifest(
            v=VERSION,
            made_at=format_instant(now.replace(microsecond=0)),
            origin=self.settings.origin,
            size=size,
            root=bytes(root).hex(),
            checkpoint=bytes(text).decode(),
            layout=LAYOUT,
            tables={table.name: columns(table) for table in TABLES},
            rows=self.rows,
            files=self.files,
        )
        return write_manifest(self.making, manifest, opened.at_rest), manifest

    def _table(self, connection: Connection, table: Table) -> None:
        path = f"tables/{table.name}.jsonl"

        def told(rows: int) -> None:
            self.done += rows
            self.advance(self.done, None)
            self.held.renew()

        with durable(self.making / path) as sink:
            self.rows[table.name] = write_rows(connection, table, sink, told)
        self.files[path] = digest_of(self.making / path, lambda _: None)

    def _directory(self) -> None:
        folder = self.settings.directory_folder
        self._file(folder / _TIMESTAMP, f"directory/{_TIMESTAMP}")
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and not path.name.startswith(".") and name != _TIMESTAMP:
                self._file(path, f"directory/{name}")

    def _part(self, sha256: str, length: int) -> None:
        try:
            self._file(self.settings.parts_folder / sha256, f"parts/{sha256}")
        except FileNotFoundError:
            raise Rejected("PART_MISSING") from None
        if self.files[f"parts/{sha256}"] != (length, sha256):
            raise Rejected("PART_DIGEST")
        self.parts += 1

    def _file(self, source: Path, path: str) -> None:
        self.files[path] = copy(source, self.making / path)
        self.done += 1
        self.advance(self.done, None)
        self.held.renew()


def _noted(digest: str, at: datetime) -> Work[int]:
    """The leaf that says who made which backup, and the row that alerts look at."""

    def work(batch: Batch) -> Answer[int]:
        index = batch.add(Draft("BackupMade", digest=digest, committed={"actor": getpass.getuser()}))
        batch.write(SET_META, (BACKUP_AT, str(int(at.timestamp())).encode()))
        return lambda _: index

    return work
