"""The key directory as this edge uses it: fetched, its chain verified, and in the log before anything relies on it.

Guarantees that a version is used only with the receipt of a `DirectoryPublished` leaf that names its number and its
snapshot's digest, under a checkpoint the monitor found consistent (settled.md, Intake, Keys): a hub that shows one
partner a directory of its own must show it in the log to all. When the newest cannot be had or does not hold, the one
in use stays in use while it is valid.

A few older versions are kept in memory, so that a message is judged by the version the hub judged it by; past that the
newest one answers for the instant of acceptance, for key records stay in the key set with their times (docs/adr/0051).
"""

import asyncio
from collections import OrderedDict

from adapters.edge.alarms import Alarms
from adapters.edge.hub_client import HubClient
from adapters.edge.metrics import Metrics
from adapters.edge.monitor import Monitor
from adapters.edge.tables import read_meta, write_meta
from keys.directory.client import DirectoryClient
from keys.directory.directory import Directory
from keys.proofs.receipt import CheckpointCache, VerifiedReceipt, verify_receipt
from schemas.errors import Rejected, Unavailable
from service.clock import Clock
from service.logs import log
from service.sqlite import Connection

_PROOF = "directory_proof"
SUSPENDED = "suspended"
"""Where the ids of suspended agreements are kept, for commands: one a line."""
VERSIONS_KEPT = 16


class Directories:
    """The directory version in use, and the way to a newer one."""

    def __init__(
        self,
        client: DirectoryClient,
        *,
        connection: Connection,
        hub: HubClient,
        monitor: Monitor,
        alarms: Alarms,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._client = client
        self._connection = connection
        self._hub = hub
        self._monitor = monitor
        self._alarms = alarms
        self._metrics = metrics
        self._clock = clock
        self._lock = asyncio.Lock()
        self._current: Directory | None = None
        self._versions: OrderedDict[int, Directory] = OrderedDict()
        self.checkpoints = CheckpointCache()

    @property
    def current(self) -> Directory:
        """The version in use; valid now.

        Raises:
            Unavailable: there is none yet.
            Rejected: DIRECTORY_INVALID, it has expired.
        """
        if self._current is None:
            raise Unavailable("STORE_UNAVAILABLE")
        self._current.check_fresh(self._clock())
        return self._current

    @property
    def version(self) -> int:
        """The number of the version in use, 0 for none."""
        return self._current.version if self._current is not None else 0

    def at(self, version: int) -> Directory:
        """The version the hub judged by, where we hold it; else the one in use."""
        return self._versions.get(version) or self.current

    def load(self) -> None:
        """Take the cached version up again, for a start without a connection; does nothing when there is none."""
        proof = read_meta(self._connection, _PROOF)
        if proof is None:
            return
        try:
            found = self._client.cached(self._clock())
            self._check_proof(found, proof)
            self._monitor.load(found.hub.log)
        except (Rejected, Unavailable) as error:
            log.warning("directory.cache_unused", code=error.code)
            return
        self._use(found)

    async def refresh(self, at_least: int = 0) -> Directory:
        """The newest version, proved to be in the log.

        Args:
            at_least: nothing is asked when the version in use is this one or newer; 0 always asks.

        Raises:
            Rejected: DIRECTORY_INVALID, PROOF_INVALID, CHECKPOINT_INVALID, LOG_INCONSISTENT: the old one stays in use.
            Unavailable: try again later.
        """
        async with self._lock:
            if at_least and self.version >= at_least:
                return self.current
            try:
                found = await self._fetch()
            except Rejected as refusal:
                if refusal.code == "DIRECTORY_INVALID":
                    self._alarms.sound("DIRECTORY_INVALID", str(self.version))
                raise
            if self._current is not None and found.version == self._current.version:
                self._use(found)
                return found
            try:
                raw = await self._hub.directory_proof(found.version)
                receipt = self._check_proof(found, raw)
            except Rejected:
                self._alarms.sound("DIRECTORY_UNLOGGED", str(found.version), found.snapshot_digest.encode())
                raise
            self._monitor.load(found.hub.log)
            await self._monitor.check((receipt.checkpoint,))
            write_meta(self._connection, _PROOF, raw)
            self._use(found)
            log.info("edge.directory", version=found.version)
            return found

    async def _fetch(self) -> Directory:
        steps = self._client.refreshing(self._clock())
        try:
            wanted = next(steps)
            while True:
                data = await self._hub.directory_file(wanted.path, wanted.bytes_max)
                wanted = steps.send(data)
        except StopIteration as done:
            found: Directory = done.value
        if self._current is not None and found.hub.log != self._current.hub.log:
            raise Rejected("DIRECTORY_INVALID", "/log")  # a new log is a new enrolment, not a refresh
        return found

    def _check_proof(self, found: Directory, raw: bytes) -> VerifiedReceipt:
        receipt = verify_receipt(raw, found.hub.log, self.checkpoints)
        leaf = receipt.leaf
        if (leaf.event, leaf.dir, leaf.digest) != ("DirectoryPublished", found.version, found.snapshot_digest):
            raise Rejected("PROOF_INVALID")
        return receipt

    def _use(self, found: Directory) -> None:
        self._current = found
        self._versions[found.version] = found
        self._versions.move_to_end(found.version)
        if len(self._versions) > VERSIONS_KEPT:
            self._versions.popitem(last=False)
        self._metrics.directory.set(found.version)
        held = sorted(one.id for one in found.agreements.values() if one.status == "suspended")
        write_meta(self._connection, SUSPENDED, "\n".join(held).encode())
