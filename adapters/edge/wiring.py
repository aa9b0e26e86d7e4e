"""The edge as one object: what its tasks and routes share. Made by `open_edge`, let go when its block ends.

Holds this authority's private keys. KEM keys of former times stay in the key file under `kem.<anything>` and still open
what was sealed to them.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from adapters.contract import Channel
from adapters.edge.alarms import Alarms
from adapters.edge.casefile import CaseFiles
from adapters.edge.directories import Directories
from adapters.edge.holds import Holds
from adapters.edge.hub_client import HubClient
from adapters.edge.inbox import Inbox
from adapters.edge.metrics import Metrics
from adapters.edge.monitor import Monitor
from adapters.edge.outbox import Outbox
from adapters.edge.settings import EdgeSettings
from adapters.edge.signals import Bells, backoff
from adapters.edge.tables import create
from keys.custody import read_keyring, read_passphrase
from keys.directory.client import DirectoryClient
from keys.proofs.checkpoint import LogPublic
from keys.requests import MemoryNonces, NonceStore
from keys.suite import KemPrivate, RequestKey, SigningPair
from schemas.errors import Rejected, Unavailable
from service.client import open_session
from service.clock import Clock
from service.sqlite import Connection, open_database
from service.tracing import Tracing, open_tracing

ROOT_BYTES_MAX = 512 * 1024


@dataclass(slots=True)
class Edge:
    """A running edge's parts. `connection` is the only one of this process."""

    settings: EdgeSettings
    clock: Clock
    connection: Connection
    pair: SigningPair = field(repr=False)
    kems: Mapping[str, KemPrivate] = field(repr=False)
    hub: HubClient
    monitor: Monitor
    directories: Directories
    outbox: Outbox
    holds: Holds
    inbox: Inbox
    cases: CaseFiles
    alarms: Alarms
    metrics: Metrics
    bells: Bells
    nonces: NonceStore
    tracing: Tracing = field(default_factory=Tracing)
    channels: dict[str, Channel] = field(default_factory=dict)
    unsettled: int = 0
    """Submissions that channels have offered and that are not yet settled."""

    @property
    def partner(self) -> str:
        """Our partner id."""
        return self.settings.partner

    def now(self) -> datetime:
        """The wall clock."""
        return self.clock()

    def seconds(self) -> float:
        """The wall clock in seconds since 1970."""
        return self.clock().timestamp()

    def retry_at(self, attempts: int, told: float | None = None) -> float:
        """When to try again after so many tries."""
        settings = self.settings
        return self.seconds() + backoff(attempts, settings.retry_first_seconds, settings.retry_max_seconds, told=told)


@asynccontextmanager
async def open_edge(settings: EdgeSettings, *, clock: Clock | None = None) -> AsyncIterator[Edge]:
    """The edge of a data directory made by `liaison edge init`, for as long as the block runs; no task runs yet.

    Raises:
        Rejected: KEY_FILE_INVALID, SECRET_EXPOSED, NOT_FOUND (no root), CHECKPOINT_INVALID.
        Unavailable: the database cannot be read or written.
    """
    os.umask(0o077)
    clock = clock or settings.clock
    secrets = read_keyring(settings.keyring, read_passphrase(settings.passphrase))
    pair = SigningPair.from_seeds(secrets["sign.ed25519"], secrets["sign.mldsa65"])
    kems = [KemPrivate.from_seed(seed) for name, seed in secrets.items() if name == "kem" or name.startswith("kem.")]
    key = RequestKey.from_seed(secrets["request"])
    root = _root(settings)
    for folder in (settings.spool, settings.attachments):
        folder.mkdir(exist_ok=True)
    tracing = open_tracing("liaison-edge", settings.otlp_endpoint, settings.trace_share)
    connection = open_database(settings.database)
    try:
        create(connection)
        async with open_session(authorities=settings.authorities) as session:
            metrics = Metrics()
            hub = HubClient(
                session,
                settings.hub,
                key,
                clock,
                request_seconds=settings.request_seconds,
                part_seconds=settings.part_seconds,
            )
            alarms = Alarms(connection, clock, metrics)
            monitor = Monitor(connection, hub, alarms, metrics)
            client = DirectoryClient(root, settings.directory_cache)
            directories = Directories(
                client,
                connection=connection,
                hub=hub,
                monitor=monitor,
                alarms=alarms,
                metrics=metrics,
                clock=clock,
            )
            directories.load()
            yield Edge(
                settings=settings,
                clock=clock,
                connection=connection,
                pair=pair,
                kems={kem.public.key_id: kem for kem in kems},
                hub=hub,
                monitor=monitor,
                directories=directories,
                outbox=Outbox(connection),
                holds=Holds(connection),
                inbox=Inbox(connection),
                cases=CaseFiles(connection, settings.partner),
                alarms=alarms,
                metrics=metrics,
                bells=Bells(),
                nonces=MemoryNonces(),
                tracing=tracing,
            )
    finally:
        connection.close()
        tracing.close()


def cached_log(settings: EdgeSettings) -> LogPublic:
    """The log's keys as the directory last taken in names them, for work without a connection.

    Raises:
        Rejected: DIRECTORY_INVALID, it has expired; NOT_FOUND, there is no root.
        Unavailable: none was ever taken in.
    """
    return DirectoryClient(_root(settings), settings.directory_cache).cached(settings.clock()).hub.log


def _root(settings: EdgeSettings) -> bytes:
    try:
        with settings.root.open("rb") as file:
            return file.read(ROOT_BYTES_MAX)
    except FileNotFoundError as error:
        raise Rejected("NOT_FOUND") from error
    except OSError as error:
        raise Unavailable("STORE_UNAVAILABLE") from error
