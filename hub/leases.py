"""Who does what only one process may do at a time: relay, delivery, clocks. A row a role, with an epoch.

Guarantees that a role has at most one holder by the database's own clock (a process with a wrong clock neither steals
nor keeps one), and that what a holder which was paused, cut off or forgotten still wants to write under an old epoch is
not written: `fenced` looks inside the transaction of the effect. A holder that ends gives its role back; one that dies
loses it after `lease_seconds`. A hub that shares its database with nobody holds every role without a row.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from hub.log.batch import Answer, Batch, Sealed, Work
from hub.store.engine import Connection, database_time, transaction
from hub.wiring import Hub
from schemas.errors import Unavailable
from service.failpoints import reach
from service.logs import log

T = TypeVar("T")

_LOOKS_A_LEASE = 3
"""A holder says so three times a lease, so that one lost word costs nothing."""
_ROW = "SELECT epoch, holder, until FROM lease WHERE role = ?"
_TAKE = (
    "INSERT INTO lease (role, epoch, holder, until) VALUES (?, ?, ?, ?) ON CONFLICT (role) DO UPDATE "
    "SET epoch = excluded.epoch, holder = excluded.holder, until = excluded.until"
)
_GIVE_BACK = "UPDATE lease SET until = ? WHERE role = ? AND epoch = ? AND holder = ? AND until > ?"
_IS_HELD = "SELECT 1 FROM lease WHERE role = ? AND epoch = ? AND holder = ?"


@dataclass(frozen=True, slots=True)
class Lease:
    """A role held under an epoch. Without a holder's name there is nobody to share with."""

    role: str
    epoch: int = 0
    holder: str = ""

    def fenced(self, work: Work[T]) -> Work[T]:
        """The work, done only where the lease still holds; else its answer raises Unavailable(BUSY)."""
        if not self.holder:
            return work

        def guarded(batch: Batch) -> Answer[T]:
            held = batch.connection.execute(_IS_HELD, (self.role, self.epoch, self.holder)).fetchone()
            return _lost if held is None else work(batch)

        return guarded


def take(connection: Connection, role: str, holder: str, seconds: float) -> Lease | None:
    """The role is the holder's for so many seconds from now, anew or still; None while it is another's.

    Raises:
        Unavailable: STORE_UNAVAILABLE.
    """
    with transaction(connection):
        now = database_time(connection)
        row = connection.execute(_ROW, (role,)).fetchone()
        epoch, held_by, until = row or (0, "", 0.0)
        if until > now and held_by != holder:
            return None
        if until <= now or held_by != holder:
            epoch += 1
        connection.execute(_TAKE, (role, epoch, holder, now + seconds))
        reach("hub.lease.taken")
    return Lease(role, epoch, holder)


def give_back(connection: Connection, lease: Lease) -> None:
    """Another process may have the role at once. Raises Unavailable: then it has it after the lease."""
    with transaction(connection):
        now = database_time(connection)
        connection.execute(_GIVE_BACK, (now, lease.role, lease.epoch, lease.holder, now))


async def hold(hub: Hub, role: str, work: Callable[[Lease], Awaitable[None]]) -> None:
    """Do the role's work for as long as this process has the role, and wait for it while another has.

    Cancelled, it gives the role back.
    """
    if not hub.settings.shared:
        await work(Lease(role))
        return
    holder, every = os.urandom(8).hex(), hub.settings.lease_seconds / _LOOKS_A_LEASE
    while True:
        lease = _tried(hub, role, holder)
        if lease is None:
            await asyncio.sleep(every)
            continue
        log.info("role.taken", role=role, epoch=lease.epoch)
        try:
            await _until_lost(hub, lease, work, every)
        finally:
            _given_back(hub, lease)
            hub.metrics.role_ended(role)
        log.warning("role.lost", role=role, epoch=lease.epoch)


async def _until_lost(hub: Hub, lease: Lease, work: Callable[[Lease], Awaitable[None]], every: float) -> None:
    """The work, ended once the lease is another's, or nobody could be told in time that it is still ours."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_run(work, lease))
        told = loop.time()
        while not task.done():
            await asyncio.sleep(every)
            try:
                kept = take(hub.connection, lease.role, lease.holder, hub.settings.lease_seconds) == lease
                told = loop.time()
            except Unavailable as error:
                _failed(lease.role, error)
                kept = loop.time() - told <= hub.settings.lease_seconds
            if not kept:
                task.cancel()
                break


async def _run(work: Callable[[Lease], Awaitable[None]], lease: Lease) -> None:
    await work(lease)


def _tried(hub: Hub, role: str, holder: str) -> Lease | None:
    try:
        return take(hub.connection, role, holder, hub.settings.lease_seconds)
    except Unavailable as error:
        _failed(role, error)
        return None


def _given_back(hub: Hub, lease: Lease) -> None:
    try:
        give_back(hub.connection, lease)
    except Unavailable as error:
        _failed(lease.role, error)


def _failed(role: str, error: Unavailable) -> None:
    log.error("role.failed", error, role=role, code=error.code)


def _lost(_: Sealed) -> NoReturn:
    raise Unavailable("BUSY")
