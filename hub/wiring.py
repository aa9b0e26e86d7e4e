"""The hub as one object: what its routes and background tasks share. Made by `open_hub`, ended by `close`.

Holds the log's signing key, the directory's online keys, the at-rest key and the request key; no key that opens a
message.
"""

import asyncio
import os
import secrets as randomness
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from hub.broker.contract import Broker
from hub.broker.opening import open_broker
from hub.directories import Directories
from hub.log.highwater import HighWater
from hub.log.restored import log_restored
from hub.log.writer import LogWriter
from hub.metrics import Metrics
from hub.nonces import SharedNonces
from hub.parts import Parts
from hub.rates import Rates
from hub.settings import SETTINGS_FILE, HubSettings
from hub.store import tables
from hub.store.engine import BUSY_TIMEOUT_MS, Connection, open_engine
from hub.store.reading import Reader
from hub.witness import Witness
from keys.at_rest import AtRest
from keys.custody import read_keyring, read_passphrase
from keys.directory.records import HubRecord
from keys.directory.repository import Repository
from keys.proofs.checkpoint import LogSigner
from keys.requests import FRESH, MemoryNonces, NonceStore, verify_request
from keys.suite import RequestKey
from schemas.errors import Fault, Rejected
from service.clock import Clock
from service.tracing import Tracing, open_tracing

COMMAND_BUSY_TIMEOUT_MS = 10_000
"""A command may wait longer for the database than a hub, whose loop it would stop.

Processes that share a file wait for each other as they do on a server.
"""

_CHANCE = randomness.SystemRandom().random


@dataclass(slots=True)
class Hub:
    """A running hub's parts. `connection` is the only one that writes; `reader` reads over it.

    `chance` gives numbers evenly distributed between 0 and 1. Setting `look` makes delivery look at all its lanes at
    once; `ending` is true once the program has been told to end: nothing waits for news any more.
    """

    settings: HubSettings
    clock: Clock
    monotonic: Callable[[], float]
    connection: Connection
    at_rest: AtRest
    signer: LogSigner
    writer: LogWriter
    high_water: HighWater
    reader: Reader
    directories: Directories
    parts: Parts
    metrics: Metrics
    request_key: RequestKey
    nonces: NonceStore
    failures: Rates
    quotas: Rates
    requests: Rates
    broker: Broker
    witness: Witness
    chance: Callable[[], float]
    tracing: Tracing = field(default_factory=Tracing)
    look: asyncio.Event = field(default_factory=asyncio.Event)
    ending: bool = False

    @property
    def roles(self) -> frozenset[str]:
        """What this process does."""
        return frozenset(self.settings.roles.split(","))

    def caller(self, method: str, target: str, headers: Mapping[str, str], body_sha256: bytes | None = None) -> str:
        """The partner that signed this request.

        Args:
            method: upper case.
            target: path and query as received; the address before it is our own.
            headers: as received.
            body_sha256: of the body; None without one.

        Raises:
            Rejected: REQUEST_UNSIGNED, KEY_UNKNOWN, KEY_INACTIVE.
        """
        now, directory, partners = self.clock(), self.directories.current, []

        def key_of(key_id: str) -> bytes:
            partner, public = directory.request_key(key_id, now)
            partners.append(partner)
            return public

        verify_request(
            method,
            self.settings.url.rstrip("/") + target,
            headers,
            key_of=key_of,
            body_sha256=body_sha256,
            now=now,
            nonces=self.nonces,
        )
        self.witness.seen(now - FRESH)  # its signature was made within this of our own clock
        return partners[0]

    def end(self) -> None:
        """Whoever waits for news is answered now. Call in the event loop."""
        self.ending = True
        self.writer.wake_waiters()

    def close(self) -> None:
        """Let go of the database, and send what is traced. Call after the writer's task has ended."""
        self.connection.close()
        self.tracing.close()


