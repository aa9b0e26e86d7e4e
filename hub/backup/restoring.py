"""A hub made of a backup: a new data directory and an empty database, either of the two, whatever it was before.

Guarantees that nothing has its name before all of it is proved (`hub.backup.proof`): the database's rows and their
proof are one transaction, the data directory is filled in `DIR.unfinished`, its settings file last, and gets its name
after the commit. A crash before the commit leaves an empty database; one after it a database that holds exactly this
backup, which the same command proves again and goes on from. What is there already is never written over.

A backup is older than the log was. With a checkpoint that somebody else holds the restore refuses one that lacks what
was signed since; and a restored hub's next leaf is `LogRestored`, so that it cannot go on unnoticed (ADR 104).
"""

import shutil
import time
import tomllib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from hub.backup.manifest import INVALID, MANIFEST, Manifest, check_files, copy, durable, read_manifest, sync_folders
from hub.backup.proof import prove
from hub.backup.rows import TABLES, columns, read_rows
from hub.ceremony import LOG_KEYS_FILE, ROOT_FILE
from hub.log.restored import GET_META, RESTORED
from hub.settings import SETTINGS_FILE, HubSettings
from hub.store import tables
from hub.store.engine import Connection, guarded, open_engine, transaction
from hub.store.tables import SET_META
from keys.at_rest import AtRest
from keys.custody import read_keyring, read_passphrase
from keys.proofs.checkpoint import Checkpoint, LogPublic, LogSigner
from schemas.envelope import parse_instant
from schemas.errors import Fault, Rejected, Unavailable
from service.failpoints import reach
from service.founding import beside, give_name, holds_something, settings_text

Advance: TypeAlias = Callable[[int, int | None], None]

CHECKPOINT_BYTES_MAX = 64 * 1024
COMMAND_SECONDS_MAX = 600.0
"""A restore has the database for itself."""
_ENGINE = ("database_url", "database_password_file")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a backup is restored to. Without `database_url` the database is a file in `folder`.

    `keys` is a folder with the key file and, unless the settings name another place, its passphrase.
    """

    folder: Path
    keys: Path
    database_url: str = ""
    database_password_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored and proved. Loading begins with the check of every file."""

    folder: Path
    made_at: str
    origin: str
    size: int
    root: str
    digest: str
    rows: int
    parts: int
    seen: int | None
    load_seconds: float
    proof_seconds: float


def restore(
    backup: Path, target: Target, *, checkpoint: Path | None = None, advance: Advance = lambda _done, _total: None
) -> Restored:
    """The backup's hub, proved, at `target`.

    Args:
        backup: as `liaison hub backup` made it.
        target: the data directory must not be there yet (an empty folder is as good as none), the database is empty.
        checkpoint: a file with a signed state of the log that an edge, auditor or witness holds.
        advance: told how far it is.

    Raises:
        FileExistsError: there is something already.
        Rejected: BACKUP_INVALID with the file, or the table and index, at fault; NOT_FOUND with the
            file that is missing, the manifest where a backup was never finished; LOG_BEHIND when the checkpoint is
            newer than the backup, LOG_INCONSISTENT when it is of another log, CHECKPOINT_INVALID when it is not signed
            by this one; MIGRATION_NEEDED when the backup, or the database, is of another release; KEY_FILE_INVALID,
            SECRET_EXPOSED.
        Unavailable: STORE_UNAVAILABLE, also when the disk is full.
    """
    if holds_something(target.folder):
        raise FileExistsError
    try:
        return _Restore(backup, target, checkpoint, advance).run()
    except FileExistsError:
        raise
    except OSError as error:
        raise Unavailable("STORE_UNAVAILABLE") from error