def open_hub(
    settings: HubSettings,
    *,
    clock: Clock | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    chance: Callable[[], float] = _CHANCE,
) -> Hub:
    """The hub of a data directory made by `hub.ceremony.initialise`: database checked, log and directory loaded.

    Raises:
        Rejected: KEY_FILE_INVALID, SECRET_EXPOSED, DIRECTORY_INVALID; TEST_NOT_ALLOWED, its clock is ahead and
            the directory knows partners that are no tests; LOG_BEHIND, LOG_INCONSISTENT, CHECKPOINT_INVALID, as
            `HighWater.check`.
        Unavailable: the database or directory cannot be read or written.
        Fault: the keys are not those of this log or directory.
    """
    _check_whole(settings)
    os.umask(0o077)
    clock = clock or settings.clock
    secrets = read_keyring(settings.keyring, read_passphrase(settings.secrets))
    at_rest, signer = _keys(settings, secrets)
    request_key = RequestKey.from_seed(secrets["request"])
    repository = Repository(settings.directory_folder, secrets)
    part = 1 / settings.processes
    _check_clock(settings, repository)
    metrics = Metrics()
    tracing = open_tracing("liaison-hub", settings.otlp_endpoint, settings.trace_share)
    connection = open_tables(settings)
    try:
        writer = LogWriter(connection, signer, at_rest, clock, metrics)
        high_water = HighWater(settings.folder, signer.public)
        high_water.check(connection)
        writer.open()
        log_restored(writer, connection)
        directories = Directories(
            repository,
            settings.directory_cache,
            writer,
            clock,
            look_seconds=settings.directory_look_seconds,
            used=metrics.directory.set,
            monotonic=monotonic,
        )
        directories.open()
        _check_keys(directories.current.hub, signer, request_key)
        parts = Parts(
            settings.parts_folder,
            connection,
            writer,
            quota_bytes=settings.parts_quota_bytes,
            processes=settings.processes,
        )
        parts.open()
        broker = open_broker(settings, connection, writer)
        high_water.try_to_keep(writer.checkpoint)
    except BaseException:
        connection.close()
        raise
    return Hub(
        settings=settings,
        clock=clock,
        monotonic=monotonic,
        connection=connection,
        at_rest=at_rest,
        signer=signer,
        writer=writer,
        high_water=high_water,
        reader=Reader(connection, at_rest),
        directories=directories,
        parts=parts,
        metrics=metrics,
        request_key=request_key,
        nonces=SharedNonces(connection) if settings.shared else MemoryNonces(),
        failures=Rates(part * settings.failures_per_minute / 60, part * settings.failures_per_minute),
        quotas=Rates(part * settings.messages_per_second, part * settings.messages_burst),
        requests=Rates(part * settings.requests_per_second, part * settings.requests_burst),
        broker=broker,
        witness=Witness(connection, monotonic),
        chance=chance,
        tracing=tracing,
    )


def open_tables(settings: HubSettings, *, there: bool = False) -> Connection:
    """The hub's database with the tables this release wants; a file's are made, or brought up to date, on the way.

    Args:
        settings: the hub's.
        there: for a command, which makes no database and may wait longer for one than a hub.

    Raises:
        Rejected: NOT_FOUND when it must be there and is not; MIGRATION_NEEDED, which on a server somebody else has to
            do; a setting is wrong.
        Unavailable: it cannot be read or written.
    """
    if there and not settings.database_url and not settings.database.exists():
        raise Rejected("NOT_FOUND")
    alone = COMMAND_BUSY_TIMEOUT_MS if there else BUSY_TIMEOUT_MS
    connection = open_engine(
        settings.database,
        settings.database_url,
        settings.database_password_file,
        busy_timeout_ms=max(alone, int(settings.database_seconds_max * 1000)) if settings.shared else alone,
        seconds_max=settings.database_seconds_max,
        patience_seconds=0.0 if there else settings.database_start_seconds_max,
    )
    try:
        if not settings.database_url:
            tables.create(connection)
            if tables.layouts(connection)[0] < tables.LAYOUT:
                from hub.store.migrating import migrate_file  # noqa: PLC0415 - costs a start that needs none 0.2 s

                migrate_file(settings.database)
        tables.check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


@dataclass(frozen=True, slots=True)
class OpenLog:
    """A hub's database and log for a command that works beside a running hub."""

    connection: Connection
    at_rest: AtRest
    writer: LogWriter
    reader: Reader


@contextmanager
def open_log(settings: HubSettings, *, clock: Clock | None = None) -> Iterator[OpenLog]:
    """Database and log alone. Appends share the log with the running hub: whoever holds the lock writes.

    Raises:
        Rejected: KEY_FILE_INVALID, SECRET_EXPOSED, NOT_FOUND when there is no database yet; TEST_NOT_ALLOWED; as
            `HighWater.check`.
        Unavailable: it cannot be read or written.
    """
    _check_whole(settings)
    os.umask(0o077)
    secrets = read_keyring(settings.keyring, read_passphrase(settings.secrets))
    _check_clock(settings, Repository(settings.directory_folder, secrets))
    at_rest, signer = _keys(settings, secrets)
    connection = open_tables(settings, there=True)
    try:
        writer = LogWriter(connection, signer, at_rest, clock or settings.clock)
        HighWater(settings.folder, signer.public).check(connection)
        writer.open()
        yield OpenLog(connection, at_rest, writer, Reader(connection, at_rest))
    finally:
        connection.close()


def _check_whole(settings: HubSettings) -> None:
    """The settings file is written last: without it this is half of a hub, or none."""
    if not (settings.folder / SETTINGS_FILE).exists():
        raise Rejected("NOT_FOUND")


def _keys(settings: HubSettings, secrets: Mapping[str, bytes]) -> tuple[AtRest, LogSigner]:
    return (
        AtRest(secrets["at_rest"], secrets["index"]),
        LogSigner(settings.origin, secrets["log.ed25519"], secrets["log.mldsa44"]),
    )


def _check_clock(settings: HubSettings, repository: Repository) -> None:
    """A clock that is ahead is for tests: asked before anything is signed or logged by it."""
    if settings.test_clock and not repository.tests_alone():
        raise Rejected("TEST_NOT_ALLOWED", "/test_clock_ahead_seconds")


def _check_keys(published: HubRecord, signer: LogSigner, request_key: RequestKey) -> None:
    if published.log != signer.public or published.request_key != request_key.public:
        raise Fault("the directory names other keys of this hub")