class _Restore:
    """One restore."""

    def __init__(self, backup: Path, target: Target, checkpoint: Path | None, advance: Advance) -> None:
        self.backup = backup
        self.target = target
        self.making = beside(target.folder)
        self.checkpoint = checkpoint
        self.advance = advance
        self.done = 0

    def run(self) -> Restored:
        """All of it, in an order in which a crash leaves nothing that looks whole."""
        begun = time.monotonic()
        if not (self.backup / MANIFEST).exists():
            raise Rejected("NOT_FOUND", f"/{MANIFEST}")
        given = self._settings()
        settings = HubSettings.load(None, folder=self.target.keys, **given)
        secrets = read_keyring(settings.keyring, read_passphrase(settings.secrets))
        at_rest = AtRest(secrets["at_rest"], secrets["index"])
        manifest, digest = read_manifest(self.backup, at_rest)
        self._check(manifest, settings)
        public = LogSigner(settings.origin, secrets["log.ed25519"], secrets["log.mldsa44"]).public
        seen = self._seen(manifest, public)
        shutil.rmtree(self.making, ignore_errors=True)
        try:
            self._fill(manifest, settings)
            with closing(self._opened()) as connection, transaction(connection):
                self._load(connection, manifest, digest)
                loaded = time.monotonic()
                made_at = parse_instant(manifest.made_at)
                found = prove(connection, at_rest, public, seen, self._told, made_at=made_at)
                _same(found, (manifest.size, manifest.root))
                proved = time.monotonic()
                reach("hub.restore.before_commit")
            reach("hub.restore.committed")
        except BaseException:
            shutil.rmtree(self.making, ignore_errors=True)  # what fills the disk must not stay
            raise
        with durable(self.making / SETTINGS_FILE) as sink:
            sink.write(settings_text(given | self._engine(), "hub/settings.py").encode())
        sync_folders(self.making)
        reach("hub.restore.filled")
        give_name(self.making, self.target.folder)
        return Restored(
            folder=self.target.folder,
            made_at=manifest.made_at,
            origin=manifest.origin,
            size=manifest.size,
            root=manifest.root,
            digest=digest,
            rows=sum(manifest.rows.values()),
            parts=sum(path.startswith("parts/") for path in manifest.files),
            seen=None if seen is None else seen.size,
            load_seconds=round(loaded - begun, 1),
            proof_seconds=round(proved - loaded, 1),
        )

    def _settings(self) -> dict[str, Any]:
        """The backup's settings but for the database; not yet known to be authentic."""
        try:
            given = tomllib.loads((self.backup / SETTINGS_FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise Rejected("NOT_FOUND", f"/{SETTINGS_FILE}") from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError):
            raise Rejected(INVALID, f"/{SETTINGS_FILE}") from None
        return {name: value for name, value in given.items() if name not in _ENGINE}

    def _engine(self) -> dict[str, str]:
        found = {"database_url": self.target.database_url}
        if self.target.database_password_file is not None:
            found["database_password_file"] = str(self.target.database_password_file.absolute())
        return {name: value for name, value in found.items() if value}

    def _check(self, manifest: Manifest, settings: HubSettings) -> None:
        check_files(self.backup, manifest, self._told)
        if manifest.layout != tables.LAYOUT or manifest.tables != {table.name: columns(table) for table in TABLES}:
            raise Rejected("MIGRATION_NEEDED")
        if manifest.origin != settings.origin:
            raise Rejected(INVALID, f"/{SETTINGS_FILE}")

    def _seen(self, manifest: Manifest, public: LogPublic) -> Checkpoint | None:
        """What somebody else has seen of this log; refused at once when the backup ends before."""
        if self.checkpoint is None:
            return None
        with self.checkpoint.open("rb") as source:
            found = public.verify(source.read(CHECKPOINT_BYTES_MAX))
        if found.size > manifest.size:
            raise Rejected("LOG_BEHIND")
        return found

    def _fill(self, manifest: Manifest, settings: HubSettings) -> None:
        self.making.mkdir(parents=True, mode=0o700)
        (self.making / "parts").mkdir(mode=0o700)
        for path in manifest.files:
            if path.startswith(("directory/", "parts/")) or path in {ROOT_FILE, LOG_KEYS_FILE}:
                copy(self.backup / path, self.making / path)
        copy(settings.keyring, self.making / "keyring")
        if settings.passphrase_file is None:
            copy(settings.secrets, self.making / "secrets")

    def _opened(self) -> Connection:
        """The database, with tables of this release."""
        file, target = self.making / "hub.db", self.target
        connection = open_engine(
            file, target.database_url, target.database_password_file, seconds_max=COMMAND_SECONDS_MAX
        )
        try:
            if not target.database_url:
                file.chmod(0o600)
                tables.create(connection)
            tables.check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _load(self, connection: Connection, manifest: Manifest, digest: str) -> None:
        """The rows are there; those of an earlier try whose commit it lived to see stay."""
        found = connection.execute(GET_META, (RESTORED,)).fetchone()
        if found is not None and bytes(found[0]) == digest.encode():
            return
        for table in TABLES:
            if table.name != "meta" and connection.execute(f"SELECT 1 FROM {table.name} LIMIT 1").fetchone():  # noqa: S608 - names of our own tables
                raise FileExistsError
        if connection.execute(GET_META, ("origin",)).fetchone() is not None:
            raise FileExistsError
        for table in TABLES:
            path = f"tables/{table.name}.jsonl"
            try:
                with guarded(), (self.backup / path).open("rb") as source:
                    rows = read_rows(connection, table, source, self._told)
            except (ValueError, Fault) as error:  # a Fault: rows that belong to others are not there
                raise Rejected(INVALID, f"/{path}") from error
            if rows != manifest.rows[table.name]:
                raise Rejected(INVALID, f"/{path}")
        connection.execute(SET_META, (RESTORED, digest.encode()))
        reach("hub.restore.loaded")

    def _told(self, more: int) -> None:
        self.done += more
        self.advance(self.done, None)


def _same(proved: tuple[int, str], said: tuple[int, str]) -> None:
    if proved != said:
        raise Rejected(INVALID, "/manifest.json")
